"""Values, sizes and times as a person reads them."""

from datetime import UTC, datetime

from tidelog.datastore.cli.as_json import dumps
from tidelog.datastore.records import Histogram, Media

VALUE_CHARACTERS_MAX = 60
_BARS = "▁▂▃▄▅▆▇█"


def value_text(value: object) -> str:
    """Return a value on one line, shortened."""
    if isinstance(value, float):
        text = f"{value:.6g}"
    elif isinstance(value, Media):
        text = value.path
    elif isinstance(value, Histogram):
        text = "a histogram"
    elif isinstance(value, str):
        text = value.replace("\n", "\\n")
    else:
        text = dumps(value)
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[: VALUE_CHARACTERS_MAX - 1]}…"


def size_text(size: int) -> str:
    """Return a number of bytes with a decimal unit."""
    if size < 1000:
        return f"{size} B"
    amount = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.5 or unit == "TB":
            break
    return f"{amount:.1f} {unit}"


def time_text(time: float) -> str:
    """Return seconds since the epoch as a date and time in UTC."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration_text(seconds: float) -> str:
    """Return a duration in its two largest units."""
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {whole % 60} s"
    return f"{seconds:.1f} s"


def sparkline(values: list[float], width: int = 24) -> str:
    """Return values as bars of eight heights, the mean of a bucket each where there are many."""
    if not values:
        return ""
    size = max(1.0, len(values) / width)
    buckets = [values[int(i * size) : int((i + 1) * size)] for i in range(min(width, len(values)))]
    means = [sum(bucket) / len(bucket) for bucket in buckets if bucket]
    low, high = min(means), max(means)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((mean - low) * scale)] for mean in means)
