"""Gathers the rows of a run into columns with NumPy: stretches of equal rows at once, others singly.

Covers runs whose steps never go back, as nearly all do; for the others `gather` answers None and the
plain merge, which is the reference for what comes out here, does it row by row. Needs NumPy.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tidelog.datastore.columns import FLOAT_INT_MAX, MISSING, make_column
from tidelog.datastore.log_reader import LogReader, LogWalk
from tidelog.datastore.records import ROW
from tidelog.datastore.stretch import Stretch, read_stretch

WINDOW_BYTES = 128 * 1024
WALK_BLOCK_BYTES = 8 * 1024
"""Small, because the walk begins anew behind each stretch."""

EQUAL_CHUNKS_MIN = 4
EQUAL_CHUNKS_MAX = 1024
"""So many chunks of one length in a row must come before a stretch is looked for; doubled in vain."""

STEP_MIN, STEP_MAX = -(2**63), 2**63 - 1

Array = npt.NDArray[Any]


def gather(logs: Iterable[LogReader]) -> "Gathered | None":
    """Return all rows of one stream's logs, or None where a step goes back."""
    gathered = Gathered()
    for log in logs:
        if not _gather_log(log, gathered):
            return None
    return gathered


class Gathered:
    """Rows as columns, in the same sense as `RowMerger`: calls of one step are one row."""

    def __init__(self) -> None:
        self._rows = 0
        self._steps: list[Array] = []
        self._times: list[Array] = []
        self._later_times: dict[int, float] = {}
        # Name -> pieces: the row where they begin, and values for that many rows.
        self._pieces: dict[str, list[tuple[int, Array]]] = {}
        self._last_step: int | None = None
        self._last_names: set[str] = set()
        # Single rows that are one new row each, of one schema: turned into a piece all at once.
        self._batch: list[list[Any]] = []
        self._batch_names: tuple[str, ...] = ()

    def add_row(self, names: tuple[str, ...], record: list[Any]) -> bool:
        """Take one row record; tell whether its step does not go back."""
        step = record[2]
        if not STEP_MIN <= step <= STEP_MAX:
            return False
        if self._last_step is not None and step <= self._last_step:
            if step < self._last_step:
                return False
            if self._last_names.isdisjoint(names):
                self._join(names, record)
                return True
        if names != self._batch_names:
            self._flush()
            self._batch_names = names
        self._batch.append(record)
        self._last_step, self._last_names = step, set(names)
        return True

    def add_stretch(self, names: tuple[str, ...], stretch: Stretch) -> bool:
        """Take many rows of one schema; tell whether no step goes back."""
        steps = stretch.steps
        if steps.dtype != np.int64 or (steps[1:] < steps[:-1]).any():
            return False
        if self._last_step is not None:
            first = int(steps[0])
            if first < self._last_step:
                return False
            if first == self._last_step and self._last_names.isdisjoint(names):
                values = [column[0].item() for column in stretch.values]
                self._join(names, [ROW, stretch.schema_id, first, float(stretch.times[0]), *values])
                columns = [column[1:] for column in stretch.values]
                self._append(names, steps[1:], stretch.times[1:], columns)
                return True
        self._append(names, steps, stretch.times, stretch.values)
        return True

    @property
    def step_column(self) -> Array:
        """The step of each row."""
        self._flush()
        return _joined(self._steps, np.int64)

    @property
    def time_column(self) -> Array:
        """When each row was last added to, in seconds since the epoch."""
        self._flush()
        times = _joined(self._times, np.float64)
        for row, time in self._later_times.items():
            times[row] = time
        return times

    @property
    def names(self) -> list[str]:
        """The names of all columns, as they first appeared."""
        self._flush()
        return list(self._pieces)

    def column(self, name: str) -> Array:
        """Return one value per row; what a row lacks is NaN among floats, else None."""
        self._flush()
        pieces = self._pieces[name]
        held = sum(len(values) for _, values in pieces)
        kinds = {values.dtype for _, values in pieces}
        if kinds <= {np.dtype(np.float64), np.dtype(np.int64)}:
            if np.dtype(np.float64) in kinds:
                if any(_has_inexact(values) for _, values in pieces):
                    return self._slow_column(pieces)
                column = np.full(self._rows, np.nan)
            elif held == self._rows:
                column = np.empty(self._rows, np.int64)
            else:
                return self._slow_column(pieces)
            for start, values in pieces:
                column[start : start + len(values)] = values
            return column
        return self._slow_column(pieces)

    def present(self, name: str) -> tuple[Array, Array]:
        """Return which rows have a value, and the values."""
        self._flush()
        pieces = self._pieces[name]
        rows = [np.arange(start, start + len(values)) for start, values in pieces]
        listed = [value for _, values in pieces for value in values.tolist()]
        kinds = {values.dtype for _, values in pieces}
        if len(kinds) == 1 and np.dtype(object) not in kinds:
            return np.concatenate(rows), np.concatenate([values for _, values in pieces])
        at = np.concatenate(rows)
        held = [index for index, value in enumerate(listed) if value is not None]
        return at[held], make_column([listed[index] for index in held])

    def _slow_column(self, pieces: list[tuple[int, Array]]) -> Array:
        column: list[Any] = [MISSING] * self._rows
        for start, values in pieces:
            column[start : start + len(values)] = values.tolist()
        made: Array = make_column(column)
        return made

    def _join(self, names: tuple[str, ...], record: list[Any]) -> None:
        """Add to the last row."""
        self._flush()
        row = self._rows - 1
        self._later_times[row] = record[3]
        for name, value in zip(names, record[4:], strict=True):
            self._pieces.setdefault(name, []).append((row, _piece([value])))
        self._last_names.update(names)

    def _flush(self) -> None:
        if self._batch:
            _, _, steps, times, *values = zip(*self._batch, strict=True)
            self._batch = []
            columns = [_piece(column) for column in values]
            self._append(
                self._batch_names, np.array(steps, np.int64), np.array(times, np.float64), columns
            )

    def _append(self, names: tuple[str, ...], steps: Array, times: Array, values: list[Array]) -> None:
        self._flush()
        if not len(steps):
            return
        for name, column in zip(names, values, strict=True):
            self._pieces.setdefault(name, []).append((self._rows, column))
        self._steps.append(steps)
        self._times.append(times)
        self._rows += len(steps)
        self._last_step, self._last_names = int(steps[-1]), set(names)


