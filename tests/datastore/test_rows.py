"""Choosing rows and columns of a run while it is read, and what that may cost."""

import itertools
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidelog.datastore import Reader, Writer

MIB = 2**20
WORKING_MIB_MAX = 64
LOG_MIB = 80


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of ten steps, and a rank that logs the same steps."""
    for stream in ("main", "rank1"):
        writer = Writer(tmp_path, stream=stream)
        for step in range(10):
            writer.log_row({"loss": step / 10, f"{stream}/n": step, "note": "x"}, step=step)
        writer.close()
    return tmp_path


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (None, [*range(10), *range(10)]),
        (slice(None), [*range(10), *range(10)]),
        (slice(8, None), [8, 9, 8, 9]),
        (slice(None, 2), [0, 1, 0, 1]),
        (slice(3, 5, 1), [3, 4, 3, 4]),
        (slice(np.int64(3), 5), [3, 4, 3, 4]),
        (slice(5, 3), []),
        (slice(-5, None), [*range(10), *range(10)]),
        (slice(100, 200), []),
    ],
)
def test_a_slice_names_steps_not_places(run: Path, steps: slice | None, expected: list[int]) -> None:
    """From the first to before the second; of every stream."""
    with Reader(run) as reader:
        history = reader.history(steps=steps)
        assert expected == list(history["_step"])
        assert len(expected) == len(history)
        assert expected == list(reader.metric("loss", steps=steps).step)


@pytest.mark.parametrize(
    ("steps", "error", "sentence"),
    [
        (slice(0, 9, 2), ValueError, "has a stride of 2; only None or 1 is possible"),
        (slice(0.5, 9), TypeError, "the limit 0.5 is no int"),
        ((0, 9), TypeError, r"is no slice; steps=slice\(a, b\) means a <= step < b"),
    ],
)
def test_a_slice_that_cannot_be_is_refused(
    run: Path, steps: Any, error: type[Exception], sentence: str
) -> None:
    """The error says what can be."""
    with Reader(run) as reader, pytest.raises(error, match=sentence):
        reader.history(steps=steps)


def test_keys_are_names_and_patterns(run: Path) -> None:
    """One text, or several; a name that nobody logged is no error, for a live run may log it yet."""
    with Reader(run) as reader:
        assert ["_step", "_time", "loss"] == reader.history("loss").keys()
        assert ["_step", "_time", "main/n", "rank1/n"] == reader.history(["*/n", "nothing"]).keys()
        assert ["_step", "_time"] == reader.history([]).keys()
        assert 20 == len(reader.history([]))


def test_dtype_is_what_numbers_become(run: Path) -> None:
    """Steps and times stay as they are, texts as well."""
    with Reader(run) as reader:
        history = reader.history(dtype="float32")
    assert [np.dtype(np.int64), np.dtype(np.float64)] == [history[n].dtype for n in ("_step", "_time")]
    assert np.dtype(np.float32) == history["loss"].dtype
    assert "x" == history["note"][0]


def test_a_metric_that_nobody_logged_is_a_key_error(run: Path) -> None:
    """It tells which there are."""
    with (
        Reader(run) as reader,
        pytest.raises(KeyError, match="no row has 'lost'; there are: loss, main/n"),
    ):
        reader.metric("lost")


def test_one_metric_of_a_large_log_takes_little_memory(tmp_path: Path) -> None:
    """In a process of its own, the answer included; what is not asked for is never held."""
    writer = Writer(tmp_path)
    row = {f"metric{n}": n / 7 for n in range(100)}
    for step in itertools.count():
        writer.log_row(row, step=step)
        if step % 1000 == 0 and (tmp_path / "main.0001.tlog").stat().st_size > LOG_MIB * MIB:
            break
    writer.close()
    code = """
        import sys
        from resource import RUSAGE_SELF, getrusage
        from tidelog.datastore import Reader
        from tidelog.datastore import gather
        before = getrusage(RUSAGE_SELF).ru_maxrss
        with Reader(sys.argv[1]) as run:
            series = run.metric("metric50")
        assert len(series.step) > 50_000 and series.value[0] == 50 / 7
        print((getrusage(RUSAGE_SELF).ru_maxrss - before) / 1024)
        """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert float(found.stdout) < WORKING_MIB_MAX
