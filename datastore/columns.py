"""What `history()` and `metric()` give: a run's rows as columns. No I/O.

Columns are NumPy arrays where NumPy is installed, else lists.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""Where a row has no value of a name; unlike None, which somebody may have logged."""


class Series(NamedTuple):
    """One metric without gaps: three columns of the same length.

    `step` holds ints, `time` seconds since the epoch.
    """

    step: Any
    time: Any
    value: Any


class Columns:
    """A mapping of name -> values, one value per merged row; `len()` is the number of rows.

    `_step` and `_time` are among the names. A value that a row lacks is NaN in a column of floats and
    None in any other; ints stay ints where no row lacks one.
    """

    def __init__(self, columns: dict[str, Any], *, rows: int) -> None:
        self._rows = rows
        self._columns = columns

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, name: str) -> Any:
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"no row has {name!r}; there are: {', '.join(self._columns)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def keys(self) -> list[str]:
        """Return the names, `_step` and `_time` first, the others as they first appeared."""
        return list(self._columns)

    def values(self) -> list[Any]:
        """Return the columns, in the order of `keys()`."""
        return list(self._columns.values())

    def items(self) -> list[tuple[str, Any]]:
        """Return `(name, column)` pairs, in the order of `keys()`."""
        return list(self._columns.items())

    def get(self, name: str, default: Any = None) -> Any:
        """Return a column, or `default` where no row has the name."""
        return self._columns.get(name, default)

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a column per name. Raises ImportError without pandas."""
        import pandas as pd

        return pd.DataFrame(self._columns)

    def __repr__(self) -> str:
        return f"<Columns of {self._rows} rows: {', '.join(self._columns)}>"


FLOAT_INT_MAX = 2**53
"""Up to here every int is a float as well."""


def _has_inexact(values: Sequence[Any]) -> bool:
    """Tell whether an int among the values would change as a float."""
    return any(type(value) is int and abs(value) > FLOAT_INT_MAX for value in values)


def make_column(values: Sequence[Any]) -> Any:
    """Return values as a column of the narrowest type that fits them all."""
    kinds = set(map(type, values))
    has_gaps = not kinds.isdisjoint((type(None), type(MISSING)))
    kinds -= {type(None), type(MISSING)}
    is_float = float in kinds and kinds <= {float, int} and not (int in kinds and _has_inexact(values))
    if has_gaps:
        gap = math.nan if is_float else None
        values = [gap if value is None or value is MISSING else value for value in values]
    try:
        import numpy as np
    except ImportError:
        return list(values)
    if is_float:
        return np.array(values, dtype=np.float64)
    if kinds == {int} and not has_gaps:
        try:
            return np.array(values, dtype=np.int64)
        except OverflowError:
            return np.array(values, dtype=np.uint64 if min(values) >= 0 else object)
    if kinds == {bool} and not has_gaps:
        return np.array(values, dtype=np.bool_)
    return np.fromiter(values, dtype=object, count=len(values))
