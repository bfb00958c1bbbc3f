"""How far a long reading has come: a bar on a terminal, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tidelog.syncd.cli.console import say

Advance = Callable[[float], None]
Tell = Callable[[str], None]


@contextmanager
def meter(doing: str, *, total: float, is_bytes: bool = False) -> Iterator[tuple[Advance, Tell]]:
    """Give what is called with each step that was taken, and what prints a line beside the bar.

    rich is loaded only where stderr is a terminal.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield (lambda _: None), say
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (DownloadColumn(), TransferSpeedColumn()) if is_bytes else (MofNCompleteColumn(),)
    console = Console(stderr=True)
    with Progress(
        doing, BarColumn(bar_width=20), *columns, TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task(doing, total=total)
        yield (
            lambda step: bar.advance(task, step),
            lambda line: console.print(line, markup=False, highlight=False),
        )
