"""Rows of one stream become rows of a table: calls of the same step are one row. Pure.

A row joins the last one of its step unless both hold the same key; then it begins another row of
that step, so that no value is ever dropped, whatever the order of the steps.
"""

import math
from itertools import compress
from operator import itemgetter
from typing import Any

from tidelog.datastore.columns import MISSING, Series, make_column
from tidelog.datastore.selection import ALL, Selection

BLOCK_ROWS = 1024
"""So many rows are held as records before their values become columns."""

Schemas = dict[int, tuple[str, ...]]


class RowMerger:
    """Collects rows into columns: `steps`, `times`, and a list of values per name that is wanted."""

    def __init__(self, selection: Selection = ALL) -> None:
        self.steps: list[int] = []
        self.times: list[float] = []
        self.row_names: list[tuple[str, ...]] = []
        self._selection = selection
        self._columns: dict[str, list[Any]] = {}
        self._stream_start = 0
        self._step_max: float = -math.inf
        # Kept once a step has gone back; until then only the last row can be joined.
        self._row_of_step: dict[int, int] | None = None
        # Rows that are no columns yet: schema id -> where they belong, and their records.
        self._schemas: Schemas = {}
        self._block: dict[int, tuple[list[int], list[list[Any]]]] = {}
        self._block_start = 0

    @property
    def has_gone_back(self) -> bool:
        """Whether a row of this stream came after one of a higher step."""
        return self._row_of_step is not None

    def add_rows(self, schemas: Schemas, records: list[list[Any]]) -> None:
        """Take row records, `[1, schema_id, step, time, value, ...]`, of a log with these schemas."""
        if schemas is not self._schemas:
            self._flush()
            self._schemas = schemas
        steps, block = self.steps, self._block
        for record in records:
            step, schema_id = record[2], record[1]
            if step > self._step_max:
                self._step_max = step
                row = self._begin_row(step, record[3], schemas[schema_id])
            else:
                row = self._join_row(step, record[3], schemas[schema_id])
            rows_of_schema = block.get(schema_id)
            if rows_of_schema is None:
                rows_of_schema = block[schema_id] = ([], [])
            rows_of_schema[0].append(row)
            rows_of_schema[1].append(record)
            if len(steps) - self._block_start >= BLOCK_ROWS:
                self._flush()

    def begin_stream(self) -> None:
        """Keep the rows that follow apart from those before, even where their steps are the same."""
        self._flush()
        self._stream_start = len(self.steps)
        self._step_max = -math.inf
        self._row_of_step = None

    @property
    def names(self) -> list[str]:
        """The names of all columns, as they first appeared."""
        self._flush()
        return list(self._columns)

    @property
    def step_column(self) -> Any:
        """The step of each row."""
        return make_column(self.steps)

    @property
    def time_column(self) -> Any:
        """When each row was last added to, in seconds since the epoch."""
        return make_column(self.times)

    def column(self, name: str) -> Any:
        """Hand over one value per row, once; what a row lacks is NaN among floats, else None."""
        return make_column(self.columns().pop(name))

    def series(self, name: str) -> Series:
        """Hand over the values that rows have, with steps and times, once; None is no value."""
        column = self.columns().pop(name, [])
        if len(column) == len(self.steps) and MISSING not in column and None not in column:
            return Series(self.step_column, self.time_column, make_column(column))
        is_held = [value is not MISSING and value is not None for value in column]
        three = (self.steps, self.times, column)
        return Series(*(make_column(list(compress(values, is_held))) for values in three))

    def columns(self) -> dict[str, list[Any]]:
        """Return name -> one value per row, MISSING where a row has none."""
        self._flush()
        for column in self._columns.values():
            _pad(column, len(self.steps))
        return self._columns

    def _begin_row(self, step: int, time: float, names: tuple[str, ...]) -> int:
        row = len(self.steps)
        self.steps.append(step)
        self.times.append(time)
        self.row_names.append(names)
        if self._row_of_step is not None:
            self._row_of_step[step] = row
        return row

    def _join_row(self, step: int, time: float, names: tuple[str, ...]) -> int:
        row = self._last_row_of(step)
        if row is None or not set(names).isdisjoint(self.row_names[row]):
            return self._begin_row(step, time, names)
        self.times[row] = time
        self.row_names[row] += names
        return row

    def _last_row_of(self, step: int) -> int | None:
        if self._row_of_step is None:
            if step == self._step_max:
                return len(self.steps) - 1
            rows = range(self._stream_start, len(self.steps))
            self._row_of_step = dict(zip(self.steps[self._stream_start :], rows, strict=True))
        return self._row_of_step.get(step)

    def _flush(self) -> None:
        """Turn the rows of the block into columns."""
        for schema_id, (rows, records) in self._block.items():
            for place, name in self._selection.places(self._schemas[schema_id]):
                self._extend(name, rows, list(map(itemgetter(4 + place), records)))
        self._block.clear()
        self._block_start = len(self.steps)

    def _extend(self, name: str, rows: list[int], values: list[Any]) -> None:
        column = self._columns.setdefault(name, [])
        is_ascending = self._row_of_step is None
        if is_ascending and rows[0] >= len(column) and rows[-1] - rows[0] + 1 == len(rows):
            _pad(column, rows[0])
            column.extend(values)
            return
        _pad(column, len(self.steps))
        for row, value in zip(rows, values, strict=True):
            column[row] = value


def _pad(column: list[Any], rows: int) -> None:
    if len(column) < rows:
        column.extend([MISSING] * (rows - len(column)))
