"""The gate: closed by a person or by quiet hours, and why."""

import math
from datetime import datetime

from tidelog.syncd.agent.plan.gate import Closed, Gate
from tidelog.syncd.agent.plan.quiet_hours import parse_quiet_hours


def test_a_gate_is_open_unless_somebody_closed_it() -> None:
    assert None is Gate().closed(0.0)


def test_a_pause_ends_by_itself_or_by_a_person() -> None:
    """A pause without an end says how to end it."""
    gate = Gate(paused_until=100.0)
    assert (Closed("paused by a person", 100.0, is_pause=True), None) == (
        gate.closed(99.9),
        gate.closed(100.0),
    )
    gate.paused_until = math.inf
    assert Closed("paused until `syncd resume`", math.inf, is_pause=True) == gate.closed(1e12)


def test_quiet_hours_are_those_of_the_local_clock() -> None:
    noon = datetime(2026, 11, 26, 12, 0).astimezone()
    gate = Gate((parse_quiet_hours("08:00-18:00"),))
    end = noon.replace(hour=18).timestamp()
    assert Closed("quiet hours until 18:00", end) == gate.closed(noon.timestamp())
    assert None is gate.closed(end)
