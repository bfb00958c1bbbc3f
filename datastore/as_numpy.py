"""Columns as NumPy arrays of one type of numbers. What does not fit raises; it never wraps or cuts."""

from collections.abc import Mapping
from typing import Any

from tidelog.datastore.extras import load

np = load("numpy", extra="numpy", purpose="an array of numbers")

NUMBERS = frozenset((int, float))
NUMBERS_AND_FLAGS = NUMBERS | {bool}

_NAMES_SHOWN_MAX = 5


def number_type(dtype: Any) -> Any:
    """Return a NumPy dtype. Raises ValueError for one that holds no integers and no floats."""
    kept = np.dtype(dtype)
    if kept.kind not in "fiu":
        raise ValueError(f"dtype {kept} is no type of numbers; use one such as float32")
    return kept


def cast(name: str, column: Any, dtype: Any) -> Any:
    """Return a column of numbers as `dtype`, and any other column as it is.

    Floats are not cast to ints, nor ints to unsigned ones ("same_kind" in NumPy's words). Raises
    ValueError for a number that `dtype` cannot hold.
    """
    numbers = _numbers(column, NUMBERS)
    if numbers is None or not np.can_cast(numbers.dtype, dtype, "same_kind"):
        return column
    return _cast_whole(name, numbers, dtype)


def matrix(columns: Mapping[str, Any], dtype: Any, *, rows: int) -> Any:
    """Return an array of shape (rows, names). Raises ValueError for columns that are no numbers."""
    numbers = {name: _numbers(column, NUMBERS_AND_FLAGS) for name, column in columns.items()}
    others = [name for name, column in numbers.items() if column is None]
    if others:
        shown = ", ".join(map(repr, others[:_NAMES_SHOWN_MAX]))
        more = f" and {len(others) - _NAMES_SHOWN_MAX} more" if len(others) > _NAMES_SHOWN_MAX else ""
        raise ValueError(f"not only numbers are in {shown}{more}: say which columns with names=[...]")
    array = np.empty((rows, len(numbers)), dtype)
    for index, (name, column) in enumerate(numbers.items()):
        array[:, index] = _cast_whole(name, column, dtype)
    return array


def _numbers(column: Any, types: frozenset[type]) -> Any:
    """Return a column as an array of numbers, NaN where one is missing; None for any other column."""
    if hasattr(column, "dtype") and column.dtype != object:
        is_number = column.dtype.kind in "fiu" or (bool in types and column.dtype.kind == "b")
        return column if is_number else None
    held = set(map(type, column)) - {type(None)}
    if not held <= types or not (held or bool in types):
        return None
    return np.array([np.nan if value is None else value for value in column], np.float64)


def _cast_whole(name: str, numbers: Any, dtype: Any) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):
        array = numbers.astype(dtype)
    if dtype.kind == "f":
        is_lost = np.isinf(array) & ~np.isinf(numbers)
    elif numbers.dtype.kind == "f":
        is_lost = array != numbers
    else:
        limits = np.iinfo(dtype)
        is_lost = (numbers < limits.min) | (numbers > limits.max)
    if is_lost.any():
        value = numbers[is_lost.argmax()].item()
        raise ValueError(f"column {name!r} holds {value}, which {dtype} cannot: use another dtype")
    return array
