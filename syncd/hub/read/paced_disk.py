"""Reading at a pace: a look at a run ends after so many bytes, or rests as long as it works."""

import threading
from collections.abc import Callable

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.through_disk import ThroughDisk

Pause = Callable[[int], None]
"""Called before so many bytes are read; may take its time, and raises TakesLongError to end it."""

WORK_S = 0.02
"""So long is worked until it rests."""


class TakesLongError(Exception):
    """A look at a run was ended because it would have taken too long."""


class PacedDisk(ThroughDisk):
    """Reads through another `Disk`, with a pause before each read."""

    def __init__(self, disk: Disk, pause: Pause) -> None:
        super().__init__(disk)
        self._pause = pause

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read up to `size` bytes at `offset`, after a pause that knows how many there are."""
        self._pause(max(0, min(size, self.size(fd) - offset)))
        return super().pread(fd, size, offset)


def no_pause(_size: int) -> None:
    """Go on at once."""


def within(bytes_max: int) -> Pause:
    """Return what ends a look before it has read more than so many bytes; so it takes no more memory.

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
