"""Hours in which nothing is sent: `08:00-18:00`, `mon-fri 08:00-18:00`, `22:00-06:00`. No I/O.

Local time, as the person who wrote them reads the clock on the wall.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES

_TIME = r"([01][0-9]|2[0-4]):([0-5][0-9])"
_WINDOW = re.compile(
    rf"(?:({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))?\s+)?{_TIME}-{_TIME}", re.ASCII | re.IGNORECASE
)


class QuietHours(NamedTuple):
    """One window: the days (0 is Monday) on which it begins, and its minutes of the day.

    Where `end` is not after `start` it ends on the next day.
    """

    days: frozenset[int]
    start: int
    end: int

    @property
    def length(self) -> int:
        """How many minutes it lasts."""
        return self.end - self.start + DAY_MINUTES * (self.end <= self.start)

    def until(self, moment: datetime) -> datetime | None:
        """Return when the window that `moment` lies in ends, None where it lies in none."""
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        for days_ago in (0, 1):
            day = midnight - timedelta(days=days_ago)
            begin = day + timedelta(minutes=self.start)
            end = begin + timedelta(minutes=self.length)
            if day.weekday() in self.days and begin <= moment < end:
                return end
        return None


def parse_quiet_hours(text: str) -> QuietHours:
    """Return the window that a person wrote. Raises ValueError with a sentence."""
    match = _WINDOW.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} are no hours; write them like 08:00-18:00 or mon-fri 22:00-06:00")
    first, last = match[1], match[2] or match[1]
    days = frozenset(range(len(DAYS))) if first is None else _days(first, last)
    start, end = (int(match[at]) * 60 + int(match[at + 1]) for at in (3, 5))
    if max(start, end) > DAY_MINUTES:
        raise ValueError(f"{text!r} has a time after 24:00")
    return QuietHours(days, start, end)


def quiet_until(windows: tuple[QuietHours, ...], moment: datetime) -> datetime | None:
    """Return when the last of the windows around `moment` ends, None where there is none."""
    return max((end for window in windows if (end := window.until(moment)) is not None), default=None)


def never_end(windows: Iterable[QuietHours]) -> bool:
    """Tell whether no minute of the week lies outside all of the windows."""
    begins = [(day * DAY_MINUTES + window.start, window) for window in windows for day in window.days]
    quiet = {minute % WEEK_MINUTES for at, w in begins for minute in range(at, at + w.length)}
    return len(quiet) == WEEK_MINUTES


def _days(first: str, last: str) -> frozenset[int]:
    start, end = DAYS.index(first.lower()), DAYS.index(last.lower())
    return frozenset((start + day) % len(DAYS) for day in range((end - start) % len(DAYS) + 1))
