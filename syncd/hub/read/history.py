"""Reads series of numbers from the logs of a run, sampled, in bounded memory and time. Never writes."""

import importlib.util
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import MONITOR
from tidelog.datastore.rows import RowLog, read_into
from tidelog.datastore.run_logs import RunLogs
from tidelog.datastore.scan import BLOCK_BYTES
from tidelog.datastore.selection import Selection
from tidelog.datastore.series_samples import OutOfTimeError, Sampled, SeriesSamples
from tidelog.syncd.hub.read.documents import History, Points
from tidelog.syncd.hub.web.address import RunAddress

STEP, TIME = "step", "time"
NAME_CHARS_MAX = 1024

HAS_NUMPY = importlib.util.find_spec("numpy") is not None


class Wanted(NamedTuple):
    """Which series, sampled to how many points, in the order of which axis; `streams` are patterns."""

    keys: list[str]
    streams: list[str]
    points: int
    series_max: int
    x: str


class _Stream(NamedTuple):
    name: str
    logs: list[RowLog]


def read_history(
    directory: str, run: RunAddress, wanted: Wanted, *, disk: Disk, is_late: Callable[[], bool]
) -> History:
    """Return sampled series of a run; not complete once `is_late` said so.

    Raises what opening the logs raises, DatastoreError and OSError.
    """
    series: list[Points] = []
    left_out: dict[str, None] = {}
    is_complete = True
    logs = RunLogs(Path(directory), recovery="skip_damage", disk=disk, block_bytes=BLOCK_BYTES)
    try:
        for stream in _streams(logs, wanted.streams):
            samples = SeriesSamples(
                Selection(wanted.keys),
                points=wanted.points,
                series_max=wanted.series_max - len(series),
                is_late=is_late,
            )
            is_complete = _read(stream, wanted, samples) and is_complete
            series += [_points(stream.name, each, wanted.x) for each in samples.sampled()]
            left_out.update(samples.left_out)
    finally:
        logs.close()
    names = [name[:NAME_CHARS_MAX] for name in left_out][: wanted.series_max]
    return History(*run, series, names, is_complete)


def _read(stream: _Stream, wanted: Wanted, samples: SeriesSamples) -> bool:
    """Read a stream; tell whether there was time for all of it."""
    try:
        for log in stream.logs:
            read_into(samples, log, Selection(wanted.keys), stretches=samples if HAS_NUMPY else None)
    except OutOfTimeError:
        return False
    return True


def _streams(logs: RunLogs, patterns: list[str]) -> Iterator[_Stream]:
    """Yield the streams that are wanted: without patterns, all of training."""
    streams: dict[str, list[RowLog]] = {}
    for log in logs.row_logs():
        streams.setdefault(log.stream, []).append(log)
    wanted = Selection(patterns)
    for name, own in streams.items():
        if not patterns or wanted.has_name(name):
            yield _Stream(name, own)
    if wanted.has_name(MONITOR):
        for at, samples in enumerate(logs.sample_logs().values()):
            # That of the machine of the main process comes first.
            yield _Stream(f"{MONITOR}{at or ''}", samples)


def _points(stream: str, sampled: Sampled, x: str) -> Points:
    columns = [_plain(column) for column in sampled.series]
    axis = columns[0 if x == STEP else 1]
    order = sorted(range(len(axis)), key=axis.__getitem__)
    steps, times, values = ([column[at] for at in order] for column in columns)
    return Points(
        sampled.key,
        stream,
        sampled.logged,
        steps,
        [_number(t) for t in times],
        [_number(v) for v in values],
    )


def _plain(column: Any) -> list[Any]:
    return column.tolist() if hasattr(column, "tolist") else list(column)


def _number(value: float) -> float | int | str:
    """Return a number as JSON has it: NaN and the infinities are words."""
    if isinstance(value, int) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
