"""What the tests of callbacks share: the run of this process, as a training script has it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidelog import sdk

os.environ["KERAS_BACKEND"] = "torch"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[sdk.Run]:
    """Give the current run of the module's functions, which is ended after the test."""
    run = sdk.init(project="p", mode="offline", dir=tmp_path / "root", settings={"quiet": True})
    yield run
    sdk.finish()
