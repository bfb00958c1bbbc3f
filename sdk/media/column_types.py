"""The types of a table's columns: found from their cells, or given. Pure."""

from collections.abc import Mapping
from typing import Any

from tidelog.sdk.media.value import MediaValue

MIXED, ANY = "mixed", "any"

_NAMES: dict[Any, str] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "text",
    list: "list",
    tuple: "list",
    dict: "map",
}


PLAIN = frozenset({None, "bool", "int", "float", "text", "list", "map", ANY})


def type_of(cell: object) -> str | None:
    """Return the name of a cell's type, None for None, which fits every type."""
    if cell is None:
        return None
    if isinstance(cell, MediaValue):
        return cell.type
    return _NAMES.get(type(cell), ANY)


def declared_type(dtype: Any) -> str | None:
    """Return the name of a type given as `float`, "float" or `sdk.Image`; None where it is unknown."""
    if isinstance(dtype, type) and issubclass(dtype, MediaValue):
        return dtype.type
    if isinstance(dtype, str):
        return dtype if dtype in _NAMES.values() else None
    try:
        return _NAMES.get(dtype)
    except TypeError:
        return None


def common_type(first: str | None, second: str | None) -> str | None:
    """Return the type that holds the cells of both; ints are floats as well."""
    if first is None or second is None or first == second:
        return first or second
    return "float" if {first, second} == {"int", "float"} else MIXED


class ColumnTypes:
    """The types of all columns, widened by each cell that does not fit; no cell is ever refused."""

    def __init__(self, dtype: Any, *, may_mix: bool) -> None:
        """Take one type for all columns, a list or a map of them, or None."""
        self._dtype = dtype
        self._may_mix = may_mix
        self._types: dict[str, str | None] = {}
        self._declared: dict[str, str | None] = {}

    def add(self, name: str, place: int) -> None:
        """Begin a column."""
        dtype = self._dtype
        if isinstance(dtype, (list, tuple)):
            dtype = dtype[place] if place < len(dtype) else None
        elif isinstance(dtype, Mapping):
            dtype = dtype.get(name)
        self._declared[name] = self._types[name] = declared_type(dtype)

    @property
    def may_hold_media(self) -> bool:
        """Whether a cell may be something else than plain."""
        return not PLAIN.issuperset(self._types.values())

    def fits(self, name: str, cell: object) -> bool:
        """Tell at once whether a plain cell is of its column's type; False may be wrong."""
        return self._types[name] == _NAMES.get(type(cell))

    def take(self, name: str, cell: object) -> str | None:
        """Widen a column's type by a cell; return a sentence where that is not what was asked for."""
        before = self._types[name]
        after = self._types[name] = common_type(before, type_of(cell))
        if after == before or self._may_mix:
            return None
        declared = self._declared[name]
        if declared is not None or after == MIXED:
            return (
                f"the column {name!r} of {declared or before} of a Table got a cell of "
                f"{type_of(cell)}: it is kept, the column is {after} now; convert the cell, or pass "
                "allow_mixed_types=True"
            )
        return None

    def as_dict(self) -> dict[str, str]:
        """Return name -> type; "any" for a column that holds nothing but None."""
        return {name: kind or ANY for name, kind in self._types.items()}
