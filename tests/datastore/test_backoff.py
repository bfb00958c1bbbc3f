"""Waits between tries."""

from tidelog.datastore.backoff import Backoff
from tidelog.datastore.clock import Clock


class SetClock(Clock):
    def __init__(self) -> None:
        self.at = 100.0

    def monotonic(self) -> float:
        return self.at


def waits(backoff: Backoff, count: int) -> list[float]:
    found = []
    for _ in range(count):
        backoff.begin()
        found.append(backoff.left_s)
    return found


def test_each_wait_is_twice_the_one_before_up_to_the_bound() -> None:
    """And short again once it works."""
    backoff = Backoff(SetClock(), first_s=1.0, max_s=5.0)
    assert [1.0, 2.0, 4.0, 5.0, 5.0] == waits(backoff, 5)
    assert "<Backoff, 5.000 s left>" == repr(backoff)
    backoff.forget()
    assert [1.0, 2.0] == waits(backoff, 2)


def test_a_wait_is_over_with_the_time_or_by_a_word() -> None:
    """Who ends it early waits no shorter the next time."""
    clock = SetClock()
    backoff = Backoff(clock, first_s=1.0, max_s=5.0)
    assert (True, 0.0) == (backoff.is_over, backoff.left_s)
    backoff.begin()
    assert (False, 1.0) == (backoff.is_over, backoff.left_s)
    clock.at += 1.5
    assert (True, 0.0) == (backoff.is_over, backoff.left_s)
    backoff.begin()
    backoff.end()
    assert backoff.is_over
    assert [4.0] == waits(backoff, 1)
