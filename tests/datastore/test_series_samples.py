"""Many series are sampled while the rows of a log are read; NumPy only makes that faster."""

from pathlib import Path

import pytest
from log_spec import LogSpec

from tidelog.datastore.log_reader import LogReader
from tidelog.datastore.rows import RowLog, read_into
from tidelog.datastore.sampler import MinMaxSampler
from tidelog.datastore.selection import Selection
from tidelog.datastore.series_samples import BLOCK_POINTS, OutOfTimeError, SeriesSamples

POINTS = 20
with_and_without_numpy = pytest.mark.parametrize("numpy", [True, False], ids=["arrays", "rows"])


def sampled(
    path: Path,
    log: LogSpec,
    *,
    numpy: bool,
    keys: list[str] | None = None,
    series_max: int = 10,
) -> SeriesSamples:
    samples = SeriesSamples(Selection(keys), points=POINTS, series_max=series_max)
    read(path, log, samples, numpy=numpy)
    return samples


def read(path: Path, log: LogSpec, samples: SeriesSamples, *, numpy: bool) -> None:
    path.write_bytes(log.data)
    reader = LogReader(path)
    try:
        read_into(samples, RowLog(reader, "main"), Selection(), stretches=samples if numpy else None)
    finally:
        reader.close()


def rows_of(count: int, *names: str) -> LogSpec:
    log = LogSpec()
    for step in range(count):
        log.row(dict.fromkeys(names, step * 37 % 1009 / 7), step=step, time=1e9 + step)
    return log


@with_and_without_numpy
def test_a_sample_is_that_of_the_series_read_at_once(numpy: bool, tmp_path: Path) -> None:
    """Rows made alike, rows of other schemas between them, and more rows than a block holds."""
    log, expected = LogSpec(), MinMaxSampler(POINTS)
    for step in range(2 * BLOCK_POINTS + 300):
        value, time = step * 37 % 1009 / 7, 1e9 + step
        rare = {"rare": float(step)} if step % 1000 == 0 else {}
        log.row({"loss": value, "unwanted": 1.0, **rare}, step=step, time=time)
        expected.add(step, time, value)
    loss, rare_ones = sampled(tmp_path / "log", log, numpy=numpy, keys=["rare", "loss"]).sampled()
    assert ("loss", len(expected)) == (loss.key, loss.logged)
    assert [list(column) for column in expected.series()] == [list(column) for column in loss.series]
    assert ("rare", [0, 1000, 2000, 3000, 4000]) == (rare_ones.key, list(rare_ones.series.step))


@with_and_without_numpy
def test_of_rows_that_nobody_wants_nothing_is_kept(numpy: bool, tmp_path: Path) -> None:
    """They are passed over, and take no place among the series."""
    assert [] == sampled(tmp_path / "log", rows_of(500, "a"), numpy=numpy, keys=["b"]).sampled()


@with_and_without_numpy
def test_what_is_no_number_is_no_point(numpy: bool, tmp_path: Path) -> None:
    """Text, flags and nothing at all; the numbers around them count."""
    log = LogSpec()
    for step, value in enumerate([1.5, "text", True, None, 2, [3]]):
        log.row({"a": value}, step=step)
    [found] = sampled(tmp_path / "log", log, numpy=numpy).sampled()
    assert (2, [1.5, 2], [0, 4]) == (found.logged, list(found.series.value), list(found.series.step))


@with_and_without_numpy
def test_series_and_the_names_of_those_left_out_are_bounded(numpy: bool, tmp_path: Path) -> None:
    """The first ones are kept, as many again are named, and of the others nobody hears."""
    names = "abcdefg"
    samples = sampled(tmp_path / "log", rows_of(500, *names), numpy=numpy, series_max=3)
    assert [("a", 500), ("b", 500), ("c", 500)] == [
        (each.key, each.logged) for each in samples.sampled()
    ]
    assert ["d", "e", "f"] == list(samples.left_out)


def test_of_more_schemas_than_series_the_samples_are_the_same(tmp_path: Path) -> None:
    """What is remembered of schemas is forgotten at the bound, and found again."""
    log = LogSpec()
    for step in range(60):
        log.row({"a": float(step), f"other {step % 12}": 1.0}, step=step)
    samples = sampled(tmp_path / "log", log, numpy=True, keys=["a"], series_max=3)
    assert [("a", 60)] == [(each.key, each.logged) for each in samples.sampled()]


@with_and_without_numpy
def test_what_was_sampled_before_the_time_was_up_stands(numpy: bool, tmp_path: Path) -> None:
    """The question is asked again and again; whoever reads is told by an error."""
    answers = iter([False, True])
    samples = SeriesSamples(Selection(), points=POINTS, series_max=10, is_late=lambda: next(answers))
    with pytest.raises(OutOfTimeError):
        read(tmp_path / "log", rows_of(5000, "a"), samples, numpy=numpy)
    [found] = samples.sampled()
    assert 0 < found.logged < 5000
    assert 0 == found.series.step[0]
