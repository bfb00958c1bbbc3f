"""What `history()` and `metric()` give: a run's rows as columns. No I/O of its own.

Columns are NumPy arrays where NumPy is installed, else lists.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tidelog.datastore.sampling import Method, check_numbers, sampled_rows
from tidelog.datastore.smoothing import smoothed_values
from tidelog.datastore.text import counted

if TYPE_CHECKING:
    from tidelog.datastore.disk import Disk, StrPath

STEP, TIME = "_step", "_time"
"""The names of the two columns that every history has."""


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""Where a row has no value of a name; unlike None, which somebody may have logged."""


class Series(NamedTuple):
    """One metric without gaps: three columns of the same length, NumPy arrays or lists.

    `step` holds ints, `time` seconds since the epoch.
    """

    step: Any
    time: Any
    value: Any

    def __repr__(self) -> str:
        ends = f", steps {self.step[0]} to {self.step[-1]}" if len(self.step) else ""
        return f"<Series of {counted(len(self.step), 'point')}{ends}>"

    def sampled(self, points: int, *, method: Method = "minmax") -> "Series":
        """Return at most `points` of the points, for a plot, in the order of the steps.

        The first and the last are always among them. "minmax" keeps the lowest and the highest of each
        of equally large buckets, so no peak is lost; NaN and the infinities are no extremes, and one is
        kept where a bucket holds nothing else. "lttb" keeps what carries the shape (Largest-Triangle-
        Three-Buckets, S. Steinarsson, 2013), from finite values only. Raises ValueError for fewer than
        four points, TypeError for values that are no numbers.
        """
        series = self._in_order_of_steps()
        return series._rows(sampled_rows(series.step, series.value, points, method))

    def smoothed(self, weight: float) -> "Series":
        """Return the values smoothed as TensorBoard's slider does it; 0 is not at all, below 1.

        The moving average `last * weight + (1 - weight) * value`, divided by `1 - weight ** n`; NaN and
        the infinities stay, a constant series stays. Raises ValueError for another weight, TypeError
        for values that are no numbers. Source: `smoothing.py`.
        """
        check_numbers(self.value)
        values = self.value.tolist() if hasattr(self.value, "tolist") else self.value
        return self._replace(value=make_column(smoothed_values(values, weight)))

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame of `step`, `time` and `value`; see `Columns.to_pandas`."""
        return self._as_columns().to_pandas()

    def to_arrow(self, *, nan_as_null: bool = False) -> Any:
        """Return a `pyarrow.Table` of `step`, `time` and `value`; see `Columns.to_arrow`."""
        return self._as_columns().to_arrow(nan_as_null=nan_as_null)

    def to_numpy(self, dtype: Any = float) -> Any:
        """Return an array of shape (points, 3): step, time, value; see `Columns.to_numpy`."""
        return self._as_columns().to_numpy(dtype)

    def _as_columns(self) -> "Columns":
        return Columns(self._asdict(), rows=len(self.step))

    def _in_order_of_steps(self) -> "Series":
        steps = self.step
        if hasattr(steps, "argsort"):
            is_ordered = bool((steps[1:] >= steps[:-1]).all())
            return self if is_ordered else self._rows(steps.argsort(kind="stable"))
        return self._rows(sorted(range(len(steps)), key=steps.__getitem__))

    def _rows(self, rows: Any) -> "Series":
        return Series(*(c[rows] if hasattr(c, "dtype") else [c[row] for row in rows] for c in self))


class Unmade(NamedTuple):
    """A column that is made once it is asked for: with its gaps it may be far larger than without."""

    make: Callable[[], Any]


class Columns:
    """A mapping of name -> values, one value per merged row; `len()` is the number of rows.

    `_step` and `_time` are among the names. A value that a row lacks is NaN in a column of floats and
    None in any other; ints stay ints where no row lacks one.
    """

    def __init__(self, columns: dict[str, Any], *, rows: int) -> None:
        """Hold columns of `rows` values each, or `Unmade` ones."""
        self._rows = rows
        self._columns = columns

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, name: str) -> Any:
        try:
            column = self._columns[name]
        except KeyError:
            raise KeyError(f"no row has {name!r}; there are: {', '.join(self._columns)}") from None
        if isinstance(column, Unmade):
            column = self._columns[name] = column.make()
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def keys(self) -> list[str]:
        """Return the names, `_step` and `_time` first, the others as they first appeared."""
        return list(self._columns)

    def values(self) -> list[Any]:
        """Return the columns, in the order of `keys()`."""
        return [self[name] for name in self._columns]

    def items(self) -> list[tuple[str, Any]]:
        """Return `(name, column)` pairs, in the order of `keys()`."""
        return [(name, self[name]) for name in self._columns]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a column, or `default` where no row has the name."""
        return self[name] if name in self._columns else default

    def astype(self, dtype: Any) -> "Columns":
        """Return the same columns, those of numbers as a NumPy `dtype` such as "float32".

        Ints with gaps become floats with NaN. As they are stay `_step` and `_time`, which a float32
        cannot hold, flags, what is no number, and what NumPy casts only by cutting (floats to ints).
        Raises ValueError for a number beyond the dtype's limits; floats are rounded to its precision.
        """
        from tidelog.datastore.as_numpy import cast, number_type

        dtype = number_type(dtype)
        columns = {
            name: column if name in (STEP, TIME) else cast(name, column, dtype)
            for name, column in self.items()
        }
        return Columns(columns, rows=self._rows)

    def to_numpy(self, dtype: Any = float, *, names: Sequence[str] | None = None) -> Any:
        """Return a two-dimensional array of shape (rows, names), in C order.

        Columns are in the order of `names`, else all of them in the order of `keys()`, `_step` first.
        Flags are 0 and 1, missing is NaN, ints above 2**53 are rounded to the nearest float. Raises
        ValueError that names the columns that are no numbers, or a number that `dtype` cannot hold (as
        an int dtype a missing one); KeyError for a name that is not there.
        """
        from tidelog.datastore.as_numpy import matrix, number_type

        columns = {name: self[name] for name in (self.keys() if names is None else names)}
        return matrix(columns, number_type(dtype), rows=self._rows)

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a column per name and the rows counted from 0.

        Where ints or flags lack a value the column is nullable, "Int64" (or "UInt64") or "boolean", and
        the gap is `pd.NA`; text has pandas' own type for it; media, histograms, lists and maps are
        objects. Raises MissingPackageError, an ImportError, without pandas.
        """
        from tidelog.datastore.as_pandas import to_pandas

        return to_pandas(dict(self.items()), rows=self._rows)

    def to_arrow(self, *, nan_as_null: bool = False) -> Any:
        """Return a `pyarrow.Table` with a field per name.

        Types are int64, uint64, double, bool and string, and a missing value is null. In a column of
        floats a missing value is NaN, as one that was logged: `nan_as_null` makes both null. All else
        is JSON text, as in `datastore cat --json`, with `encoding: json` in the field's metadata: media
        (with path, SHA-256, size and caption), histograms, lists, maps, columns of several types, and
        numbers that none of the types holds exactly. Raises MissingPackageError without pyarrow.
        """
        from tidelog.datastore.as_arrow import to_arrow

        return to_arrow(dict(self.items()), nan_as_null=nan_as_null)

    def to_parquet(
        self, path: "StrPath", *, nan_as_null: bool = False, disk: "Disk | None" = None
    ) -> None:
        """Write a Parquet file that appears whole or not at all, over one that is there.

        It is on the disk on return. Types are those of `to_arrow`. Raises MissingPackageError without
        pyarrow, OSError as the system gives it.
        """
        from tidelog.datastore.export import export

        export(self, path, ".parquet", nan_as_null=nan_as_null, disk=disk)

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
