"""Golden logs of format version 1: read for ever, and still written byte for byte."""

import json
from pathlib import Path

import pytest
from golden.describe import describe
from golden.specs import GOLDEN

V1 = Path(__file__).parents[1] / "golden" / "v1"


@pytest.mark.parametrize("name", sorted(path.stem for path in V1.glob("*.tlog")))
def test_a_golden_log_is_read_as_on_the_day_it_was_written(name: str) -> None:
    """Compatibility: every record, every loss."""
    expected = json.loads((V1 / f"{name}.json").read_text())
    assert expected == describe(V1 / f"{name}.tlog")


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_golden_log_is_written_byte_for_byte(name: str) -> None:
    """What is checked in is what the encoder gives today."""
    assert (V1 / f"{name}.tlog").read_bytes() == GOLDEN[name]
