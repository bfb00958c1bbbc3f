"""How slow the other end may be: a deadline that moves with the bytes. No I/O, no clock.

Who stands still has so many seconds. Who moves earns time by the byte, but never more than that, so what
was sent fast at first buys no long pause later.
"""


class Pace:
    """The deadline of one body or answer that is under way. Times are monotonic seconds."""

    __slots__ = ("_rate_bytes_min", "_stall_s", "deadline")

    def __init__(self, now: float, *, rate_bytes_min: float, stall_s: float) -> None:
        self._rate_bytes_min = rate_bytes_min
        self._stall_s = stall_s
        self.deadline = now + stall_s

    def __repr__(self) -> str:
        return f"<Pace until {self.deadline:.3f}>"

    def moved(self, size: int, now: float) -> float:
        """Note that `size` bytes got through, and return the deadline for the next ones."""
        earned = self.deadline + size / self._rate_bytes_min
        self.deadline = min(earned, now + self._stall_s)
        return self.deadline
