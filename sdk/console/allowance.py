"""How much is allowed: a lot at once, and less for ever. No clock."""


class Allowance:
    """A bucket that is full at first, and fills up again with time."""

    def __init__(self, now: float, *, at_once: float, per_s: float) -> None:
        self._left = at_once
        self._at_once = at_once
        self._per_s = per_s
        self._now = now

    def grant(self, amount: float, now: float) -> bool:
        """Tell whether so much is allowed, and count it where it is; `now` is monotonic, in seconds."""
        self._left = min(self._at_once, self._left + (now - self._now) * self._per_s)
        self._now = now
        if amount > self._left:
            return False
        self._left -= amount
        return True
