"""Columns as a pandas DataFrame: ints stay ints and flags stay flags where a row lacks one."""

from collections.abc import Mapping
from typing import Any

from tidelog.datastore.extras import load

pd = load("pandas", extra="analysis", purpose="to_pandas()")

INT64_MIN, INT64_MAX, UINT64_MAX = -(2**63), 2**63 - 1, 2**64 - 1


def to_pandas(columns: Mapping[str, Any], *, rows: int) -> Any:
    """Return a DataFrame with a column per name; a gap is NaN, `pd.NA` or None, as its type has it."""
    series = {name: _series(column) for name, column in columns.items()}
    return pd.DataFrame(series, index=pd.RangeIndex(rows))


def _series(column: Any) -> Any:
    if hasattr(column, "dtype") and column.dtype != object:
        return pd.Series(column)
    values = list(column)
    return pd.Series(values, dtype=_dtype(values))


def _dtype(values: list[Any]) -> Any:
    """Return the dtype of a column that may lack values; None is what pandas finds for itself."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        held = [value for value in values if value is not None]
        if min(held) >= INT64_MIN and max(held) <= INT64_MAX:
            return "Int64"
        return "UInt64" if min(held) >= 0 and max(held) <= UINT64_MAX else object
    return None if kinds == {str} else object
