"""The pace: over any longer time no more than the rate leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.syncd.agent.plan.pace import PIECE_BYTES_MIN, Pace


def test_no_rate_is_no_bound() -> None:
    pace = Pace()
    pace.spent(1 << 40, 0.0)
    assert (5.0, 8_000_000) == (pace.ready_at(5.0), pace.piece_bytes(8_000_000))


def test_what_was_overdrawn_is_waited_out() -> None:
    """3,000 bytes at 1,000 a second are paid for after 3 s, whenever somebody asks."""
    pace = Pace(1000)
    pace.spent(3000, 10.0)
    assert [13.0, 13.0, 13.5] == [pace.ready_at(now) for now in (10.0, 12.0, 13.5)]


def test_idle_time_is_not_saved_up() -> None:
    """After an hour of silence there is no burst of an hour's bytes."""
    pace = Pace(1000)
    pace.spent(1000, 0.0)
    pace.spent(2000, 3600.0)
    assert 3602.0 == pace.ready_at(3600.0)


@pytest.mark.parametrize(
    ("rate", "size"), [(None, 8_000_000), (1, PIECE_BYTES_MIN), (10**6, 10**6), (10**9, 8_000_000)]
)
def test_a_piece_takes_about_a_second(rate: int | None, size: int) -> None:
    """But it is never so small that the request around it costs more than the bytes."""
    assert size == Pace(rate).piece_bytes(8_000_000)


@given(
    rate=st.integers(1, 10**7),
    steps=st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 100)), min_size=1, max_size=30),
)
def test_who_waits_until_it_is_ready_keeps_the_rate(rate: int, steps: list[tuple[int, float]]) -> None:
    """All bytes but those of the last piece are paid for by the time that it leaves."""
    pace, now, paid = Pace(rate), 0.0, 0
    for size, pause in steps:
        now = max(now + pause, pace.ready_at(now + pause))
        assert paid <= rate * now * (1 + 1e-9) + 1e-3
        pace.spent(size, now)
        paid += size
