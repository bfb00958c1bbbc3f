"""What is told of a key: by the calls about keys and by the command line. No I/O."""

from collections.abc import Sequence
from typing import Any

from tidelog.syncd.hub.guard.accounts import Caller
from tidelog.syncd.hub.guard.book import Book
from tidelog.syncd.hub.guard.grants import Grant, rank
from tidelog.syncd.hub.guard.keys import Key


def key_document(book: Book, key: Key, *, now: float, last_used: float | None) -> dict[str, Any]:
    """Return a key as JSON tells of it; never the key itself."""
    account = book.account(key.account)
    return {
        "id": key.id,
        "name": key.name,
        "account": key.account,
        "kind": account.kind if account else None,
        **_reach_document(reach_of(book, key)),
        "state": key.state(now),
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "last_used": last_used,
        "rotated_from": key.rotated_from,
    }


def caller_document(caller: Caller) -> dict[str, Any]:
    """Return what one is told of oneself: of the key that came along, else of the account."""
    key, account = caller.key, caller.account
    reach = account.grants if key is None or key.grants is None else key.grants
    return {
        "name": account.name if key is None else key.name,
        "account": account.name,
        "kind": account.kind,
        **_reach_document(reach),
        "expires": None if key is None else key.expires,
    }


def reach_of(book: Book, key: Key) -> tuple[Grant, ...]:
    """Return the grants that a key was given: its own, else those of its account."""
    if key.grants is not None:
        return key.grants
    account = book.account(key.account)
    return account.grants if account else ()


def _reach_document(reach: Sequence[Grant]) -> dict[str, Any]:
    """Return all grants, and the strongest as `role` and `project`, for who reads no more than one."""
    strongest = max(reach, key=lambda grant: rank(grant.role), default=None)
    return {
        "grants": [grant._asdict() for grant in reach],
        "role": strongest.role if strongest else None,
        "project": strongest.project if strongest else None,
    }
