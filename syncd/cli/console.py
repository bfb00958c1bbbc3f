"""What the commands say: lines for people, one JSON document for programs, exit codes."""

import io
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from tidelog.datastore.disk import Disk

WHOLE = 0
PARKED = 1
BAD_USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130


def say(line: str) -> None:
    """Print a line for people, on stderr: stdout is for data."""
    click.echo(line, err=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one document on stdout. What stdout cannot write comes in JSON's own escapes."""
    text = json.dumps(document, ensure_ascii=False)
    click.echo(text if _is_writable(text) else json.dumps(document))


def _is_writable(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True


def prepare_streams() -> None:
    """Let any text be printed, and nothing be opened in place of a stream that was closed.

    The next file that is opened would get the stream's number, and what is printed would go into it.
    """
    disk = Disk()
    if sys.stdin is None:
        sys.stdin = os.fdopen(disk.open(os.devnull))
    if sys.stdout is None:
        sys.stdout = os.fdopen(disk.open_append(os.devnull), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(disk.open_append(os.devnull), "w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # As stderr does by itself.
