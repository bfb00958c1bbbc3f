"""What an answer means: done, wait, ask again, park."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.syncd.agent.plan.retry import Course, Setback, judge_problem, parse_retry_after, wait_s
from tidelog.syncd.errors import (
    BAD_REQUEST,
    DIFFERENT_BYTES,
    DIFFERENT_LOG,
    DIGEST_MISMATCH,
    DISK_FULL,
    FILE_MISMATCH,
    FORBIDDEN,
    INTERNAL,
    INVALID_CHUNKS,
    INVALID_NAME,
    OFFSET_MISMATCH,
    TOO_LARGE,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    UNAVAILABLE,
    Problem,
    ProblemError,
)


@pytest.mark.parametrize(
    ("problem", "course"),
    [
        (UNAVAILABLE, Course.OUTAGE),
        (TOO_MANY_REQUESTS, Course.OUTAGE),
        (DISK_FULL, Course.OUTAGE),
        (INTERNAL, Course.AGAIN),
        (DIGEST_MISMATCH, Course.AGAIN),
        (OFFSET_MISMATCH, Course.ASK),
        (DIFFERENT_LOG, Course.ASK),
        (UNAUTHORIZED, Course.REFUSED),
        (FORBIDDEN, Course.PARK),
        (DIFFERENT_BYTES, Course.PARK),
        (INVALID_CHUNKS, Course.PARK),
        (FILE_MISMATCH, Course.AGAIN),
        (INVALID_NAME, Course.PARK),
        (TOO_LARGE, Course.PARK),
        (BAD_REQUEST, Course.PARK),
    ],
)
def test_each_problem_of_a_hub_has_its_course(problem: Problem, course: Course) -> None:
    """What may pass is retried, what cannot is parked, and both keep the hub's sentence."""
    setback = judge_problem(ProblemError(problem, "offset 5 is not 7"))
    assert course is setback.course
    assert "offset 5 is not 7" in setback.reason


@pytest.mark.parametrize(
    ("status", "course"),
    [
        (409, Course.PARK),
        (410, Course.PARK),
        (429, Course.OUTAGE),
        (500, Course.AGAIN),
        (503, Course.OUTAGE),
    ],
)
def test_a_code_of_a_newer_hub_counts_by_its_status(status: int, course: Course) -> None:
    """With its words; the same code under another prefix is no hub's."""
    document = {"type": "tag:tidelog,2026:too-blue", "title": "Too blue", "detail": "use red"}
    setback = judge_problem(ProblemError.from_document(status, document))
    assert (course, "Too blue: use red") == (setback.course, setback.reason)
    foreign = {**document, "type": "https://example.org/too-blue"}
    assert Course.OUTAGE is judge_problem(ProblemError.from_document(status, foreign)).course


@pytest.mark.parametrize("status", [200, 302, 403, 404, 413, 502, 511])
def test_an_answer_that_no_hub_gave_is_an_outage(status: int) -> None:
    """A portal, a proxy or a wrong address parks nothing: tomorrow a hub may answer there."""
    setback = judge_problem(ProblemError.from_document(status, None))
    assert Course.OUTAGE is setback.course
    assert str(status) in setback.reason


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Mon, 23 Nov 2026 09:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 08:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    """RFC 9110, 10.2.3; what is neither is passed over."""
    now = 1_795_424_400.0  # 2026-11-23 09:00:00 UTC
    assert seconds == parse_retry_after(value, now)


def test_a_retry_after_is_waited_out() -> None:
    """Never less than the hub asks for, never more than is believable, and not all at once."""
    limits = {"first_s": 1.0, "max_s": 60.0, "retry_after_max_s": 600.0}
    asked = Setback(Course.OUTAGE, "503", retry_after_s=30.0)
    assert 30.0 == wait_s(asked, 1, chance=0.0, **limits)
    assert 31.0 == wait_s(asked, 1, chance=1.0, **limits)
    assert 30.0 + 60.0 == wait_s(asked, 9, chance=1.0, **limits)
    absurd = Setback(Course.OUTAGE, "503", retry_after_s=1e9)
    assert 600.0 == wait_s(absurd, 1, chance=0.0, **limits)


def test_a_thousand_failures_wait_no_longer_than_ten() -> None:
    """The bound holds, and no number of failures overflows it."""
    limits = {"first_s": 0.5, "max_s": 60.0, "retry_after_max_s": 600.0}
    setback = Setback(Course.OUTAGE, "refused")
    assert 60.0 == wait_s(setback, 10, chance=1.0, **limits)
    assert 60.0 == wait_s(setback, 100_000, chance=1.0, **limits)


@given(
    attempt=st.integers(1, 10_000),
    chance=st.floats(0.0, 1.0, exclude_max=True),
    asked_s=st.none() | st.floats(0.0, 1e9),
    course=st.sampled_from([Course.OUTAGE, Course.REFUSED, Course.AGAIN, Course.ASK]),
)
def test_the_jitter_stays_within_its_bounds(
    attempt: int, chance: float, asked_s: float | None, course: Course
) -> None:
    """From nothing to a bound that doubles, on top of what was asked for."""
    limits = {"first_s": 0.5, "max_s": 60.0, "retry_after_max_s": 3600.0}
    waits = wait_s(Setback(course, "no", asked_s), attempt, chance=chance, **limits)
    bound = 60.0 if course is Course.REFUSED else min(60.0, 0.5 * 2 ** min(attempt - 1, 30))
    least = min(asked_s or 0.0, 3600.0)
    assert least <= waits <= least + bound


def test_what_a_hub_says_cannot_steer_a_terminal() -> None:
    """Whoever answers may be anybody."""
    setback = judge_problem(ProblemError(FORBIDDEN, "no\x1b[2J\nreally"))
    assert setback.reason.isprintable()
    assert "really" in setback.reason
