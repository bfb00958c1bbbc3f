"""Rows of one stream become rows of a table: calls of the same step are one row. Pure.

A row joins the last one of its step unless both hold the same key; then it begins another row of
that step, so that no value is ever dropped, whatever the order of the steps.
"""

import math
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from tidelog.datastore.columns import MISSING, Series, make_column
from tidelog.datastore.selection import ALL, Selection

BLOCK_ROWS = 1024
"""So many rows are held as records before their values become columns."""

Schemas = dict[int, tuple[str, ...]]


class RowMerger:
    """Collects rows into columns: `steps`, `times`, and per name that is wanted its values and rows.

    What rows lack takes no room, so that many names in many rows cost no more than what was logged.
    """

    def __init__(self, selection: Selection = ALL) -> None:
        self.steps: list[int] = []
        self.times: list[float] = []
        self.row_names: list[tuple[str, ...] | set[str]] = []
        self._selection = selection
        self._columns: dict[str, SparseColumn] = {}
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
        self._flush()
        return make_column(self._columns.pop(name).whole(len(self.steps)))

    def series(self, name: str) -> Series:
        """Hand over the values that rows have, with steps and times, once; None is no value."""
        rows, values = self.present(name)
        if None in values:
            rows = [row for row, value in zip(rows, values, strict=True) if value is not None]
            values = [value for value in values if value is not None]
        steps, times = ([column[row] for row in rows] for column in (self.steps, self.times))
        return Series(make_column(steps), make_column(times), make_column(values))

    def present(self, name: str) -> tuple[Sequence[int], list[Any]]:
        """Hand over the rows that have a value of a name, in order, and those values; once."""
        self._flush()
        return self._columns.pop(name, SparseColumn()).in_order()

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
        if row is None:
            return self._begin_row(step, time, names)
        held = self.row_names[row]
        if not isinstance(held, set):
            held = set(held)
        if not held.isdisjoint(names):
            return self._begin_row(step, time, names)
        self.times[row] = time
        held.update(names)
        self.row_names[row] = held
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
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = SparseColumn()
        is_ascending = self._row_of_step is None
        is_range = is_ascending and rows[-1] - rows[0] + 1 == len(rows)
        column.extend(range(rows[0], rows[-1] + 1) if is_range else rows, values)


class SparseColumn:
    """The values of one name in parts as they came, each with the rows in which they stand."""

    def __init__(self) -> None:
        self._parts: list[tuple[Sequence[int], list[Any]]] = []

    def extend(self, rows: Sequence[int], values: list[Any]) -> None:
        """Append one value for each of `rows`, in none of which there is one."""
        self._parts.append((rows, values))

    def whole(self, rows: int) -> list[Any]:
        """Return one value for each of so many rows, MISSING where there is none."""
        column: list[Any] = [MISSING] * rows
        for places, values in self._parts:
            if isinstance(places, range):
                column[places.start : places.stop] = values
                continue
            for row, value in zip(places, values, strict=True):
                column[row] = value
        return column

    def in_order(self) -> tuple[Sequence[int], list[Any]]:
        """Return the rows that have a value, in order, and those values."""
        if len(self._parts) == 1 and isinstance(self._parts[0][0], range):
            return self._parts[0]
        held = {row: value for part in self._parts for row, value in zip(*part, strict=True)}
        rows = sorted(held)
        return rows, [held[row] for row in rows]
