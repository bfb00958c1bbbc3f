"""Values of records as JSON: what JSON lacks becomes text or a tagged object."""

import json
import math
from collections.abc import Mapping
from typing import Any

import msgpack

from tidelog.datastore.records import Histogram, Media

LEVELS_MAX = 200
"""Deeper than this no value is shown; msgpack allows a thousand levels, Python's stack hardly more."""


def dumps(value: object, *, indent: int | None = None) -> str:
    """Return JSON text. NaN and the infinities become the strings "NaN", "Infinity", "-Infinity"."""
    return encoded(value, indent=indent).decode()


def encoded(value: object, *, indent: int | None = None) -> bytes:
    """Return JSON text in UTF-8, as it goes from program to program (RFC 8259, section 8.1).

    Bytes of a path that are no UTF-8 are surrogates in Python, and are escaped: `os.fsencode` of what
    is read back gives the same path.
    """
    text = json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace")


def plain(value: object, *, levels_left: int = LEVELS_MAX) -> Any:
    """Return a value made of what JSON knows."""
    left = levels_left - 1
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if not levels_left:
        return {"_type": "nested", "levels_max": LEVELS_MAX}
    if isinstance(value, Media):
        return {"_type": "media", **plain(value.fields(), levels_left=left)}
    if isinstance(value, Histogram):
        return {"_type": "histogram", **plain(value.fields, levels_left=left)}
    if isinstance(value, Mapping):
        return {str(key): plain(each, levels_left=left) for key, each in value.items()}
    if isinstance(value, msgpack.ExtType):
        return {"_type": f"extension {value.code}", "hex": value.data.hex()}
    if isinstance(value, bytes):
        return {"_type": "bytes", "hex": value.hex()}
    if isinstance(value, (list, tuple)):
        return [plain(each, levels_left=left) for each in value]
    return str(value)
