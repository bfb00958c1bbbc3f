"""What there is to do: a run, a task of it, and what goes first. Values; no I/O."""

from enum import IntEnum
from typing import NamedTuple


class Run(NamedTuple):
    """A run directory on this machine, and what it is called at the target."""

    path: str
    project: str
    name: str

    def __str__(self) -> str:
        return f"{self.project}/{self.name}"

    @property
    def root(self) -> str:
        """The folder that its project lies in."""
        return self.path.rsplit("/", 2)[0] or "/"


class Stage(IntEnum):
    """What goes first."""

    LIVE_LOG = 0
    LOG = 1
    SMALL_FILES = 2
    LARGE_FILE = 3


class Task(NamedTuple):
    """Something of a run to send: a log, one large file (by its path), or its small files."""

    run: Run
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.run}/{self.name}" if self.name else f"{self.run}: small files"


LOG = "log"
SMALL_FILES = "small files"
LARGE_FILE = "file"
