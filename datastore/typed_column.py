"""The values of one name as NumPy arrays that grow, with the rows in which they stand.

Holds each value as it was logged: ints beside floats, None beside NaN; what the column as a whole can
be is decided when it is handed over. Needs NumPy; never does I/O.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tidelog.datastore.columns import FLOAT_INT_MAX, MISSING, make_column

Array = npt.NDArray[Any]

FLOAT, INT, UINT, OBJECT = (np.dtype(kind) for kind in (np.float64, np.int64, np.uint64, object))

INT_MAX = 2**63 - 1

CAPACITY_MIN = 16
DOUBLED_MAX = 512 * 1024
"""Up to so many values an array doubles; then it grows by a sixteenth, to hold little in vain."""


class GrowingArray:
    """An array that is appended to in place: a large one is moved by the system, not copied."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._held = np.empty(0, dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of every value."""
        return self._held.dtype

    @property
    def values(self) -> Array:
        """All values so far, as a view that the next `extend` makes stale."""
        return self._held[: self._length]

    def reserve(self, length: int) -> None:
        """Make room for `length` values in all; memory that stays unused is not touched."""
        if length > len(self._held):
            held = np.empty(length, self._held.dtype)
            held[: self._length] = self.values
            self._held = held

    def extend(self, values: Array) -> None:
        """Append values, cast to the type of this array."""
        end = self._length + len(values)
        if end > len(self._held):
            spare = len(self._held) if end <= DOUBLED_MAX else end // 16
            self._held.resize(max(end + spare, CAPACITY_MIN), refcheck=False)
        self._held[self._length : end] = values
        self._length = end

    def pop(self) -> None:
        """Take the last value away."""
        self._length -= 1

    def handed_over(self) -> Array:
        """Return the array itself, cut to its length."""
        self._held.resize(self._length, refcheck=False)
        return self._held


class TypedColumn:
    """The values of one name, in parts of one type each."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def reserve(self, length: int) -> None:
        """Make room for `length` values in all, if they go on as they began."""
        if len(self._parts) == 1:
            self._parts[0].values.reserve(length)

    def extend(self, rows: range | Array, values: Array) -> None:
        """Append one value for each of `rows`, which lie behind all rows so far."""
        dtype = _held_as(values)
        if not self._parts or self._parts[-1].values.dtype != dtype:
            self._parts.append(_Part(dtype))
        self._parts[-1].extend(rows, values)

    def whole(self, rows: int) -> Array:
        """Hand over one value for each of so many rows; a gap is NaN among floats, else None."""
        kinds = {part.values.dtype for part in self._parts}
        has_gaps = sum(len(part.values) for part in self._parts) < rows
        if len(self._parts) == 1 and not has_gaps and OBJECT not in kinds:
            return self._parts[0].values.handed_over()
        if FLOAT not in kinds or not kinds <= {FLOAT, INT} or self._has_inexact():
            return self._as_objects(rows)
        column = np.full(rows, np.nan) if has_gaps else np.empty(rows, FLOAT)
        for part in self._parts:
            part.scatter(column)
        return column

    def present(self, rows: int) -> tuple[Array | None, Array]:
        """Hand over the values that are not None, and their rows; None where that is each of `rows`."""
        if len(self._parts) == 1 and self._parts[0].values.dtype != OBJECT:
            only = self._parts[0]
            return None if len(only.values) == rows else only.places, only.values.handed_over()
        places = np.concatenate([np.empty(0, np.int64), *(part.places for part in self._parts)])
        listed = [value for part in self._parts for value in part.values.values.tolist()]
        is_held = np.fromiter((value is not None for value in listed), np.bool_, len(listed))
        return places[is_held], make_column([value for value in listed if value is not None])

    def _has_inexact(self) -> bool:
        """Tell whether an int would change as a float."""
        ints = [part.values.values for part in self._parts if part.values.dtype == INT]
        return any(((v > FLOAT_INT_MAX) | (v < -FLOAT_INT_MAX)).any() for v in ints)

    def _as_objects(self, rows: int) -> Array:
        column = np.full(rows, MISSING, object)
        for part in self._parts:
            part.scatter(column)
        made: Array = make_column(column.tolist())
        return made


class _Part:
    """Values of one type, and the rows of each."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.values = GrowingArray(dtype)
        self._rows: list[range | Array] = []

    def extend(self, rows: range | Array, values: Array) -> None:
        """Append; rows that go on where the last ones ended are told once."""
        self.values.extend(values)
        last = self._rows[-1] if self._rows else None
        if isinstance(rows, range) and isinstance(last, range) and last.stop == rows.start:
            self._rows[-1] = range(last.start, rows.stop)
        else:
            self._rows.append(rows)

    @property
    def places(self) -> Array:
        """The rows of all values."""
        return np.concatenate([np.asarray(rows, np.int64) for rows in self._rows])

    def scatter(self, column: Array) -> None:
        """Put each value into its row of `column`."""
        at = 0
        for rows in self._rows:
            where = slice(rows.start, rows.stop) if isinstance(rows, range) else rows
            values = self.values.values[at : at + len(rows)]
            column[where] = values
            at += len(rows)


def typed_array(values: Sequence[Any]) -> Array:
    """Return values as an array that keeps each as it is: None beside NaN, ints beside floats."""
    if len(set(map(type, values))) > 1 or values[0] is None:
        return np.fromiter(values, dtype=object, count=len(values))
    made: Array = make_column(values)
    return made


def _held_as(values: Array) -> np.dtype[Any]:
    """Return the type in which values of any width are held: they differ from row to row."""
    kind = values.dtype.kind
    if kind == "f":
        return FLOAT
    if kind == "u" and values.dtype.itemsize == UINT.itemsize and (values > INT_MAX).any():
        return UINT
    return INT if kind in "iu" else values.dtype
