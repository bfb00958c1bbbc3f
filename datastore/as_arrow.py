"""Columns as Apache Arrow: typed, missing is null, no number is rounded. Needs no NumPy."""

from collections.abc import Mapping
from typing import Any

from tidelog.datastore.as_json import dumps
from tidelog.datastore.columns import FLOAT_INT_MAX
from tidelog.datastore.extras import load

pa = load("pyarrow", extra="arrow", purpose="an Arrow table")

JSON_FIELD = {"encoding": "json"}
"""The metadata of a field that holds JSON text."""


def to_arrow(columns: Mapping[str, Any], *, nan_as_null: bool) -> Any:
    """Return a `pyarrow.Table` with a field per name; see `Columns.to_arrow`."""
    arrays, fields = [], []
    for name, column in columns.items():
        if hasattr(column, "dtype") and column.dtype != object:
            array, metadata = pa.array(column, from_pandas=nan_as_null), None
        else:
            array, metadata = _array(list(column), nan_as_null=nan_as_null)
        arrays.append(array)
        fields.append(pa.field(name, array.type, metadata=metadata))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _array(values: list[Any], *, nan_as_null: bool) -> tuple[Any, dict[str, str] | None]:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values)), None
    if float in kinds and kinds <= {float, int} and _are_exact_as_floats(values):
        return pa.array(values, pa.float64(), from_pandas=nan_as_null), None
    if kinds == {bool}:
        return pa.array(values, pa.bool_()), None
    if kinds == {str}:
        return pa.array(values, pa.string()), None
    if kinds == {int}:
        for integers in (pa.int64(), pa.uint64()):
            try:
                return pa.array(values, integers), None
            except OverflowError:
                continue  # The next type is wider, and JSON text has no width.
    texts = [None if value is None else dumps(value) for value in values]
    return pa.array(texts, pa.string()), JSON_FIELD


def _are_exact_as_floats(values: list[Any]) -> bool:
    return all(type(value) is not int or abs(value) <= FLOAT_INT_MAX for value in values)
