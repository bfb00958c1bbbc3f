"""What is remembered of a folder or a log between two looks: values and decisions, no I/O, no clock.

No decision compares the times of files with this machine's clock where a wrong answer would cost more
than speed: a file server has a clock of its own, and both jump.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

_SUM_BITS = 64
_SUM_MASK = (1 << _SUM_BITS) - 1


class LogStatus(NamedTuple):
    """A log as `stat` shows it. A file that took the place of another has another time."""

    name: str
    size: int
    mtime_ns: int


@dataclass(slots=True)
class SeenFolder:
    """The time of a folder when it was last listed, and whether that listing is sure to be whole."""

    mtime_ns: int = -1
    since: float = 0.0
    is_settled: bool = False

    def is_due(self, mtime_ns: int, now: float, *, is_old: bool, settle_s: float) -> bool:
        """Tell whether the folder must be listed at this moment (monotonic), and note that it is.

        Times are coarse: what appears right after a listing may leave the folder's time as it is. So
        it is listed again until it kept its time for `settle_s`, unless that `is_old` already.
        """
        if mtime_ns != self.mtime_ns:
            self.mtime_ns, self.since, self.is_settled = mtime_ns, now, is_old
            return True
        if self.is_settled:
            return False
        self.is_settled = now - self.since >= settle_s
        return True

    def forget(self) -> None:
        """Let the folder be due again: it could not be listed."""
        self.mtime_ns, self.is_settled = -1, False


@dataclass(slots=True)
class SeenLog:
    """A log of a run that is awake, and until when (monotonic) it is looked at twice a second."""

    status: LogStatus
    live_until: float

    def is_live(self, now: float) -> bool:
        """Tell whether the log may grow at any moment."""
        return now < self.live_until


def sleeping(mtime_ns: int, logs: Iterable[LogStatus]) -> int:
    """Return all that is remembered of a run that sleeps: its folder's time, and a sum over its logs.

    One number of 50 bytes: there may be a hundred thousand of them.
    """
    return (mtime_ns << _SUM_BITS) | (hash(tuple(sorted(logs))) & _SUM_MASK)


def mtime_ns_of(memory: int) -> int:
    """Return the folder's time out of what `sleeping` returned."""
    return memory >> _SUM_BITS
