"""A table that was logged: its columns, their types and its rows, from the JSON of its file. No I/O.

The file is `{"columns": [name, ...], "column_types": {name: type}, "data": [[cell, ...], ...]}`, as
wandb's `.table.json` but for the types: any language reads it without our code.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tidelog.datastore.digest import MediaFile
from tidelog.datastore.errors import RecordError
from tidelog.datastore.records import Histogram, Media

INCREMENTAL = "INCREMENTAL"
FIRST_ROW = "first_row"
"""Details of a table that holds only the rows since the one that was logged before it."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; a cell of a media column is a `Media`, one of a histogram a `Histogram`."""

    columns: list[str]
    types: dict[str, str]
    rows: list[list[Any]]

    def column(self, name: str) -> list[Any]:
        """Return the cells of a column. Raises KeyError for a name that is not there."""
        if name not in self.columns:
            raise KeyError(f"no column {name!r}; there are: {', '.join(self.columns)}")
        at = self.columns.index(name)
        return [row[at] for row in self.rows]

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame. Raises MissingPackageError, an ImportError, without pandas."""
        from tidelog.datastore.as_pandas import to_pandas

        return to_pandas({name: self.column(name) for name in self.columns}, rows=len(self.rows))


def parts_of(key: str, tables: Sequence[MediaFile], step: int | None) -> list[MediaFile]:
    """Return the files that hold the table of a key as it was at a step, at the end for None.

    That is the last one logged up to then; of an incremental one all since its first row. Raises
    KeyError where there is none.
    """
    of_key = [
        each
        for each in tables
        if each.key == key and each.type == "table" and (step is None or each.step <= step)
    ]
    if not of_key:
        keys = ", ".join(dict.fromkeys(each.key for each in tables)) or "none"
        until = "" if step is None else f" up to step {step}"
        raise KeyError(f"no table {key!r} was logged{until}; there are: {keys}")
    first = len(of_key) - 1
    while first and of_key[first].details.get(FIRST_ROW):
        first -= 1
    return of_key[first:]


def read_table(path: str, data: bytes) -> Table:
    """Return the table of a file. Raises RecordError, which names `path`, where it holds none."""
    try:
        content = json.loads(data)
        columns = [str(name) for name in content["columns"]]
        types = {name: str(content["column_types"].get(name, "any")) for name in columns}
        rows = [
            [_cell(cell, types[name]) for name, cell in _named(columns, row)] for row in content["data"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RecordError(f"{path} is no table: {error!r}") from error
    return Table(columns, types, rows)


def joined(tables: Sequence[Table]) -> Table:
    """Return the rows of all parts of an incremental table, under the columns of the last one."""
    last = tables[-1]
    return Table(last.columns, last.types, [row for table in tables for row in table.rows])


def _named(columns: list[str], row: list[Any]) -> Iterable[tuple[str, Any]]:
    return zip(columns, row, strict=True)


def _cell(value: Any, kind: str) -> Any:
    if kind == "float" and isinstance(value, (str, int)) and not isinstance(value, bool):
        return float(value)  # JSON has no NaN and no infinities: they are text there.
    return _decoded(value)


def _decoded(value: Any) -> Any:
    """Return what the tags in JSON stand for; see `as_json.plain`, which puts them there."""
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if not isinstance(value, dict):
        return value
    fields = {name: _decoded(each) for name, each in value.items()}
    kind = fields.get("_type")
    if kind not in ("media", "histogram"):
        return fields
    del fields["_type"]
    if kind == "histogram":
        return Histogram(fields)
    own = (fields.pop("type"), fields.pop("path"), fields.pop("sha256"), fields.pop("size"))
    return Media(*own, fields)
