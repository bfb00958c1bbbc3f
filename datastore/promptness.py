"""May whoever logs write to the disk? A decision from how the disk answered of late. No I/O.

A disk that hangs shows it by a sync first: on a local file system a `write(2)` goes on into memory for
seconds after that (`docs/decisions.md`). On a network file system, or one that a process serves, any
call may hang, and none is trusted.
"""

from tidelog.datastore.limits import WriterLimits


class Promptness:
    """How a disk answers. Times are in seconds of one monotonic clock."""

    def __init__(self, limits: WriterLimits) -> None:
        """Trust the disk, until something says otherwise."""
        self.is_ever_trusted = True
        """Whether the kind of disk allows for it; False for a network file system."""
        self._limits = limits
        self._asked_at: float | None = None
        self._distrusted_until = float("-inf")

    @property
    def is_asked(self) -> bool:
        """Whether a sync is under way."""
        return self._asked_at is not None

    def asked(self, now: float) -> None:
        """Note that a sync began."""
        self._asked_at = now

    def answered(self, now: float) -> None:
        """Note that it ended."""
        if self._asked_at is not None and now - self._asked_at > self._limits.slow_answer_s:
            self.distrust(now)
        self._asked_at = None

    def distrust(self, now: float) -> None:
        """Note that the disk took its time."""
        self._distrusted_until = now + self._limits.distrust_s

    def is_trusted(self, now: float) -> bool:
        """Tell whether a write may be expected to return at once."""
        is_silent = self._asked_at is not None and now - self._asked_at > self._limits.slow_answer_s
        return self.is_ever_trusted and not is_silent and now >= self._distrusted_until
