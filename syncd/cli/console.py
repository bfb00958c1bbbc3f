"""What the commands say: sizes and times for people, one JSON document for programs."""

import json
from collections.abc import Mapping
from typing import Any

import click

WHOLE = 0
PARKED = 1
BAD_USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130

_UNITS = ("B", "kB", "MB", "GB", "TB")


def say(line: str) -> None:
    """Print a line for people, on stderr: stdout is for data."""
    click.echo(line, err=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one document on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False))


def size(count: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("the last unit takes everything")


def span(seconds: float) -> str:
    """Return a span of time as people read it."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural where it must be."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
