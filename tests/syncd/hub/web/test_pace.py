"""How slow the other end may be."""

from tidelog.syncd.hub.web.pace import Pace


def test_who_stands_still_has_so_many_seconds() -> None:
    """From the start, and from the last byte where all before came fast."""
    pace = Pace(100.0, rate_bytes_min=1000, stall_s=8.0)
    assert 108.0 == pace.deadline
    assert 113.0 == pace.moved(1_000_000, 105.0)


def test_time_is_earned_by_the_byte() -> None:
    """A byte a second does not keep a connection: the deadline is only a thousandth later."""
    pace = Pace(0.0, rate_bytes_min=1000, stall_s=8.0)
    for second in range(1, 9):
        pace.moved(1, float(second))
    assert 8.008 == round(pace.deadline, 6)


def test_who_keeps_the_pace_is_never_late() -> None:
    """However long it takes."""
    pace = Pace(0.0, rate_bytes_min=1000, stall_s=8.0)
    for second in range(4, 4000, 4):
        assert second < pace.deadline
        pace.moved(4000, float(second))
    assert "<Pace until 4004.000>" == repr(pace)
