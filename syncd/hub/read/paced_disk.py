"""Reading at a pace: a look at a run ends after so many bytes, or rests as long as it works."""

import builtins
import os
import threading
from collections.abc import Callable

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, Entry, StrPath

Pause = Callable[[int], None]
"""Called after so many bytes were read; may take its time, and raises TakesLongError to end it."""

WORK_S = 0.02
"""So long is worked until it rests."""


class TakesLongError(Exception):
    """A look at a run was ended because it would have taken too long."""


class PacedDisk(Disk):
    """Reads through another `Disk`, with a pause after each read."""

    def __init__(self, disk: Disk, pause: Pause) -> None:
        self._disk = disk
        self._pause = pause

    def is_file(self, path: StrPath) -> bool:
        """Tell whether a path leads to a file."""
        return self._disk.is_file(path)

    def real_path(self, path: StrPath) -> str:
        """Return a path without symbolic links."""
        return self._disk.real_path(path)

    def shown(self, path: StrPath) -> str:
        """Return a path as messages name it."""
        return self._disk.shown(path)

    def stat(self, path: StrPath) -> os.stat_result:
        """Return the status of a path."""
        return self._disk.stat(path)

    def list(self, path: StrPath) -> builtins.list[Entry]:
        """Return what a directory holds."""
        return self._disk.list(path)

    def open(self, path: StrPath) -> int:
        """Open a file for `pread`."""
        return self._disk.open(path)

    def size(self, fd: int) -> int:
        """Return the length of an open file in bytes."""
        return self._disk.size(fd)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        self._disk.close(fd)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read up to `size` bytes at `offset`, then pause."""
        data = self._disk.pread(fd, size, offset)
        self._pause(len(data))
        return data


def no_pause(_size: int) -> None:
    """Go on at once."""


def within(bytes_max: int) -> Pause:
    """Return what ends a look that reads more than so many bytes.

    By the clock a busy machine would end looks that are short.
    """
    left = bytes_max

    def pause(size: int) -> None:
        nonlocal left
        left -= size
        if left < 0:
            raise TakesLongError

    return pause


def at_ease(clock: Clock, ending: threading.Event) -> Pause:
    """Return what lets a look rest as long as it works, and ends it when that is said."""
    rested_at = clock.monotonic()

    def pause(_size: int) -> None:
        nonlocal rested_at
        worked_s = clock.monotonic() - rested_at
        if worked_s < WORK_S:
            return
        if ending.wait(worked_s):
            raise TakesLongError
        rested_at = clock.monotonic()

    return pause
