"""Rows of one stream become rows of a table: calls of the same step are one row. Pure.

A row joins an earlier one of its step unless both hold the same key; then it begins another row of
that step, so that no value is ever dropped, whatever the order of the steps.
"""

from collections.abc import Sequence
from typing import Any

from tidelog.datastore.columns import MISSING, make_column


class RowMerger:
    """Collects rows into columns: `steps`, `times`, and a list of values per name."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.times: list[float] = []
        self._columns: dict[str, list[Any]] = {}
        self._row_of_step: dict[int, int] = {}
        self._step_max: int | None = None
        # Rows of one schema whose steps only go up need no look at earlier rows: they are kept here
        # and turned into columns all at once.
        self._batch: list[list[Any]] = []
        self._batch_names: tuple[str, ...] = ()

    def add(self, names: tuple[str, ...], record: list[Any]) -> None:
        """Take one row record: `[1, schema_id, step, time, value, ...]`."""
        step = record[2]
        if self._step_max is None or step > self._step_max:
            if names != self._batch_names:
                self._flush()
                self._batch_names = names
            self._batch.append(record)
            self._step_max = step
        else:
            self._flush()
            self._join(names, record)

    @property
    def step_column(self) -> Any:
        """The step of each row."""
        self._flush()
        return make_column(self.steps)

    @property
    def time_column(self) -> Any:
        """When each row was last added to, in seconds since the epoch."""
        self._flush()
        return make_column(self.times)

    @property
    def names(self) -> list[str]:
        """The names of all columns, as they first appeared."""
        return list(self.columns())

    def column(self, name: str) -> Any:
        """Return one value per row; what a row lacks is NaN among floats, else None."""
        return make_column(self.columns()[name])

    def present(self, name: str) -> tuple[list[int], Any]:
        """Return which rows have a value, and the values."""
        column = self.columns()[name]
        rows = [row for row, value in enumerate(column) if value is not MISSING and value is not None]
        return rows, make_column([column[row] for row in rows])

    def begin_stream(self) -> None:
        """Keep the rows that follow apart from those before, even where their steps are the same."""
        self._flush()
        self._row_of_step = {}
        self._step_max = None

    def columns(self) -> dict[str, list[Any]]:
        """Return name -> one value per row, MISSING where a row has none."""
        self._flush()
        for column in self._columns.values():
            _pad(column, len(self.steps))
        return self._columns

    def _flush(self) -> None:
        if not self._batch:
            return
        start = len(self.steps)
        _, _, steps, times, *values = zip(*self._batch, strict=True)
        self._batch = []
        self.steps.extend(steps)
        self.times.extend(times)
        self._row_of_step.update(zip(steps, range(start, len(self.steps)), strict=True))
        for name, column_values in zip(self._batch_names, values, strict=True):
            self._column(name, start).extend(column_values)

    def _join(self, names: tuple[str, ...], record: list[Any]) -> None:
        row = self._row_of_step.get(record[2])
        if row is None or self._has_any(names, row):
            row = self._row_of_step[record[2]] = len(self.steps)
            self.steps.append(record[2])
            self.times.append(record[3])
        else:
            self.times[row] = record[3]
        for name, value in zip(names, record[4:], strict=True):
            column = self._column(name, row)
            if row == len(column):
                column.append(value)
            else:
                column[row] = value

    def _has_any(self, names: Sequence[str], row: int) -> bool:
        for name in names:
            column = self._columns.get(name)
            if column is not None and row < len(column) and column[row] is not MISSING:
                return True
        return False

    def _column(self, name: str, rows: int) -> list[Any]:
        """Return a name's values, filled up to `rows` of them."""
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = []
        _pad(column, rows)
        return column


def _pad(column: list[Any], rows: int) -> None:
    if len(column) < rows:
        column.extend([MISSING] * (rows - len(column)))
