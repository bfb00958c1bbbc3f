"""Where the events of a service go: to stderr, in the form that whoever reads it there can use.

The daemon and the hub set it up once, at their start; nothing else configures logging.
"""

import faulthandler
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from tidelog.datastore.disk import Disk
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.log_file import LogFile
from tidelog.syncd.log_lines import JSON, JournalLines, JsonLines, TextLines

JOURNAL_VARIABLE = "JOURNAL_STREAM"


def set_up_logging(
    form: str,
    log_file: str | None,
    environ: Mapping[str, str],
    disk: Disk,
    *,
    level: int = logging.INFO,
) -> None:
    """Write every event of at least `level` to a file as JSON, else to stderr in the form that is named.

    A service that hangs, and is aborted for it, leaves its traceback there, too.
    """
    if log_file is not None:
        handler: logging.Handler = _open(Path(log_file), disk)
        handler.setFormatter(JsonLines())
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_formatter(form, sys.stderr, environ, disk))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    faulthandler.enable()


def teller(log: logging.Logger) -> Callable[[str], None]:
    """Return what writes lines for people as events: warnings, but for good news."""

    def tell(line: str) -> None:
        level = logging.INFO if getattr(line, "is_good_news", False) else logging.WARNING
        log.log(level, "%s", line, extra={"about": getattr(line, "about", {})})

    return tell


def is_coloured(stream: IO[str], environ: Mapping[str, str]) -> bool:
    """Tell whether colours are shown: on a terminal that has them, unless NO_COLOR forbids it."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb" and stream.isatty()


def is_journal(descriptor: int, environ: Mapping[str, str], disk: Disk) -> bool:
    """Tell whether a descriptor leads to the journal: JOURNAL_STREAM has its device and inode."""
    try:
        device, inode = disk.identity(descriptor)
    except OSError:
        return False
    return environ.get(JOURNAL_VARIABLE) == f"{device}:{inode}"


def _open(path: Path, disk: Disk) -> LogFile:
    try:
        log = LogFile(path, disk=disk)
    except OSError as error:
        raise CannotStartError(
            f"the log cannot be written to {path}: {error.strerror}; name another --log-file"
        ) from error
    log.take_stdio()
    return log


def _formatter(form: str, stream: IO[str], environ: Mapping[str, str], disk: Disk) -> logging.Formatter:
    if form == JSON:
        return JsonLines()
    if is_journal(stream.fileno(), environ, disk):
        return JournalLines()
    return TextLines(is_coloured=is_coloured(stream, environ))
