"""Values and times as a person reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from tidelog.datastore.as_json import dumps
from tidelog.datastore.records import Histogram, Media
from tidelog.datastore.text import counted, on_one_line, padded, shortened, width_of

VALUE_WIDTH_MAX = 60
KEY_WIDTH_MAX = 48


def value_text(value: object) -> str:
    """Return a value on one line, shortened."""
    if isinstance(value, float):
        text = f"{value:.6g}"
    elif isinstance(value, Media):
        text = value.path
    elif isinstance(value, Histogram):
        text = _histogram_text(value)
    elif isinstance(value, list) and value and all(isinstance(each, Media) for each in value):
        text = f"{counted(len(value), 'file')}: {value[0].path}, ..."
    elif isinstance(value, str):
        text = value
    else:
        text = dumps(value)
    return shortened(on_one_line(text), VALUE_WIDTH_MAX)


def key_text(key: object) -> str:
    """Return a key on one line, shortened: one that is long moves the values of all others away."""
    return shortened(on_one_line(str(key)), KEY_WIDTH_MAX)


def _histogram_text(histogram: Histogram) -> str:
    """Return how many values it counts, and between which of them; a log may hold anything there."""
    counts, edges = histogram.fields.get("counts"), histogram.fields.get("edges")
    try:
        return f"a histogram of {sum(counts):,} values from {edges[0]:.6g} to {edges[-1]:.6g}"  # type: ignore[arg-type,index]
    except (TypeError, ValueError, IndexError, KeyError):
        return "a histogram"


def time_text(time: float) -> str:
    """Return seconds since the epoch as a date and time in UTC."""
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{time} s"  # NaN, or a year that no calendar has.


def tail_text(length: int) -> str:
    """Return what a torn tail of so many bytes is."""
    if not length:
        return "is empty: its writer died before it wrote anything"
    return f"ends in {counted(length, 'byte')} of an unfinished chunk"


def print_table(lines: Sequence[Sequence[str]]) -> None:
    """Print lines of cells, each column as wide as its widest cell; the first line is the header."""
    table = [[on_one_line(cell) for cell in line] for line in lines]
    widths = [max(map(width_of, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = [padded(cell, width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
