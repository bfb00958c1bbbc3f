"""Gathers the rows of a run into columns with NumPy: rows made alike at once, others one by one.

Covers runs whose steps never go back within a stream, as nearly all do; for the others it raises
OutOfOrderError, and the plain merge, which is the reference for what comes out here, does it.
Needs NumPy; never does I/O.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidelog.datastore.columns import Series
from tidelog.datastore.format import CHUNK_HEADER_BYTES
from tidelog.datastore.merge import RowMerger, Schemas
from tidelog.datastore.row_layout import RowLayout
from tidelog.datastore.selection import ALL, Selection
from tidelog.datastore.stretch import Stretch, read_stretch
from tidelog.datastore.typed_column import Array, GrowingArray, TypedColumn, typed_array

BLOCK_ROWS = 4096
"""So many single rows become arrays at once."""

RESERVED_ROWS_MAX = 1024 * 1024
"""Room is made for so many rows at most before they are seen."""

STEP_MAX = 2**63 - 1


class OutOfOrderError(Exception):
    """A step goes back, or a step or a time is of a kind that no column of numbers holds."""


class Gathered:
    """Rows as columns, in the same sense as `RowMerger`: calls of one step are one row."""

    def __init__(self, selection: Selection = ALL) -> None:
        self._selection = selection
        self._steps = GrowingArray(np.int64)
        self._times = GrowingArray(np.float64)
        self._columns: dict[str, TypedColumn] = {}
        # The names of the last row, wanted or not, and its step: a call of the same step may join it.
        self._last_names: set[str] = set()
        self._last_step: int | None = None
        # Single rows behind it that are no arrays yet.
        self._block = RowMerger(selection)

    def begin_stream(self) -> None:
        """Keep the rows that follow apart from those before, even where their steps are the same."""
        self.settle()
        self._last_step = None

    def reserve(self, stretch: Stretch, size_bytes: int) -> None:
        """Make room for as many more rows like these as there can be in so many bytes of a log."""
        rows = size_bytes // (CHUNK_HEADER_BYTES + stretch.layout.size)
        length = min(len(self._steps) + rows, RESERVED_ROWS_MAX)
        self._steps.reserve(length)
        self._times.reserve(length)
        for name in stretch.names:
            if name in self._columns:
                self._columns[name].reserve(length)

    def add_rows(self, schemas: Schemas, records: list[list[Any]]) -> None:
        """Take row records of a log. Raises OutOfOrderError."""
        if not self._block.steps:
            joined = self._join_rows(schemas, records)
            records = records[joined:]
        self._block.add_rows(schemas, records)
        if len(self._block.steps) >= BLOCK_ROWS:
            self.settle()

    def add_stretch(
        self, window: bytes, at: int, seq: int, tag: int, schemas: Schemas
    ) -> Stretch | None:
        """Take the rows that `read_stretch` finds, and return them. Raises OutOfOrderError."""
        stretch = read_stretch(window, at, seq, tag, schemas)
        if stretch is not None:
            self.settle()
            self._take(stretch.names, stretch.layout, stretch.rows)
        return stretch

    def settle(self) -> None:
        """Turn the single rows into arrays. Raises OutOfOrderError."""
        block = self._block
        if not block.steps:
            return
        if block.has_gone_back:
            raise OutOfOrderError
        self._block = RowMerger(self._selection)
        self._close_row()
        steps, times = _as_steps(block.steps), _as_times(block.times)
        self._last_step, self._last_names = block.steps[-1], set(block.row_names[-1])
        columns = {name: block.present(name) for name in block.names}
        if self._selection.metric is not None:
            kept = _only_metric(columns, len(steps))
            steps, times = steps[kept], times[kept]
        start = len(self._steps)
        self._steps.extend(steps)
        self._times.extend(times)
        for name, (rows, values) in columns.items():
            self._append_values(name, start, rows, values)

    def _take(self, names: tuple[str, ...], layout: RowLayout, rows: Array) -> None:
        steps = _as_steps(layout.step.of(rows))
        if self._selection.has_limits:
            is_wanted = _within(steps, self._selection)
            steps, rows = steps[is_wanted], rows[is_wanted]
        if not len(steps):
            return
        if (steps[1:] < steps[:-1]).any():
            raise OutOfOrderError
        if self._is_joining(int(steps[0]), names):
            self._join(names, _record(layout, rows[:1]))
            steps, rows = steps[1:], rows[1:]
        if len(steps):
            self._append_stretch(names, steps, layout, rows)

    @property
    def names(self) -> list[str]:
        """The names of all columns, as they first appeared."""
        self.settle()
        return list(self._columns)

    @property
    def step_column(self) -> Array:
        """The step of each row."""
        self.settle()
        return self._steps.handed_over()

    @property
    def time_column(self) -> Array:
        """When each row was last added to, in seconds since the epoch."""
        self.settle()
        return self._times.handed_over()

    def column(self, name: str) -> Array:
        """Hand over one value per row, once; what a row lacks is NaN among floats, else None."""
        self.settle()
        return self._columns.pop(name).whole(len(self._steps))

    def series(self, name: str) -> Series:
        """Hand over the values that rows have, with steps and times, once; None is no value."""
        self.settle()
        self._close_row()
        rows, values = self._columns.pop(name, TypedColumn()).present(len(self._steps))
        steps, times = self._steps.handed_over(), self._times.handed_over()
        return Series(steps, times, values) if rows is None else Series(steps[rows], times[rows], values)

    # -- a call that joins the last row -----------------------------------------------------------

    def _join_rows(self, schemas: Schemas, records: list[list[Any]]) -> int:
        """Let the first records join the last row, as many as do; return how many."""
        for joined, record in enumerate(records):
            names = schemas[record[1]]
            if not self._is_joining(record[2], names):
                return joined
            self._join(names, record)
        return len(records)

    def _is_joining(self, step: int, names: tuple[str, ...]) -> bool:
        if self._last_step is None or step > self._last_step:
            return False
        if step < self._last_step:
            raise OutOfOrderError
        return self._last_names.isdisjoint(names)

    def _join(self, names: tuple[str, ...], record: list[Any]) -> None:
        row = len(self._steps) - 1
        self._times.values[row] = _as_times([record[3]])[0]
        self._last_names.update(names)
        for place, name in self._selection.places(names):
            self._column(name).extend(range(row, row + 1), typed_array([record[4 + place]]))

    # -- rows behind it ---------------------------------------------------------------------------

    def _append_stretch(
        self, names: tuple[str, ...], steps: Array, layout: RowLayout, rows: Array
    ) -> None:
        wanted = self._selection.places(names)
        self._close_row()
        if not wanted and self._selection.metric is not None:
            steps, rows = steps[-1:], rows[-1:]  # No more than the last can ever have that metric.
        start = len(self._steps)
        self._steps.extend(steps)
        self._times.extend(layout.time.of(rows))
        for place, name in wanted:
            column = self._column(name)
            column.extend(range(start, len(self._steps)), layout.values[place].of(rows))
        self._last_step, self._last_names = int(steps[-1]), set(names)

    def _append_values(self, name: str, start: int, rows: Sequence[int], values: list[Any]) -> None:
        if isinstance(rows, range):
            places: range | Array = range(start + rows.start, start + rows.stop)
        else:
            places = np.array(rows, np.int64) + start
        self._column(name).extend(places, typed_array(values))

    def _close_row(self) -> None:
        """Drop the last row, now that no call joins it any more, if the one metric is not in it."""
        metric = self._selection.metric
        if metric is not None and len(self._steps) and metric not in self._last_names:
            self._steps.pop()
            self._times.pop()
            self._last_names = {metric}

    def _column(self, name: str) -> TypedColumn:
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = TypedColumn()
        return column


def _record(layout: RowLayout, rows: Array) -> list[Any]:
    """Return the row record of a matrix of one row."""
    time = layout.time.of(rows).tolist()
    values = [place.of(rows).item() for place in layout.values]
    return [None, layout.schema_id, None, *time, *values]


def _only_metric(columns: dict[str, tuple[Sequence[int], list[Any]]], rows: int) -> list[int]:
    """Return the rows to keep: those with the one metric, and the last, which a later call may join."""
    kept: list[int] = []
    for name, (places, values) in columns.items():
        kept += places
        columns[name] = (range(len(values)), values)
    return kept if kept and kept[-1] == rows - 1 else [*kept, rows - 1]


def _as_steps(steps: list[int] | Array) -> Array:
    if isinstance(steps, list):
        try:
            return np.array(steps, np.int64)
        except OverflowError as error:
            raise OutOfOrderError from error
    if steps.dtype.kind == "u" and (steps > STEP_MAX).any():
        raise OutOfOrderError
    return steps.astype(np.int64)


def _as_times(times: list[Any]) -> Array:
    """Return times as floats; ints among them would be another kind of column."""
    if set(map(type, times)) != {float}:
        raise OutOfOrderError
    return np.array(times, np.float64)


def _within(steps: Array, selection: Selection) -> Array:
    is_wanted = np.ones(len(steps), np.bool_)
    if selection.first is not None:
        is_wanted &= steps >= selection.first
    if selection.stop is not None:
        is_wanted &= steps < selection.stop
    return is_wanted
