"""What the commands that work in a hub's data folder share: the option, who acts, tables, moments."""

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import click

from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.hub.guard.audit import CONSOLE, Actor

data_option = click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False),
    help="The hub's data folder, as `syncd serve` has it.",
)


def at_console() -> Actor:
    """Return who works here, as the audit log names it: the account of this machine."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = str(os.getuid())
    return replace(CONSOLE, account=name)


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Turn what the system says of the hub's folder into one sentence."""
    try:
        yield
    except OSError as error:
        raise CannotStartError(f"{what}: {error.strerror or error}") from error


def moment(time: float | None, *, missing: str = "never") -> str:
    """Return a time as people read it."""
    return missing if time is None else datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%MZ")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns; the first is the heads."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
