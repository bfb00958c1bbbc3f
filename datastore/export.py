"""Writes columns to a file of another format: Parquet, CSV, or JSON by the line."""

import csv
import io
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

from tidelog.datastore.as_json import dumps
from tidelog.datastore.columns import Columns
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.extras import load
from tidelog.datastore.whole_file import whole_file

BATCH_ROWS = 10_000


def format_of(path: StrPath) -> str | None:
    """Return the format that a file's suffix names, such as ".csv", or None for any other suffix.

    Raises MissingPackageError where the format needs a package that is not there.
    """
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix == ".parquet":
        _load_parquet()
    return suffix if suffix in FORMATS else None


def export(
    columns: Columns,
    path: StrPath,
    suffix: str,
    *,
    nan_as_null: bool = False,
    overwrite: bool = True,
    disk: Disk | None = None,
) -> None:
    """Write a file of the format `suffix` that appears whole or not at all; it is on the disk on return.

    Raises FileExistsError where something is there and `overwrite` is false.
    """
    with whole_file(path, overwrite=overwrite, disk=disk) as file:
        FORMATS[suffix](columns, file, nan_as_null=nan_as_null)


def _write_parquet(columns: Columns, file: io.RawIOBase, *, nan_as_null: bool) -> None:
    """Write the types of `Columns.to_arrow`, compressed with zstd."""
    table = columns.to_arrow(nan_as_null=nan_as_null)
    _load_parquet().write_table(table, file, compression="zstd")


def _write_csv(columns: Columns, file: io.RawIOBase, *, nan_as_null: bool) -> None:
    """Write CSV as RFC 4180 has it, in UTF-8, the names in the first line.

    Floats have all their digits, `nan`, `inf` and `-inf` among them; a missing value is empty. What is
    no number, flag or text is JSON text. Nothing is escaped for spreadsheets: it reads back as it was.
    """
    file.write(_csv_lines([columns.keys()]))
    for rows in _batches(columns, nan_as_null=nan_as_null):
        file.write(_csv_lines([[_cell(value) for value in row] for row in rows]))


def _write_jsonl(columns: Columns, file: io.RawIOBase, *, nan_as_null: bool) -> None:
    """Write one JSON object per row and line, with every name; a missing value is null.

    NaN and the infinities are the strings of `datastore cat --json`: JSON has no such numbers.
    """
    names = columns.keys()
    for rows in _batches(columns, nan_as_null=nan_as_null):
        lines = (dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)
        file.write("".join(lines).encode())


FORMATS: dict[str, Callable[..., None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
}


def _load_parquet() -> Any:
    return load("pyarrow.parquet", extra="arrow", purpose="a Parquet file")


def _csv_lines(rows: list[list[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    return value if value is None or isinstance(value, (str, bool, int, float)) else dumps(value)


def _batches(columns: Columns, *, nan_as_null: bool) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows, so many at a time, as Python's own values."""
    for start in range(0, len(columns), BATCH_ROWS):
        pieces = [column[start : start + BATCH_ROWS] for column in columns.values()]
        lists = [piece.tolist() if hasattr(piece, "tolist") else piece for piece in pieces]
        if nan_as_null:
            lists = [[None if _is_nan(value) else value for value in values] for values in lists]
        yield list(zip(*lists, strict=True))


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
