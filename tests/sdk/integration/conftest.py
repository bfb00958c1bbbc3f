"""What the tests of callbacks share: the run of this process, as a training script has it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidelog import sdk

# Keras needs a backend: PyTorch, which `training` in pyproject.toml has for Python 3.11 alone.
collect_ignore = [] if sys.version_info < (3, 12) else ["test_keras.py"]
os.environ["KERAS_BACKEND"] = "torch"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[sdk.Run]:
    """Give the current run of the module's functions, which is ended after the test."""
    run = sdk.init(project="p", mode="offline", dir=tmp_path / "root", settings={"quiet": True})
    yield run
    sdk.finish()
