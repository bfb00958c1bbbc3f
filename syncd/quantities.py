"""Spans of time and amounts of bytes, as people write them: 12h, 30d, 10M. No I/O."""

import re
from typing import Final

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
BYTES: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
BINARY_BYTES: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}

SPAN_S_MAX: Final = 100 * 366 * 86_400
"""A longer one is a slip, and no clock shows the moment at its end."""

_SPAN = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_AMOUNT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)([kKMGT]?)(i?)B?", re.ASCII)


def parse_span(text: str) -> float:
    """Return the seconds of a span such as `12h`. Raises ValueError with a sentence."""
    match = _SPAN.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{text!r} is no span of time; write it like 90s, 12h, 30d or 8w")
    span_s = float(int(match[1]) * SECONDS[match[2]])
    if span_s > SPAN_S_MAX:
        raise ValueError(f"{text!r} is longer than 100 years; write it like 90s, 12h, 30d or 8w")
    return span_s


def parse_amount(text: str) -> int:
    """Return the bytes of an amount such as `10M` or `10MiB`. Raises ValueError with a sentence."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or (match[3] and not match[2]):
        raise ValueError(f"{text!r} is no amount of bytes; write it like 500K, 10M or 1.5GiB")
    units = BINARY_BYTES if match[3] else BYTES
    return round(float(match[1]) * units[match[2].upper()])


def shown_amount(size: int) -> str:
    """Return an amount of bytes as people write it, such as `1.5GB`; `parse_amount` reads it again."""
    unit = next((unit for unit in ("T", "G", "M", "K") if size >= BYTES[unit]), "")
    return f"{size / BYTES[unit]:.3f}".rstrip("0").rstrip(".") + f"{unit}B"