def _gather_log(log: LogReader, gathered: Gathered) -> bool:
    walk = log.walk(block_bytes=WALK_BLOCK_BYTES)
    patience = EQUAL_CHUNKS_MIN
    is_ended = False
    while not is_ended:
        is_ended = True
        length, equal = -1, 0
        for chunk, content in walk:
            if not isinstance(content, list):
                continue
            for record in content:
                if record[0] == ROW and not gathered.add_row(walk.schemas[record[1]], record):
                    return False
            equal = equal + 1 if len(chunk.payload) == length else 1
            length = len(chunk.payload)
            if equal >= patience:
                is_ended = False
                break
        if not is_ended:
            rows = _gather_stretches(log, walk, gathered)
            if rows is None:
                return False
            patience = EQUAL_CHUNKS_MIN if rows else min(2 * patience, EQUAL_CHUNKS_MAX)
    return True


def _gather_stretches(log: LogReader, walk: LogWalk, gathered: Gathered) -> int | None:
    """Take stretches from where the walk stands; return how many rows, None where a step goes back."""
    rows = 0
    while True:
        window = log.read_at(walk.offset, WINDOW_BYTES)
        at = 0
        while stretch := read_stretch(window, at, walk.chunks, log.identity.tag):
            names = walk.schemas.get(stretch.schema_id)
            if names is None or len(names) != len(stretch.values):
                return rows
            if not gathered.add_stretch(names, stretch):
                return None
            walk.advance(walk.offset + stretch.end - at, walk.chunks + stretch.rows)
            at = stretch.end
            rows += stretch.rows
        if not at:
            return rows


def _piece(values: Sequence[Any]) -> Array:
    """Return values as a column that keeps each as it is: None beside NaN, ints beside floats."""
    if len(set(map(type, values))) > 1 or values[0] is None:
        return np.fromiter(values, dtype=object, count=len(values))
    column: Array = make_column(values)
    return column


def _has_inexact(values: Array) -> bool:
    """Tell whether an int among the values would change as a float."""
    if values.dtype != np.int64:
        return False
    return bool((values > FLOAT_INT_MAX).any() or (values < -FLOAT_INT_MAX).any())


def _joined(pieces: list[Array], dtype: npt.DTypeLike) -> Array:
    return np.concatenate(pieces) if pieces else np.empty(0, dtype)
