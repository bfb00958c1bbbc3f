"""Whether anything may be sent at all: paused by a person, or within quiet hours. No I/O.

A closed gate holds back what has not begun; it drops nothing and takes nothing for a failure.
"""

import math
from datetime import datetime
from typing import NamedTuple

from tidelog.syncd.agent.plan.quiet_hours import QuietHours, quiet_until


class Closed(NamedTuple):
    """Why the gate is closed, and until when (seconds since the epoch; infinite: until told)."""

    reason: str
    until: float
    is_pause: bool = False


class Gate:
    """Shared by all targets of a daemon."""

    def __init__(self, quiet_hours: tuple[QuietHours, ...] = (), *, paused_until: float = 0.0) -> None:
        self.quiet_hours = quiet_hours
        self.paused_until = paused_until

    def __repr__(self) -> str:
        return f"<Gate, paused until {self.paused_until}, {len(self.quiet_hours)} quiet hours>"

    def closed(self, now: float) -> Closed | None:
        """Return why nothing may be sent at `now` (seconds since the epoch), None where it may."""
        if now < self.paused_until:
            how = "until `syncd resume`" if math.isinf(self.paused_until) else "by a person"
            return Closed(f"paused {how}", self.paused_until, is_pause=True)
        if not self.quiet_hours:
            return None
        end = quiet_until(self.quiet_hours, datetime.fromtimestamp(now).astimezone())
        return None if end is None else Closed(f"quiet hours until {end:%H:%M}", end.timestamp())
