"""The rate of now and its last minute, on a clock of the test's own."""

import pytest

from tidelog.syncd.agent.upload.rate import KEPT_S, NOW_S, Rate


def test_what_a_request_carried_is_spread_over_the_time_it_took() -> None:
    """A piece of five seconds is five seconds of a fifth, and not one of all."""
    rate = Rate()
    rate.note(1000, since=100.0, now=105.0)
    assert [200, 200, 200, 200, 200] == rate.history(105.0)[-5:]
    assert 1000 == sum(rate.history(105.0))


def test_the_rate_of_now_is_the_mean_of_the_last_seconds() -> None:
    """And nothing once they have passed."""
    rate = Rate()
    for second in range(NOW_S):
        rate.note(500, since=100.0 + second, now=101.0 + second)
    assert 500.0 == rate.bytes_per_s(100.0 + NOW_S)
    assert 250.0 == pytest.approx(rate.bytes_per_s(105.0 + NOW_S))
    assert 0.0 == rate.bytes_per_s(101.0 + 2 * NOW_S)


def test_a_request_longer_than_the_memory_counts_for_what_is_remembered() -> None:
    """At its own rate."""
    rate = Rate()
    rate.note(200_000, since=1000.0, now=1200.0)
    assert [1000] * (KEPT_S - 1) == rate.history(1200.0)


def test_an_hour_of_silence_leaves_nothing() -> None:
    """Old seconds do not come back where the new ones stand."""
    rate = Rate()
    rate.note(1000, since=100.5, now=100.5)
    assert 1000 == sum(rate.history(102.0))
    assert 0 == sum(rate.history(3700.0))
    assert 0.0 == rate.bytes_per_s(3700.0)
