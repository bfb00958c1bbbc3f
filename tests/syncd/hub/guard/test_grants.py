"""Patterns of projects, what they match, and when one lies within another."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.syncd.errors import KeyNameError
from tidelog.syncd.hub.guard.grants import (
    Grant,
    allows,
    check_grant,
    gives,
    is_within,
    matches,
    parse_grant,
)

PATTERNS = st.text("ab[]*?", max_size=6)
NAMES = st.text("ab[]c", max_size=8)
ROLES = st.sampled_from(["read", "write", "admin"])
GRANTS = st.lists(st.builds(Grant, ROLES, PATTERNS.filter(bool)), max_size=3)


@given(PATTERNS, NAMES)
def test_a_pattern_matches_what_its_regular_expression_does(pattern: str, name: str) -> None:
    """`*` any characters, `?` one; brackets are letters like all others."""
    as_regex = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern)
    assert bool(re.fullmatch(as_regex, name)) == matches(pattern, name)


@given(PATTERNS, PATTERNS, NAMES)
def test_what_lies_within_matches_no_more(inner: str, outer: str, name: str) -> None:
    """Whatever the inner pattern matches, the outer one does."""
    if is_within(inner, outer) and matches(inner, name):
        assert matches(outer, name)


@given(PATTERNS)
def test_every_pattern_lies_within_itself_and_within_all(pattern: str) -> None:
    """Also with its wildcards in another order."""
    assert is_within(pattern, pattern)
    assert is_within(pattern, "*")
    assert is_within(pattern.replace("*?", "?*"), pattern)


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("team-a", "team-a*", True),
        ("team-a*", "team-a*", True),
        ("team-a-?", "team-a*", True),
        ("team-a*-x", "team-a*", True),
        ("*", "team-a*", False),
        ("team-*", "team-a*", False),
        ("team-?", "team-a", False),
        ("team-a*", "team-a", False),
        ("team-a*", "team-a?", False),
        ("*team-a", "team-a*", False),
        ("team-A", "team-a*", False),
        ("?*", "*", True),
        ("*", "?*", False),
        ("*?", "?*", True),
    ],
)
def test_some_patterns_within_others(inner: str, outer: str, expected: bool) -> None:
    """What a person would say."""
    assert expected == is_within(inner, outer)


def test_a_pattern_made_to_be_slow_is_not() -> None:
    """The time is at most the product of the lengths: this would take years by trying all ways."""
    assert not matches("*a" * 60 + "b", "a" * 120)


@given(GRANTS, st.builds(Grant, ROLES, PATTERNS.filter(bool)), ROLES, NAMES)
def test_what_may_be_handed_on_is_had(have: list[Grant], wanted: Grant, role: str, name: str) -> None:
    """Where grants give another, they allow all that it allows."""
    if gives(have, wanted) and allows([wanted], role, name):
        assert allows(have, role, name)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("read", {"read"}), ("write", {"read", "write"}), ("admin", {"read", "write", "admin"})],
)
def test_a_role_allows_what_it_stands_for(role: str, allowed: set[str]) -> None:
    """write also reads, admin does everything; on no other project anything."""
    grants = [Grant(role, "mnist*")]
    assert allowed == {r for r in ("read", "write", "admin") if allows(grants, r, "mnist-2")}
    assert allowed == {r for r in ("read", "write", "admin") if allows(grants, r)}
    assert not any(allows(grants, r, "MNIST") for r in ("read", "write", "admin"))
    assert not any(allows([], r) for r in ("read", "write", "admin"))


@pytest.mark.parametrize("role", ["read", "write", "admin"])
def test_a_lower_role_gives_no_higher_one(role: str) -> None:
    """On the same projects."""
    roles = ("read", "write", "admin")
    given = {r for r in roles if gives([Grant(role, "a*")], Grant(r, "a1"))}
    assert set(roles[: roles.index(role) + 1]) == given


def test_a_grant_is_read_as_it_is_written() -> None:
    """ROLE:PATTERN."""
    assert Grant("write", "team-a*") == parse_grant(str(Grant("write", "team-a*")))
    with pytest.raises(KeyNameError, match="'team-a' is not like write:mnist"):
        parse_grant("team-a")


@pytest.mark.parametrize("grant", [Grant("root", "*"), Grant("read", ""), Grant("read", "a\nb")])
def test_what_is_no_grant_is_refused(grant: Grant) -> None:
    """In words."""
    with pytest.raises(KeyNameError, match=r"is none of: write, read, admin|must be printable"):
        check_grant(grant)
