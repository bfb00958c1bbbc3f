"""What becomes of a row that people log: nested maps are flattened, each value is cleaned.

Never warns and never raises for a value; what cannot be recorded is returned as a `Fault`.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from tidelog.sdk.media.value import LATER
from tidelog.sdk.notices import Fault, shown
from tidelog.sdk.values import DEPTH_MAX, PLAIN, StoreMedia, Unrecordable, clean_value, valid_text

PACKED_AS_IS: set[type] = set(PLAIN)
"""Types that `log()` need not look at twice: those, and NumPy's float64 once one was seen, a float."""

STEP_MAX = 2**62


def clean_row(
    data: Mapping[Any, Any], store: StoreMedia | None = None
) -> tuple[dict[str, Any], list[Fault]]:
    """Return what of a row can be recorded, nested maps flattened with dots, and what cannot."""
    row: dict[str, Any] = {}
    faults: list[Fault] = []
    _clean_into(row, faults, "", data, store, 0)
    return row, faults


def clean_step(step: object) -> int:
    """Return a step as an int; NumPy's ints, 0-d tensors and floats such as 3.0 are fine.

    Raises Unrecordable with the value and the limit.
    """
    number: Any = step
    try:
        if isinstance(step, float) or type(step).__name__.startswith("float"):
            number = float(step).__int__() if float(step).is_integer() else None  # type: ignore[arg-type]
        else:
            number = step.__index__()  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - foreign objects may raise anything here.
        number = None
    if type(number) is not int or abs(number) >= STEP_MAX:
        raise Unrecordable(
            "step",
            f"log(step={shown(step)}) is not an int between -2**62 and 2**62: the row was recorded at "
            "the next step instead; pass step=int(...) or leave it out",
        )
    return number


def _clean_into(
    row: dict[str, Any],
    faults: list[Fault],
    prefix: str,
    data: Mapping[Any, Any],
    store: StoreMedia | None,
    depth: int,
) -> None:
    for key, value in list(data.items()):
        if type(key) is not str:
            if not isinstance(key, str):
                faults.append(_key_fault(key))
                continue
            key = str(key)
        name = prefix + (key if key.isascii() else valid_text(key))
        if name in row:
            faults.append(
                Fault("key twice", f"log() was given {shown(name)} twice: the later value was recorded")
            )
        turn = _SCALAR_TYPES.get(type(value))
        if turn is not None:
            row[name] = turn(value)
            continue
        if isinstance(value, Mapping) and depth < DEPTH_MAX:
            _clean_into(row, faults, name + ".", value, store, depth + 1)
            continue
        try:
            cleaned = clean_value(name, value, store)
            if cleaned is not LATER:
                row[name] = cleaned
                _learn_scalar_type(value)
        except Unrecordable as error:
            faults.append(Fault(error.kind, f"log() left out {shown(name)}: {error}"))


_SCALAR_TYPES: dict[type, Callable[[Any], Any]] = {float: float, bool: bool}
"""Types whose every value is one call away from a plain one; NumPy's are learnt as they come."""


def _learn_scalar_type(value: Any) -> None:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.floating, numpy.integer, numpy.bool_)):
        kind = type(value)
        if type(value.item()) in PLAIN:  # Not so for longdouble, which is its own item.
            _SCALAR_TYPES[kind] = kind.item
        if kind is numpy.float64:
            PACKED_AS_IS.add(kind)


def _key_fault(key: object) -> Fault:
    return Fault(
        "key",
        f"log() left out the key {shown(key)} of type {type(key).__name__}: keys are strings; "
        f"write {shown(str(key)[:40])} instead",
    )
