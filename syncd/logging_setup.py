"""Where the events of a service go: to stderr, in the form that whoever reads it there can use.

The daemon and the hub set it up once, at their start; nothing else configures logging.
"""

import faulthandler
import logging
import os
import sys
from collections.abc import Mapping
from typing import IO

from tidelog.syncd.log_lines import JSON, JournalLines, JsonLines, TextLines

JOURNAL_VARIABLE = "JOURNAL_STREAM"


def log_to_stderr(form: str, environ: Mapping[str, str], *, level: int = logging.INFO) -> None:
    """Write every event of at least `level` to stderr, as text or as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(form, sys.stderr, environ))
    log_through(handler, level=level)


def log_through(handler: logging.Handler, *, level: int = logging.INFO) -> None:
    """Let `handler` have every event. A service that hangs and is aborted leaves its traceback."""
    logging.basicConfig(handlers=[handler], level=level, force=True)
    faulthandler.enable()


def is_coloured(stream: IO[str], environ: Mapping[str, str]) -> bool:
    """Tell whether colours are shown: on a terminal that has them, unless NO_COLOR forbids it."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb" and stream.isatty()


def is_journal(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Tell whether a descriptor leads to the journal: JOURNAL_STREAM has its device and inode."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get(JOURNAL_VARIABLE) == f"{status.st_dev}:{status.st_ino}"


def _formatter(form: str, stream: IO[str], environ: Mapping[str, str]) -> logging.Formatter:
    if form == JSON:
        return JsonLines()
    if is_journal(stream.fileno(), environ):
        return JournalLines()
    return TextLines(is_coloured=is_coloured(stream, environ))
