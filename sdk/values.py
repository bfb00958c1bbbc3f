"""What becomes of a value that people log: a plain one passes, an array is a number or a list. Pure."""

from collections.abc import Mapping, Sequence, Set
from typing import Any, Protocol

import msgpack

from tidelog.datastore.records import Histogram, Media
from tidelog.datastore.text import size_text
from tidelog.sdk.media.unwrapped import as_media
from tidelog.sdk.media.value import MediaValue
from tidelog.sdk.notices import shown

PLAIN: frozenset[type] = frozenset({float, int, str, bool, type(None)})
"""The types that a record holds as they are."""

LIST_BYTES_MAX = 64 * 1024
DEPTH_MAX = 16
INT_MIN, INT_MAX = -(2**63), 2**64 - 1


class StoreMedia(Protocol):
    """Returns what stands in the row for a media value or a list of them, or LATER unless `at_once`.

    Raises OSError or ValueError where there is nothing.
    """

    def __call__(self, key: str, value: Any, /, *, at_once: bool = False) -> Any: ...


class Unrecordable(Exception):  # noqa: N818 - never leaves this package: it carries a Fault.
    """A value that no record can hold."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def clean_value(key: str, value: Any, store: StoreMedia | None = None) -> Any:
    """Return `value` as a record holds it. Raises Unrecordable where none can."""
    scalar = _clean_scalar(value)
    if scalar is not _NOT_A_SCALAR:
        return scalar
    if isinstance(value, (Media, Histogram)):
        return value
    if _is_media(value):
        return _store(key, value, store)
    try:
        media = as_media(value)
        if media is not None:
            return _store(key, media, store)
        if hasattr(value, "tolist") and hasattr(value, "shape"):
            return _clean_array(value)
        if isinstance(value, Sequence | Set | range) and not isinstance(value, (bytearray, memoryview)):
            return _clean_list(key, value, store)
        if isinstance(value, Mapping):
            return _clean_list(key, [value], store)[0]
        return _clean_number_like(value)
    except (Unrecordable, KeyboardInterrupt):
        raise
    except Exception as error:  # Foreign objects may raise anything; it names the value's own fault.
        raise Unrecordable("object", f"{shown(value)} could not be read: {error!r}") from error


def media_fault(value: object, error: Exception) -> Unrecordable:
    """Return why a media value, or a list of them, could not be recorded."""
    if isinstance(error, OSError):
        return Unrecordable(
            "media disk", f"its file could not be written: {error}; free some space and go on"
        )
    first = value[0] if isinstance(value, (list, tuple)) else value
    kind = first.type if isinstance(first, MediaValue) else "media"
    return Unrecordable(kind, str(error) or repr(error))


def _is_media(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(each, MediaValue) for each in value)
    return isinstance(value, MediaValue)


_NOT_A_SCALAR = object()


def _clean_scalar(value: Any) -> Any:
    """Return a number, a text, a bool or None as the plain type that it is or stands for."""
    if value is None or isinstance(value, (bool, float)):
        return value if value is None or type(value) in PLAIN else float(value)
    if isinstance(value, int):
        if not INT_MIN <= value <= INT_MAX:
            raise Unrecordable(
                "int",
                f"the int {shown(value)} does not fit into 64 bits; log it as a float or as text",
            )
        return int(value)
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        size = value.nbytes if isinstance(value, memoryview) else len(value)
        raise Unrecordable(
            "bytes",
            f"{type(value).__name__} of {size_text(size)} ({shown(bytes(value[:64]))}) cannot be "
            "recorded; write them to a file and call run.save(path), or log sdk.Image(...)",
        )
    return _NOT_A_SCALAR


def valid_text(value: str) -> str:
    """Return valid Unicode: lone surrogates, as from odd file names, are written out."""
    text = str.__str__(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def text_key(key: object) -> str:
    """Return a key as text that is valid Unicode."""
    return valid_text(key if isinstance(key, str) else str(key))


def _clean_array(value: Any) -> Any:
    """Return the number in an array or tensor of one element, or the list of a small one."""
    shape = tuple(int(length) for length in value.shape)
    count = 1
    for length in shape:
        count *= length
    if count > LIST_BYTES_MAX:
        raise _too_large(value, f"shape {shape}, {count} elements")
    if count == 1:
        return _clean_item(value)
    if hasattr(value, "detach"):
        value = value.detach()
    items = value.tolist()
    if _find_unplain(items) is not None:
        raise Unrecordable(
            "object",
            f"the {type(value).__name__} of shape {shape} holds {shown(_find_unplain(items))}; "
            "only arrays of numbers, bools and text can be logged",
        )
    return _require_small(items, value, f"shape {shape}")


def _clean_item(value: Any) -> Any:
    item = value.item() if hasattr(value, "item") else value.tolist()
    scalar = _clean_scalar(item)
    return _clean_number_like(item) if scalar is _NOT_A_SCALAR else scalar


def _find_unplain(items: Any) -> Any:
    """Return something in nested lists that is no plain value, None where there is nothing such."""
    waiting = [items]
    while waiting:
        item = waiting.pop()
        if type(item) is list:
            waiting.extend(item)
        elif type(item) not in PLAIN:
            return item
    return None


def _clean_list(key: str, value: Any, store: StoreMedia | None) -> Any:
    if hasattr(value, "__len__") and len(value) > LIST_BYTES_MAX:
        raise _too_large(value, f"{len(value)} elements")
    items = [_clean_element(key, item, store, 1) for item in value]
    return _require_small(items, value, f"{len(items)} elements")


def _clean_element(key: str, value: Any, store: StoreMedia | None, depth: int) -> Any:
    if depth > DEPTH_MAX:
        raise Unrecordable("depth", f"it is nested more than {DEPTH_MAX} levels deep; log it flatter")
    if isinstance(value, Mapping):
        return {text_key(k): _clean_element(key, item, store, depth + 1) for k, item in value.items()}
    if isinstance(value, (list, tuple)):
        if len(value) > LIST_BYTES_MAX:
            raise _too_large(value, f"{len(value)} elements")
        return [_clean_element(key, item, store, depth + 1) for item in value]
    media = value if isinstance(value, MediaValue) else as_media(value)
    return clean_value(key, value, store) if media is None else _store(key, media, store, at_once=True)


def _require_small(items: Any, value: Any, size: str) -> Any:
    packed = len(msgpack.packb(items, default=_stand_in))
    if packed > LIST_BYTES_MAX:
        raise _too_large(value, f"{size}, {size_text(packed)} packed")
    return items


def _stand_in(value: object) -> str:
    """Return what takes the place of a media value when a list is measured."""
    return value.path if isinstance(value, Media) else ""


def _too_large(value: object, size: str) -> Unrecordable:
    return Unrecordable(
        "size",
        f"the {type(value).__name__} of {size} is over the limit of {size_text(LIST_BYTES_MAX)} for "
        "one value; log a statistic of it (mean, norm), sdk.Histogram(...) or sdk.Image(...) of it, or "
        "write it to a file and call run.save(path)",
    )


def _clean_number_like(value: Any) -> Any:
    """Return the number of an object that says how to become one: Decimal, Fraction and such."""
    for method, turn in (("__index__", int), ("__float__", float)):
        if hasattr(value, method):
            return _clean_scalar(turn(value))
    module = type(value).__module__.partition(".")[0]
    remedy = (
        "wrap it: sdk.Image(...)"
        if module in ("PIL", "matplotlib")
        else "give numbers, text, small lists or sdk.Image(...), or str(...) of it"
    )
    kind = type(value).__qualname__ if module == "builtins" else f"{module}'s {type(value).__qualname__}"
    raise Unrecordable("object", f"{shown(value)}, of type {kind}, cannot be recorded; {remedy}")


def _store(key: str, value: Any, store: StoreMedia | None, *, at_once: bool = False) -> Any:
    if store is None:
        raise Unrecordable("media", "media can be logged, but not be part of config or summary")
    try:
        return store(key, list(value) if isinstance(value, tuple) else value, at_once=at_once)
    except Exception as error:  # An encoder may raise anything for what it is given.
        raise media_fault(value, error) from error
