"""Where the values of a row lie in its bytes, if all of them are numbers; and reading them in many rows.

The first byte of a msgpack value tells its type and length (the table in the MessagePack
specification, "Formats"): rows with the same first bytes have all values at the same places.
Needs NumPy; never does I/O.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tidelog.datastore.records import ROW

Bytes = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]

FLOAT64 = 0xCB
INTEGERS = {
    0xCC: ">u1",
    0xCD: ">u2",
    0xCE: ">u4",
    0xCF: ">u8",
    0xD0: ">i1",
    0xD1: ">i2",
    0xD2: ">i4",
    0xD3: ">i8",
}
FIXARRAY, ARRAY16 = 0x90, 0xDC
POSITIVE_FIXINT_END, NEGATIVE_FIXINT = 0x80, 0xE0
FEW_ROWS = 512
"""For fewer, one call that copies all fixed bytes costs less than a call for each of them."""

HEAD_LENGTH = 4
"""Kind, schema id, step and time come before the values."""


class Place(NamedTuple):
    """Where a number lies in a row, and as what it is read; `is_fixint` if it is its own first byte."""

    at: int
    dtype: str
    is_fixint: bool = False

    @property
    def end(self) -> int:
        """The place behind it."""
        return self.at + int(self.dtype[2])

    def of(self, rows: Bytes) -> Array:
        """Return the numbers as a view into `rows`, shaped `(rows, bytes of a row)`."""
        return rows[:, self.at : self.end].view(self.dtype)[:, 0]


class RowLayout(NamedTuple):
    """How the bytes of a row are made: the same ones in each row, and numbers between them."""

    schema_id: int
    size: int
    fixed: list[int]
    step: Place
    time: Place
    values: list[Place]

    def count_alike(self, rows: Bytes, first: bytes) -> int:
        """Return how many of `rows`, from the first on, are made as the row with the bytes `first`."""
        if len(rows) < FEW_ROWS:
            same = np.frombuffer(first, np.uint8)[self.fixed]
            is_alike = (rows[:, self.fixed] == same).all(axis=1)
        else:
            is_alike = np.ones(len(rows), np.bool_)
            for at in self.fixed:
                is_alike &= rows[:, at] == first[at]
        for place in (self.step, *self.values):
            if place.is_fixint:
                is_positive = first[place.at] < POSITIVE_FIXINT_END
                bound = POSITIVE_FIXINT_END if is_positive else NEGATIVE_FIXINT
                is_alike &= (rows[:, place.at] < bound) == is_positive
        return count_true(is_alike)


def row_layout(row: bytes) -> RowLayout | None:
    """Return the layout of a row with at least one value, all of them numbers; None for any other."""
    count, at = _array_head(row)
    if count <= HEAD_LENGTH or at >= len(row) or row[at] != ROW:
        return None
    fixed = list(range(at + 1))
    at += 1
    places: list[Place] = []
    for _ in range(count - 1):
        place = _place(row, at)
        if place is None:
            return None
        fixed += range(at, place.at)
        places.append(place)
        at = place.end
    schema, step, time, *values = places
    if at != len(row) or time.dtype != ">f8" or ">f8" in (schema.dtype, step.dtype):
        return None
    fixed += range(schema.at, schema.end)
    schema_id = int(schema.of(np.frombuffer(row, np.uint8).reshape(1, -1))[0])
    return RowLayout(schema_id, len(row), fixed, step, time, values)


def count_true(truths: npt.NDArray[np.bool_]) -> int:
    """Return how many are true before the first that is not."""
    return len(truths) if truths.all() else int(truths.argmin())


def _array_head(row: bytes) -> tuple[int, int]:
    """Return the length of the array that `row` is, and where its first element lies; 0 for none."""
    if row and row[0] & 0xF0 == FIXARRAY:
        return row[0] & 0x0F, 1
    if len(row) >= 3 and row[0] == ARRAY16:
        return int.from_bytes(row[1:3], "big"), 3
    return 0, 0


def _place(row: bytes, at: int) -> Place | None:
    if at >= len(row):
        return None
    first = row[at]
    if first == FLOAT64:
        place = Place(at + 1, ">f8")
    elif first in INTEGERS:
        place = Place(at + 1, INTEGERS[first])
    elif first < POSITIVE_FIXINT_END:
        place = Place(at, ">u1", is_fixint=True)
    elif first >= NEGATIVE_FIXINT:
        place = Place(at, ">i1", is_fixint=True)
    else:
        return None
    return place if place.end <= len(row) else None
