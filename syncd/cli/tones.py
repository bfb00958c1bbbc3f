"""Tones as colours: by click on a plain stream, by rich on a live screen. NO_COLOR turns them off."""

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from tidelog.syncd.cli.status_text import BAD, FAINT, GOOD, PLAIN, TITLE, WARNING, Line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDTH = 80
"""Where the output is no terminal, and COLUMNS says nothing."""

_COLOURS = {GOOD: "green", BAD: "red", WARNING: "yellow"}
_RICH = {PLAIN: "", TITLE: "bold", GOOD: "green", BAD: "red", WARNING: "yellow", FAINT: "dim"}


def terminal_width() -> int:
    """Return the cells of a line of the terminal."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or WIDTH
    except (OSError, ValueError):
        return WIDTH


def paint(line: Line, *, is_coloured: bool) -> str:
    """Return a line with the codes of its tone."""
    if not is_coloured or line.tone == PLAIN:
        return line.text
    return click.style(
        line.text, fg=_COLOURS.get(line.tone), bold=line.tone == TITLE, dim=line.tone == FAINT
    )


def rich_console() -> "Console":
    """Return the console of stdout; rich heeds NO_COLOR by itself."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def rich_text(lines: Iterable[Line]) -> "Text":
    """Return lines as one text that is cut, and not wrapped, where the screen ends."""
    from rich.text import Text

    text = Text(no_wrap=True, overflow="crop")
    for at, line in enumerate(lines):
        text.append("\n" * bool(at) + line.text, style=_RICH[line.tone])
    return text
