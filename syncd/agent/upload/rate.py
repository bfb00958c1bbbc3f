"""How fast bytes are acknowledged, second by second over the last minute. No I/O, no clock."""

KEPT_S = 60
"""Seconds that are remembered, which bounds the memory."""
NOW_S = 10
"""What is called the rate of now is the mean over so many seconds."""


class Rate:
    """Bytes per second; what one request carried is spread over the time that it took."""

    def __init__(self) -> None:
        self._bytes = [0.0] * KEPT_S  # That of second s stands at s modulo KEPT_S.
        self._second = 0

    def __repr__(self) -> str:
        return f"<Rate, {sum(self._bytes):.0f} bytes in the last {KEPT_S} s>"

    def note(self, sent_bytes: int, *, since: float, now: float) -> None:
        """Note bytes that left between two moments (monotonic seconds) and are acknowledged."""
        self._advance(now)
        took_s = max(now - since, 1e-3)
        for second in range(int(max(since, now - KEPT_S + 1)), int(now) + 1):
            within_s = min(now, second + 1) - max(now - took_s, second)
            self._bytes[second % KEPT_S] += sent_bytes * max(0.0, within_s) / took_s

    def bytes_per_s(self, now: float) -> float:
        """Return the rate over the last NOW_S whole seconds and what has begun of this one."""
        self._advance(now)
        seconds = range(int(now) - NOW_S, int(now) + 1)
        return sum(self._bytes[second % KEPT_S] for second in seconds) / (NOW_S + now % 1)

    def history(self, now: float) -> list[int]:
        """Return the bytes of each of the last KEPT_S - 1 whole seconds, the oldest first."""
        self._advance(now)
        return [round(self._bytes[s % KEPT_S]) for s in range(int(now) - KEPT_S + 1, int(now))]

    def _advance(self, now: float) -> None:
        """Forget the seconds whose place the new ones take."""
        for second in range(max(self._second + 1, int(now) - KEPT_S + 1), int(now) + 1):
            self._bytes[second % KEPT_S] = 0.0
        self._second = max(self._second, int(now))
