"""How fast bytes may leave: a bucket that sending empties and time fills. No I/O, no clock of its own.

What is sent may overdraw the bucket, so a piece need not fit: whoever sends next waits the debt out.
One pace is shared by all targets, for it is one line that they leave by.
"""

PIECE_S = 1.0
PIECE_BYTES_MIN = 64 * 1024


class Pace:
    """At most `rate_bytes` a second over any longer time; None sets no bound."""

    def __init__(self, rate_bytes: float | None = None) -> None:
        self.rate_bytes = rate_bytes
        self._debt_bytes = 0.0
        self._as_of = 0.0

    def __repr__(self) -> str:
        return f"<Pace of {self.rate_bytes} bytes/s, {self._debt_bytes:.0f} bytes in debt>"

    def spent(self, sent_bytes: int, now: float) -> None:
        """Note bytes that have left, at `now` (monotonic seconds)."""
        if self.rate_bytes is not None:
            self._debt_bytes = self._debt(now) + sent_bytes
            self._as_of = now

    def ready_at(self, now: float) -> float:
        """Return the moment from which more may be sent; `now` where that is this moment."""
        if self.rate_bytes is None:
            return now
        return now + self._debt(now) / self.rate_bytes

    def piece_bytes(self, bytes_max: int) -> int:
        """Return how large a piece may be, so that no piece takes much longer than a second."""
        if self.rate_bytes is None:
            return bytes_max
        return min(bytes_max, max(PIECE_BYTES_MIN, int(self.rate_bytes * PIECE_S)))

    def _debt(self, now: float) -> float:
        assert self.rate_bytes is not None  # noqa: S101 - both callers have looked
        return max(0.0, self._debt_bytes - (now - self._as_of) * self.rate_bytes)
