"""What is told of a key: by the calls about keys and by the command line. No I/O."""

from typing import Any

from tidelog.syncd.hub.guard.book import Book
from tidelog.syncd.hub.guard.grants import Grant
from tidelog.syncd.hub.guard.keys import Key


def key_document(book: Book, key: Key, *, now: float, last_used: float | None) -> dict[str, Any]:
    """Return a key as JSON tells of it; never the key itself."""
    account = book.account(key.account)
    reach = reach_of(book, key)
    return {
        "id": key.id,
        "name": key.name,
        "account": key.account,
        "kind": account.kind if account else None,
        "grants": [grant._asdict() for grant in reach],
        # As the first files had it; of several grants the first.
        "role": reach[0].role if reach else None,
        "project": reach[0].project if reach else None,
        "state": key.state(now),
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "last_used": last_used,
        "rotated_from": key.rotated_from,
    }


def reach_of(book: Book, key: Key) -> tuple[Grant, ...]:
    """Return the grants that a key was given: its own, else those of its account."""
    if key.grants is not None:
        return key.grants
    account = book.account(key.account)
    return account.grants if account else ()
