"""The book of accounts and keys as the text of a file: version 2, and version 1 before it. No I/O."""

import json
from itertools import chain
from typing import Any

import msgspec

from tidelog.syncd.errors import CannotStartError, KeyNameError
from tidelog.syncd.hub.guard.accounts import SERVICE, Account
from tidelog.syncd.hub.guard.book import Book
from tidelog.syncd.hub.guard.grants import Grant, check_grant
from tidelog.syncd.hub.guard.keys import Key

VERSION = 2


class _KeyOfVersion1(msgspec.Struct):
    """A key before there were accounts."""

    name: str
    sha256: str
    role: str
    project: str
    created: float
    expires: float | None = None
    revoked: float | None = None


def encode_book(book: Book) -> bytes:
    """Return the file that holds the book."""
    document = {
        "version": VERSION,
        "accounts": [_named(account) for account in book.accounts],
        "keys": [_named(key) for key in book.keys],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def decode_book(data: bytes, path: str) -> Book:
    """Return the book of a file of any version. Raises CannotStartError where it is none."""
    try:
        document = json.loads(data)
        version = document["version"]
        if version not in (1, VERSION):
            raise CannotStartError(
                f"{path} has version {version!r}, this syncd knows versions 1 and {VERSION}: "
                "upgrade with `pip install -U tidelog`"
            )
        return _checked(_from_version_1(document) if version == 1 else _from_version_2(document))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, KeyNameError) as error:
        raise CannotStartError(
            f"{path} is not a file of keys: {error}; restore it, or remove it and create new keys"
        ) from error


def _named(owner: Account | Key) -> dict[str, Any]:
    """Return an entry whose grants are objects: a list of two texts says nothing to who reads it."""
    entry: dict[str, Any] = msgspec.to_builtins(owner)
    if owner.grants is not None:
        entry["grants"] = [grant._asdict() for grant in owner.grants]
    return entry


def _from_version_2(document: dict[str, Any]) -> Book:
    return Book(
        tuple(msgspec.convert(_listed(entry), Account) for entry in document["accounts"]),
        tuple(msgspec.convert(_listed(entry), Key) for entry in document["keys"]),
    )


def _listed(entry: dict[str, Any]) -> dict[str, Any]:
    grants = entry["grants"]
    if grants is None:
        return entry
    return {**entry, "grants": [(grant["role"], grant["project"]) for grant in grants]}


def _from_version_1(document: dict[str, Any]) -> Book:
    """Each name becomes a service; its newest key says what the service may, each key what it may."""
    accounts: dict[str, Account] = {}
    keys = []
    for old in msgspec.convert(document["keys"], list[_KeyOfVersion1]):
        grants = (Grant(old.role, old.project),)
        accounts[old.name] = Account(old.name, SERVICE, grants, old.created)
        keys.append(Key(old.name, old.name, old.sha256, grants, old.created, old.expires, old.revoked))
    return Book(tuple(accounts.values()), tuple(keys))


def _checked(book: Book) -> Book:
    owned = [*(a.grants for a in book.accounts), *(k.grants or () for k in book.keys)]
    for grant in chain.from_iterable(owned):
        check_grant(grant)
    for key in book.keys:
        if book.account(key.account) is None:
            raise KeyNameError(f"the key {key.name!r} is of an account that is not there")
    return book
