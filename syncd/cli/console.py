"""What the commands say: lines for people, one JSON document for programs, exit codes."""

import json
from collections.abc import Mapping
from typing import Any

import click

WHOLE = 0
PARKED = 1
BAD_USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130


def say(line: str) -> None:
    """Print a line for people, on stderr: stdout is for data."""
    click.echo(line, err=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one document on stdout. A path that is no Unicode comes in JSON's own escapes."""
    text = json.dumps(document, ensure_ascii=False)
    click.echo(text if _is_unicode(text) else json.dumps(document))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
