"""What a person reads on a terminal: sizes, times, counts, and a curve in one line. No I/O."""

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.:-=+*#"
CURVE_WIDTH = 40
DURATION_DAYS_MAX = 1_000_000

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_text(size_bytes: float) -> str:
    """Return a number of bytes with a decimal unit."""
    for unit in _UNITS:
        if size_bytes < 999.95 or unit == _UNITS[-1]:
            break
        size_bytes /= 1000
    return f"{size_bytes:.0f} B" if unit == "B" else f"{size_bytes:.1f} {unit}"


def duration_text(duration_s: float) -> str:
    """Return a duration in its two largest units."""
    if duration_s < 60 or not math.isfinite(duration_s):
        return f"{duration_s:.1f} s"
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days > DURATION_DAYS_MAX:
        return f"{duration_s:.3g} s"
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural where it must be."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def sparkline(points: Sequence[float], *, bars: str = BARS, width: int = CURVE_WIDTH) -> str:
    """Return a curve as text; gaps where a value is NaN or infinite."""
    if len(points) > width:
        points = [points[index * len(points) // width] for index in range(width - 1)] + [points[-1]]
    finite = [point for point in points if math.isfinite(point)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    # Halved before the difference is taken: it may be too large for a float.
    span = high / 2 - low / 2
    top = len(bars) - 1
    return "".join(
        " "
        if not math.isfinite(point)
        else bars[top // 2]
        if span <= 0
        else bars[min(top, round((point / 2 - low / 2) / span * top))]
        for point in points
    )


def on_one_line(text: str) -> str:
    """Return text with all that is not printable escaped.

    What a run holds may come from anybody, and must not steer the terminal that it is shown on.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def width_of(text: str) -> int:
    """Return how many cells of a terminal a text takes: East Asian characters two, accents none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # Most texts need no tables of Unicode.

    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "FW") for c in text)


def padded(text: str, width: int) -> str:
    """Return text that takes `width` cells of a terminal, or more where it is longer."""
    return text + " " * (width - width_of(text))


def shortened(text: str, width: int) -> str:
    """Return text in at most `width` cells of a terminal; where it is cut, it ends with an ellipsis."""
    if width_of(text) <= width:
        return text
    kept, used = [], 1
    for character in text:
        used += width_of(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept) + "…" * (width > 0)


def wrapped(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` cells, broken between words, else within a long one."""
    lines: list[str] = []
    line, used = "", 0
    for word in text.split(" "):
        size = width_of(word)
        if line and used + 1 + size > width:
            lines.append(line)
            line, used = "", 0
        elif line:
            line, used = line + " ", used + 1
        while size > width > 1:
            part = _fitting(word, width)
            lines.append(part)
            word = word[len(part) :]
            size = width_of(word)
        line, used = line + word, used + size
    return [*lines, line]


def _fitting(word: str, width: int) -> str:
    """Return the longest beginning of a word that takes `width` cells; at least one character."""
    used = 0
    for at, character in enumerate(word):
        used += width_of(character)
        if used > width:
            return word[: max(1, at)]
    return word
