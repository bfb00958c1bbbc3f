"""The one question: may this account, by this key, do this on this project."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tidelog.syncd.hub.guard.accounts import Account, Caller, may, may_manage
from tidelog.syncd.hub.guard.grants import Grant, allows
from tidelog.syncd.hub.guard.keys import Key

ROLES = ("read", "write", "admin")
PATTERNS = st.text("ab*?", min_size=1, max_size=4)
GRANTS = st.lists(st.builds(Grant, st.sampled_from(ROLES), PATTERNS), max_size=3).map(tuple)
NAMES = st.text("abc", min_size=1, max_size=5)


def account(*grants: Grant, name: str = "ada", kind: str = "person") -> Account:
    return Account(name, kind, grants, 0.0)


def key(*grants: Grant, of: str = "ada", is_narrowed: bool = True) -> Key:
    return Key("k", of, "0" * 64, grants if is_narrowed else None, 0.0)


CALLERS = st.builds(
    lambda own, narrowed: Caller(account(*own), None if narrowed is None else key(*narrowed)),
    GRANTS,
    st.none() | GRANTS,
)


@given(CALLERS, st.sampled_from(ROLES), NAMES)
def test_a_key_never_reaches_beyond_its_account(caller: Caller, role: str, project: str) -> None:
    """Nor beyond what it was narrowed to."""
    if may(caller, role, project):
        assert allows(caller.account.grants, role, project)
        assert (
            caller.key is None or caller.key.grants is None or allows(caller.key.grants, role, project)
        )
        assert may(caller, role)
        assert caller.covers(project)


@given(CALLERS, st.sampled_from(ROLES), NAMES)
def test_a_disabled_account_may_nothing(caller: Caller, role: str, project: str) -> None:
    """Whatever it was granted."""
    gone = replace(caller, account=replace(caller.account, disabled=1.0))
    assert not may(gone, role, project)
    assert not may_manage(gone, gone.account, ())


def test_a_key_that_is_not_narrowed_may_what_its_account_may() -> None:
    """Also what that was granted later."""
    ada = account(Grant("write", "a*"))
    assert may(Caller(ada, key(is_narrowed=False)), "write", "a1")
    assert not may(Caller(ada, key()), "read", "a1")
    more = replace(ada, grants=(*ada.grants, Grant("read", "b")))
    assert may(Caller(more, key(is_narrowed=False)), "read", "b")


@given(CALLERS, GRANTS, GRANTS, st.sampled_from(ROLES), NAMES)
def test_whoever_manages_a_key_is_admin_of_all_that_it_opens(
    caller: Caller, others: tuple[Grant, ...], narrowed: tuple[Grant, ...], role: str, project: str
) -> None:
    """An admin of some projects can never make a key that reaches beyond them."""
    other = account(*others, name="ci", kind="service")
    if may_manage(caller, other, narrowed) and may(Caller(other, key(*narrowed)), role, project):
        assert may(caller, "admin", project)


@given(CALLERS, GRANTS, st.sampled_from(ROLES), NAMES)
def test_a_key_of_ones_own_opens_no_more_than_oneself(
    caller: Caller, narrowed: tuple[Grant, ...], role: str, project: str
) -> None:
    """By a key one must be admin of it all; whoever signed in may have keys without that."""
    own = Caller(caller.account, key(*narrowed))
    if may_manage(caller, caller.account, narrowed) and may(own, role, project):
        assert may(caller, "read" if caller.key is None else "admin", project)


def test_an_admin_of_a_team_manages_what_lies_in_its_projects_alone() -> None:
    """Not the key of somebody who works elsewhere too, though it be narrowed to them."""
    admin = Caller(account(Grant("admin", "team-a*")), key(is_narrowed=False))
    inside = account(Grant("write", "team-a1"), name="ci")
    outside = account(Grant("write", "team-a1"), Grant("read", "*"), name="boss")
    assert may_manage(admin, inside, inside.grants)
    assert not may_manage(admin, outside, (Grant("write", "team-a1"),))
    assert not may_manage(admin, account(name="new"), ())
    assert may_manage(Caller(account(Grant("admin", "*"))), account(name="new"), ())
