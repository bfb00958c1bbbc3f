"""When something that failed is tried again: each wait is twice the one before, up to a bound."""

from tidelog.datastore.clock import Clock


class Backoff:
    """Waits in seconds. At the beginning there is none."""

    def __init__(self, clock: Clock, *, first_s: float, max_s: float) -> None:
        self._clock = clock
        self._first_s = first_s
        self._max_s = max_s
        self._next_s = first_s
        self._until = 0.0

    def __repr__(self) -> str:
        return f"<Backoff, {self.left_s:.3f} s left>"

    @property
    def left_s(self) -> float:
        """How long it is until the next try makes sense."""
        return max(0.0, self._until - self._clock.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether it may be tried."""
        return self._clock.monotonic() >= self._until

    def begin(self) -> None:
        """Wait before the next try: one has failed."""
        self._until = self._clock.monotonic() + self._next_s
        self._next_s = min(2 * self._next_s, self._max_s)

    def end(self) -> None:
        """Let the next try be made at once; should it fail, the waits go on as they grew."""
        self._until = self._clock.monotonic()

    def forget(self) -> None:
        """Let waits be short again: it works."""
        self._next_s = self._first_s
