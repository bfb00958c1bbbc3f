"""Quiet hours: which moments lie in them, and when they end."""

from datetime import datetime

import pytest

from tidelog.syncd.agent.plan.quiet_hours import never_end, parse_quiet_hours, quiet_until

# 2026-11-23 is a Monday.
MONDAY, FRIDAY, SATURDAY, SUNDAY = 23, 27, 28, 29


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute)  # noqa: DTZ001 - the clock on somebody's wall


@pytest.mark.parametrize(
    ("text", "moment", "end"),
    [
        ("08:00-18:00", at(MONDAY, 8), at(MONDAY, 18)),
        ("08:00-18:00", at(SUNDAY, 17, 59), at(SUNDAY, 18)),
        ("08:00-18:00", at(MONDAY, 18), None),
        ("08:00-18:00", at(MONDAY, 7, 59), None),
        ("22:00-06:00", at(MONDAY, 23), at(24, 6)),
        ("22:00-06:00", at(24, 5, 59), at(24, 6)),
        ("22:00-06:00", at(24, 12), None),
        ("mon-fri 08:00-18:00", at(SATURDAY, 12), None),
        ("Mon-Fri 08:00-18:00", at(FRIDAY, 12), at(FRIDAY, 18)),
        ("sat-sun 00:00-24:00", at(SUNDAY, 23, 59), at(30, 0)),
        ("fri-mon 10:00-11:00", at(SUNDAY, 10, 30), at(SUNDAY, 11)),
        ("fri 22:00-06:00", at(SATURDAY, 3), at(SATURDAY, 6)),
        ("sat 22:00-06:00", at(SATURDAY, 3), None),
        ("08:00-08:00", at(MONDAY, 7), at(MONDAY, 8)),
    ],
)
def test_a_moment_lies_in_a_window_or_not(text: str, moment: datetime, end: datetime | None) -> None:
    """A window that ends before it starts goes on into the next day, and belongs to its first."""
    assert end == parse_quiet_hours(text).until(moment)


def test_of_several_windows_the_last_end_counts() -> None:
    windows = tuple(map(parse_quiet_hours, ("08:00-12:00", "09:00-10:00", "20:00-21:00")))
    assert at(MONDAY, 12) == quiet_until(windows, at(MONDAY, 9, 30))
    assert None is quiet_until(windows, at(MONDAY, 13))


@pytest.mark.parametrize(
    ("texts", "is_without_end"),
    [
        ([], False),
        (["00:00-24:00"], True),
        (["08:00-08:00"], True),
        (["mon-sun 18:00-06:00", "06:00-18:00"], True),
        (["mon-sat 00:00-24:00", "sun 00:00-23:59"], False),
        (["sun-fri 00:01-00:00", "sat 12:00-12:00"], False),
        (["mon-sat 06:00-06:00", "sun 06:00-06:00"], True),
    ],
)
def test_windows_over_the_whole_week_never_end(texts: list[str], *, is_without_end: bool) -> None:
    """Each of them has an end, and the next one begins there."""
    assert is_without_end == never_end(map(parse_quiet_hours, texts))


@pytest.mark.parametrize("text", ["", "8-18", "08:00", "08:60-09:00", "25:00-26:00", "xyz 08:00-09:00"])
def test_what_are_no_hours_is_named(text: str) -> None:
    """The message has the value and how to write it."""
    with pytest.raises(ValueError, match="are no hours; write them like") as error:
        parse_quiet_hours(text)
    assert repr(text) in str(error.value)


def test_no_time_is_after_midnight() -> None:
    with pytest.raises(ValueError, match="after 24:00"):
        parse_quiet_hours("08:00-24:30")
