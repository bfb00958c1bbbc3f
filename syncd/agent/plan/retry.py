"""What an answer means for the work it was about: done, wait, ask again, or park. No I/O, no clock.

A success is one only in the protocol's own words: the page of a captive portal, with its status
200, is an outage like any other. Nothing here gives up because time has passed.
"""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum

from tidelog.datastore.text import on_one_line
from tidelog.syncd.errors import (
    DIFFERENT_LOG,
    DISK_FULL,
    OFFSET_MISMATCH,
    QUOTA_EXCEEDED,
    STRANGER,
    UNAUTHORIZED,
    ProblemError,
    SyncdError,
)

DOUBLINGS_MAX = 30
LOCATION_CHARS_MAX = 100
NOT_A_HUB_REMEDY = "log in to the network where it asks for that, or correct the address"


class Course(Enum):
    """What to do after a setback."""

    OUTAGE = "outage"
    """The target as a whole does not work: wait, then probe with one request."""
    REFUSED = "refused"
    """The target does not take our key: probe rarely, and tell the person."""
    AGAIN = "again"
    """This one item failed and may work later; the others go on."""
    ASK = "ask"
    """We were wrong about what the target holds: ask it."""
    PARK = "park"
    """Trying again cannot help until a person has looked."""


@dataclass(frozen=True, slots=True)
class Setback:
    """Why something was not acknowledged, and what follows from it."""

    course: Course
    reason: str
    retry_after_s: float | None = None

    @property
    def is_passing(self) -> bool:
        """Tell whether the same call may work later, though nobody does anything here."""
        return self.course in (Course.OUTAGE, Course.AGAIN)


class SetbackError(SyncdError):
    """A target did not acknowledge; `setback` says what follows."""

    def __init__(self, setback: Setback) -> None:
        super().__init__(setback.reason)
        self.setback = setback


def outage(reason: str) -> SetbackError:
    """Return the error for a target that does not work at all just now."""
    return SetbackError(Setback(Course.OUTAGE, reason))


def refused(reason: str) -> SetbackError:
    """Return the error for a key that is not there, or is not taken."""
    return SetbackError(Setback(Course.REFUSED, reason))


def park(reason: str) -> SetbackError:
    """Return the error for an item that only a person can help."""
    return SetbackError(Setback(Course.PARK, reason))


def not_a_hub(status: int) -> str:
    """Say that a proxy, a portal's page or another program answered."""
    return f"something that is not a tidelog hub answered with status {status}"


def stranger(status: int, location: str | None) -> str:
    """Say who it is that answered without being a hub, as far as its status tells, and what to do."""
    if status in (502, 504):
        return f"a proxy answered with status {status}: the hub behind it is away; start the hub"
    if status == 407:
        return f"{not_a_hub(status)}: a proxy wants a name and a password; put them into HTTPS_PROXY"
    if status == 511 or (status // 100 == 3 and location):
        # It is shown to a person, and comes from who knows where.
        place = repr(location[:LOCATION_CHARS_MAX]) if location else "its login page"
        return f"{not_a_hub(status)} and sends to {place}; {NOT_A_HUB_REMEDY}"
    return f"{not_a_hub(status)}; {NOT_A_HUB_REMEDY}"


def judge_problem(
    problem: ProblemError,
    *,
    retry_after: str | None = None,
    location: str | None = None,
    now: float = 0.0,
) -> Setback:
    """Return what follows from an answer that was no success.

    `retry_after` and `location` are headers as they came; `now` (seconds since the epoch) reads a date.
    """
    kind = problem.problem
    if kind.slug == STRANGER:
        # A proxy, a portal or a wrong address answered; a hub may stand behind it tomorrow.
        reason = stranger(kind.status, location)
        return Setback(Course.OUTAGE, reason, parse_retry_after(retry_after, now))
    # An answer to HEAD has no body and thus no detail: the title stands in for it.
    reason = (
        kind.title if problem.detail == kind.title else f"{kind.title}: {on_one_line(problem.detail)}"
    )
    wait_s = parse_retry_after(retry_after, now)
    if kind == UNAUTHORIZED:
        remedy = "" if "syncd login" in reason else "; run `syncd login`"
        return Setback(Course.REFUSED, reason + remedy, wait_s)
    if kind in (OFFSET_MISMATCH, DIFFERENT_LOG):
        return Setback(Course.ASK, reason)
    if kind == DISK_FULL:
        return Setback(Course.OUTAGE, f"{reason}; free space there, then uploading goes on", wait_s)
    if kind == QUOTA_EXCEEDED:
        remedy = "delete runs there or have it raised (`syncd account quota`), then uploading goes on"
        return Setback(Course.OUTAGE, f"{reason}; {remedy}", wait_s)
    if kind.status in (429, 503):
        return Setback(Course.OUTAGE, reason, wait_s)
    if kind.is_retried:
        return Setback(Course.AGAIN, reason, wait_s)
    return Setback(Course.PARK, reason)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a `Retry-After` asks for: a number or an HTTP date (RFC 9110)."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)


def wait_s(
    setback: Setback,
    attempt: int,
    *,
    chance: float,
    first_s: float,
    max_s: float,
    retry_after_max_s: float,
) -> float:
    """Return how long to wait after the `attempt`-th failure in a row (from 1).

    Full jitter: anything from nothing to a bound that doubles (Brooker, "Exponential Backoff And
    Jitter", 2015); `chance` is from [0, 1). A `Retry-After` is waited out, and the jitter comes on top,
    so that not everyone returns at once, and a hub that is full for weeks is not sent a body every two
    seconds because its `Retry-After` says two.
    """
    bound = min(max_s, first_s * float(1 << min(attempt - 1, DOUBLINGS_MAX)))
    if setback.course is Course.REFUSED:
        bound = max_s
    if setback.retry_after_s is None:
        return chance * bound
    return min(setback.retry_after_s, retry_after_max_s) + chance * bound
