"""One event, one line: for a terminal, for a journal, or as JSON for programs.

What a line says is decided here; who writes it where is not.
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tidelog.datastore.text import on_one_line

TEXT: Final = "text"
JSON: Final = "json"
FORMATS: Final = (TEXT, JSON)

_RESET, _DIM = "\033[0m", "\033[2m"
_COLOURS = {"warning": "\033[33m", "error": "\033[31m", "critical": "\033[31m"}
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def entry_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return an event as a document: time (RFC 3339, UTC), level, message, and what it is about.

    A record's `about` holds members such as `target` and `run`.
    """
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    entry = {
        "time": time.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "message": record.getMessage(),
        **getattr(record, "about", {}),
    }
    if record.exc_info:
        entry["traceback"] = logging.Formatter().formatException(record.exc_info)
    return entry


def text_of(entry: Mapping[str, Any], *, is_coloured: bool) -> str:
    """Return a document of `entry_of` as a person reads it: local time, level, message."""
    level = str(entry.get("level", ""))
    when, message = _local(str(entry.get("time", ""))), on_one_line(str(entry.get("message", "")))
    label = f"{level.upper():7}"
    if is_coloured:
        when = f"{_DIM}{when}{_RESET}"
        label = f"{_COLOURS[level]}{label}{_RESET}" if level in _COLOURS else label
    trace = entry.get("traceback")
    return f"{when} {label} {message}" + (f"\n{trace}" if trace else "")


def entry_in(line: str) -> dict[str, Any] | None:
    """Return the document that a line of a JSON log holds, None where it is something else."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and {"time", "level", "message"} <= entry.keys() else None


class JsonLines(logging.Formatter):
    """Every event is one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps(entry_of(record), ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """Every event is one line for a person, with colours where a terminal shows them."""

    def __init__(self, *, is_coloured: bool) -> None:
        super().__init__()
        self._is_coloured = is_coloured

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows on lines of its own."""
        return text_of(entry_of(record), is_coloured=self._is_coloured)


class JournalLines(logging.Formatter):
    """Every line has its priority before it; the journal knows the time (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the event's lines."""
        entry = entry_of(record)
        text = on_one_line(entry["message"])
        lines = [text, *entry.get("traceback", "").splitlines()]
        return "\n".join(f"<{_PRIORITIES.get(entry['level'], 6)}>{line}" for line in lines)


def _local(time: str) -> str:
    try:
        return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return time
