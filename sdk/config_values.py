"""What becomes of the values of config and summary: maps stay maps, what no record can hold is text.

Pure, as `values.py` is.
"""

from collections.abc import Mapping
from typing import Any

from tidelog.sdk.as_map import as_map
from tidelog.sdk.notices import Fault, shown
from tidelog.sdk.values import (
    DEPTH_MAX,
    PLAIN,
    Unrecordable,
    clean_value,
    text_key,
    valid_text,
)

TEXT_CHARACTERS_MAX = 500


def clean_map(data: Mapping[Any, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Return `data` as config and summary hold it: maps stay maps, what no record can hold is text."""
    faults: list[Fault] = []
    return {
        text_key(key): _clean_deep(str(key), value, faults, 0) for key, value in data.items()
    }, faults


def _clean_deep(key: str, value: Any, faults: list[Fault], depth: int) -> Any:
    if type(value) not in PLAIN and depth < DEPTH_MAX:
        try:
            fields = as_map(value)
        except Exception as error:  # noqa: BLE001 - as in `clean_value`.
            return _kept_as_text(
                key, value, Fault("mapping", f"it could not be read: {error!r}"), faults
            )
        if fields is not None:
            return {
                text_key(k): _clean_deep(f"{key}.{k}", item, faults, depth + 1)
                for k, item in fields.items()
            }
    try:
        return clean_value(key, value)
    except Unrecordable as error:
        return _kept_as_text(key, value, Fault(error.kind, str(error)), faults)


def _kept_as_text(key: str, value: object, fault: Fault, faults: list[Fault]) -> str:
    text = _as_text(value)
    faults.append(Fault(fault.kind, f"{shown(key)} is kept as text, {shown(text)}: {fault.text}"))
    return text


def _as_text(value: object) -> str:
    """Return something readable for what no record can hold; a few hundred characters at most."""
    if isinstance(value, type) or callable(value):
        text = str(getattr(value, "__qualname__", type(value).__qualname__))
    else:
        try:
            text = str(value)
        except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything.
            text = f"<{type(value).__qualname__}>"
    text = valid_text(text)
    return text if len(text) <= TEXT_CHARACTERS_MAX else f"{text[: TEXT_CHARACTERS_MAX - 3]}..."
