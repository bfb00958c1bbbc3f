"""What a target says that it holds of a run, each byte of it read again. Values; no I/O."""

from collections.abc import Sequence
from typing import NamedTuple


class LogContents(NamedTuple):
    """What a target holds of a log, read again from its disk."""

    name: str
    log_id: str
    size: int
    chunks: int
    rows: int
    sha256: str


class FileContents(NamedTuple):
    """What a target holds of a file, read again from its disk."""

    path: str
    size: int
    sha256: str


class RunContents(NamedTuple):
    """What a target holds of a run."""

    logs: Sequence[LogContents]
    files: Sequence[FileContents]
