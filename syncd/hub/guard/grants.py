"""Grants: a role on the projects that a pattern matches, and the questions about them. No I/O.

In a pattern `*` stands for any characters and `?` for one; all others, brackets too, are themselves.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from tidelog.syncd.errors import KeyNameError

READ: Final = "read"
WRITE: Final = "write"
ADMIN: Final = "admin"
ROLES: Final = (WRITE, READ, ADMIN)
EVERY_PROJECT: Final = "*"
PATTERN_BYTES_MAX: Final = 256

_RANKS: Final = {READ: 1, WRITE: 2, ADMIN: 3}


class Grant(NamedTuple):
    """What somebody may do, on which projects. `write` also reads, `admin` does everything."""

    role: str
    project: str

    def __str__(self) -> str:
        return f"{self.role}:{self.project}"


def rank(role: str) -> int:
    """Return how much a role allows, to compare it with others."""
    return _RANKS[role]


def parse_grant(text: str) -> Grant:
    """Return the grant that a person wrote as ROLE:PATTERN. Raises KeyNameError where it is none."""
    role, colon, project = text.partition(":")
    if not colon:
        raise KeyNameError(f"the grant {text!r} is not like write:mnist*: a role, a colon, a pattern")
    return check_grant(Grant(role, project))


def check_grant(grant: Grant) -> Grant:
    """Return the grant where it is one. Raises KeyNameError with the value and the limit."""
    if grant.role not in _RANKS:
        raise KeyNameError(f"the role {grant.role!r} is none of: {', '.join(ROLES)}")
    pattern = grant.project
    if not pattern or not pattern.isprintable() or len(pattern.encode()) > PATTERN_BYTES_MAX:
        raise KeyNameError(
            f"the project pattern {pattern[:PATTERN_BYTES_MAX]!r} must be printable and have 1 to "
            f"{PATTERN_BYTES_MAX} bytes"
        )
    return grant


def allows(grants: Iterable[Grant], role: str, project: str | None = None) -> bool:
    """Tell whether one of the grants gives the role on the project; without one, on any."""
    return any(
        _RANKS[grant.role] >= _RANKS[role] and (project is None or matches(grant.project, project))
        for grant in grants
    )


def gives(grants: Iterable[Grant], wanted: Grant) -> bool:
    """Tell whether one of the grants gives all that `wanted` does, on every project that can be.

    What cannot be seen from the two patterns counts as not given.
    """
    return any(
        _RANKS[grant.role] >= _RANKS[wanted.role] and is_within(wanted.project, grant.project)
        for grant in grants
    )


def matches(pattern: str, project: str) -> bool:
    """Tell whether a pattern matches a project; case counts."""
    return _reaches(pattern, [*project])


def is_within(inner: str, outer: str) -> bool:
    """Tell whether all that `inner` matches is surely matched by `outer`.

    `inner` is read as a text in which `?` and `*` are letters that only a wildcard takes, and `*` only a
    `*`. So it never says yes wrongly; it says no to a few that would do, such as `*a` within `?*`.
    """
    return _reaches(_in_order(outer), [_Wild(c) if c in "?*" else c for c in _in_order(inner)])


class _Wild(str):
    """A wildcard of an inner pattern: equal to no letter."""

    __slots__ = ()


def _reaches(pattern: str, text: list[str]) -> bool:
    """Match greedily, going back to the last star alone: time is at most the product of the lengths."""
    at, here = 0, 0
    star, from_here = -1, 0
    while here < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, from_here = at, here
            at += 1
        elif at < len(pattern) and _takes(pattern[at], text[here]):
            at, here = at + 1, here + 1
        elif star >= 0:
            # The star takes one letter more.
            from_here += 1
            at, here = star + 1, from_here
        else:
            return False
    return all(sign == "*" for sign in pattern[at:])


def _takes(one: str, letter: str) -> bool:
    """Tell whether one sign of a pattern, other than a star, takes a letter or an inner wildcard."""
    if isinstance(letter, _Wild):
        return one == "?" and str(letter) == "?"
    return one in ("?", letter)


def _in_order(pattern: str) -> str:
    """Return the pattern with each run of wildcards as `??...*`: the same matches, one spelling."""
    parts: list[str] = []
    run = ""
    for sign in [*pattern, ""]:
        if sign and sign in "?*":
            run += sign
            continue
        parts.append("?" * run.count("?") + "*" * ("*" in run))
        parts.append(sign)
        run = ""
    return "".join(parts)
