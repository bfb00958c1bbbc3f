from datetime import timedelta
from enum import Enum

import pytest

from tidelog.datastore.clock import Clock
from tidelog.sdk.alerts import AlertLevel, Alerts


class HandClock(Clock):
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.s = 0.0

    def monotonic(self) -> float:
        return self.s


class Theirs(Enum):
    WARN = "WARN"


@pytest.mark.parametrize(
    ("expected", "level"),
    [
        ("INFO", "INFO"),
        ("WARN", AlertLevel.WARN),
        ("WARN", Theirs.WARN),
        ("ERROR", "error"),
        ("INFO", 7),
    ],
)
def test_a_level_is_one_of_three(expected: str, level: object) -> None:
    """Words, ours or another package's enum; what is none of them is an INFO."""
    alert = Alerts(HandClock()).record_of("t", "x", level, wait_duration=None)
    assert {"title": "t", "text": "x", "level": expected} == alert


@pytest.mark.parametrize("wait", [60, 60.0, timedelta(minutes=1)])
def test_alerts_of_one_title_wait(wait: object) -> None:
    """Those between are left out; other titles do not wait."""
    clock = HandClock()
    alerts = Alerts(clock)

    def is_due(title: str) -> bool:
        return alerts.record_of(title, "", "INFO", wait_duration=wait) is not None

    assert [True, False, True] == [is_due("a"), is_due("a"), is_due("b")]
    clock.s = 59.9
    assert not is_due("a")
    clock.s = 60.0
    assert is_due("a")
