"""Golden logs of format version 1: read for ever, and still written byte for byte."""

import json
import re
from pathlib import Path

import pytest
from golden.describe import describe, describe_log, describe_refusal
from golden.specs import GOLDEN, REFUSED, RUNS

TESTS = Path(__file__).parents[1]
V1 = TESTS / "golden" / "v1"
DOCUMENT = TESTS.parent / "docs" / "format.md"


def of_before(path: Path, described: dict[str, object]) -> tuple[object, object]:
    """Return what is told in the file beside it, and the same keys of what is told today."""
    expected = json.loads(path.with_suffix(".json").read_text())
    return expected, {key: described[key] for key in expected}


@pytest.mark.parametrize("path", sorted(V1.glob("*.tlog")), ids=lambda path: path.stem)
def test_a_golden_log_is_read_as_on_the_day_it_was_written(path: Path) -> None:
    """Compatibility: every record, every loss."""
    expected, found = of_before(path, describe_log(path))
    assert expected == found


@pytest.mark.parametrize("path", sorted((V1 / "refused").glob("*.tlog")), ids=lambda path: path.stem)
def test_a_golden_file_that_is_no_log_is_refused(path: Path) -> None:
    """And so is a log of a later format."""
    expected, found = of_before(path, describe_refusal(path))
    assert expected == found


@pytest.mark.parametrize(
    "path", [path for path in sorted((V1 / "runs").iterdir()) if path.is_dir()], ids=lambda p: p.name
)
def test_a_golden_run_is_read_as_on_the_day_it_was_written(path: Path) -> None:
    """Its logs as one run."""
    expected, found = of_before(path, describe(path))
    assert expected == found


def test_golden_logs_are_written_byte_for_byte() -> None:
    """What is checked in is what the encoder gives today, and all of it."""
    built = {f"{name}.tlog": data for name, data in GOLDEN.items()}
    built |= {f"refused/{name}.tlog": data for name, data in REFUSED.items()}
    built |= {f"runs/{run}/{log}": data for run, logs in RUNS.items() for log, data in logs.items()}
    held = {path.relative_to(V1).as_posix(): path.read_bytes() for path in V1.rglob("*.tlog")}
    assert held == built


def test_the_document_lists_the_golden_logs() -> None:
    """All of them, and no others."""
    section = DOCUMENT.read_text().split("## Vectors", 1)[1]
    listed = re.findall(r"^\| `([a-z_/]+?)(?:\.tlog|/)` \|", section, re.MULTILINE)
    golden = [*GOLDEN, *(f"refused/{name}" for name in REFUSED), *(f"runs/{name}" for name in RUNS)]
    assert sorted(golden) == sorted(listed)
