"""Alerts: what people should see, and not again and again."""

from tidelog.datastore.clock import Clock

LEVELS = ("INFO", "WARN", "ERROR")


class AlertLevel:
    """How urgent an alert is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class Alerts:
    """Keeps alerts of one title from coming too often: `wait_duration` is the least time between two."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def record_of(
        self, title: str, text: str, level: object, *, wait_duration: object
    ) -> dict[str, str] | None:
        """Return the record of an alert, None where the last one of its title was too short ago.

        `wait_duration` is a timedelta or a number of seconds.
        """
        wait_s = _seconds(wait_duration)
        now = self._clock.monotonic()
        last = self._last.get(title)
        if last is not None and now - last < wait_s:
            return None
        self._last[title] = now
        name = str(getattr(level, "value", level)).upper()
        return {"title": title, "text": text, "level": name if name in LEVELS else "INFO"}


def _seconds(duration: object) -> float:
    total = getattr(duration, "total_seconds", None)
    if callable(total):
        return float(total())
    return float(duration) if isinstance(duration, (int, float)) else 0.0
