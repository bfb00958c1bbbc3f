"""The file that keeps a hub's accounts and keys: changed by the command line while a hub reads it.

A hub looks at it with each request, so that a key counts, and stops counting, at once. What may be
changed is decided in `book.py`.
"""

import os
from collections.abc import Callable, Iterable, Sequence

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.names import check_name
from tidelog.syncd.errors import KeyNameError
from tidelog.syncd.hub.guard.accounts import Account
from tidelog.syncd.hub.guard.audit import (
    ACCOUNT_CREATED,
    ACCOUNT_DISABLED,
    ACCOUNT_EMAIL,
    ACCOUNT_ENABLED,
    ACCOUNT_GRANTS,
    ACCOUNT_LINKED,
    ACCOUNT_QUOTA,
    CONSOLE,
    KEY_CREATED,
    KEY_REVOKED,
    KEY_ROTATED,
    Actor,
    Audit,
)
from tidelog.syncd.hub.guard.book import (
    Book,
    BookLimits,
    disabled_at,
    implied_account,
    known_account,
    linked,
    revoked,
    rotated,
    successor,
    with_account,
    with_email,
    with_grants,
    with_key,
    with_quota,
)
from tidelog.syncd.hub.guard.book_text import decode_book, encode_book
from tidelog.syncd.hub.guard.grants import EVERY_PROJECT, WRITE, Grant, check_grant
from tidelog.syncd.hub.guard.keys import Key, digest, new_secret
from tidelog.syncd.hub.guard.last_use import LastUse
from tidelog.syncd.hub.guard.own_file import OwnFile
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.own_folder import HUB_DIRECTORY

KEYS_FILE = "keys.json"
KEYS_LOCK = "keys.lock"
OVERLAP_S = 86400.0
"""For how long a key that is rotated stays good, unless told otherwise."""


class KeyFile:
    """The accounts and keys of the hub whose data folder is `data`.

    Every change is recorded in the audit log before it counts; `by` says whose it is.
    """

    def __init__(
        self,
        data: StrPath,
        *,
        disk: Disk | None = None,
        clock: Clock | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        limits: HubLimits | None = None,
    ) -> None:
        self._directory = os.path.join(os.path.abspath(data), HUB_DIRECTORY)
        disk = disk or Disk()
        self._clock = clock or Clock()
        self._entropy = entropy
        table = limits or HubLimits()
        self._limits = BookLimits(table.keys_max, table.keys_per_account_max, table.accounts_max)
        path = os.path.join(self._directory, KEYS_FILE)
        lock = os.path.join(self._directory, KEYS_LOCK)
        self._file = OwnFile(path, lambda data: decode_book(data, path), Book(), lock=lock, disk=disk)
        self.audit = Audit(self._directory, disk=disk, clock=self._clock)
        self.last_use = LastUse(self._directory, disk=disk)

    def __repr__(self) -> str:
        return f"<KeyFile {self._file.path}>"

    def book(self) -> Book:
        """Return all accounts and keys, revoked ones included; an empty book where there is no file.

        Raises CannotStartError where the file is not one that this wrote.
        """
        return self._file.content()

    def keys(self) -> tuple[Key, ...]:
        """Return all keys, revoked ones included."""
        return self.book().keys

    # -- keys ------------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        *,
        role: str | None = None,
        project: str | None = None,
        account: str | None = None,
        expires_in_s: float | None = None,
        by: Actor = CONSOLE,
    ) -> str:
        """Add a key and return it; this is the only time that anyone sees it.

        Without an account it belongs to the one of its own name, a service that is made where it is
        missing and may then do what the key may: by default write, on every project. An account that is
        there stays as it is; without role and project the key may all that its account may.
        """
        grants: tuple[Grant, ...] | None = None
        if role is not None or project is not None:
            pattern = EVERY_PROJECT if project is None else project
            grants = (check_grant(Grant(role or WRITE, pattern)),)
        check_name("key", name)
        with self._file.changing() as book:
            if account is None:
                account = name
                if book.account(name) is None:
                    made = implied_account(name, grants[0] if grants else None, self._clock.now())
                    book, grants = with_account(book, made, self._limits), made.grants
            return self._add_key(book, name, account, grants, expires_in_s, book.keys, by)

    def create_for(
        self,
        name: str,
        *,
        account: str,
        grants: tuple[Grant, ...] | None,
        expires_in_s: float | None = None,
        seen: Callable[[Book, Key], bool],
        by: Actor,
    ) -> tuple[Key, str]:
        """Add a key on behalf of somebody who sees only some of the keys; return it and its text."""
        with self._file.changing() as book:
            known = [key for key in book.keys if seen(book, key)]
            secret = self._add_key(book, name, account, grants, expires_in_s, known, by)
        key = self.book().key_with(digest(secret))
        assert key is not None  # noqa: S101 - it was written just now
        return key, secret

    def rotate(self, key_id: str, *, overlap_s: float = OVERLAP_S, by: Actor = CONSOLE) -> str:
        """Return a new key in the place of another, which ends after the overlap.

        The new one lives as long as the old one was made to, from now on.
        """
        now = self._clock.now()
        with self._file.changing() as book:
            old = _known_key(book, key_id)
            secret = new_secret(self._entropy)
            new = successor(old, digest(secret), now)
            changed = rotated(book, old, new, now, overlap_s, self._limits)
            more = {"of": old.account, "replaces": old.id, "overlap_s": overlap_s}
            self.audit.record(KEY_ROTATED, f"{new.name} {new.id}", by=by, **more)
            self._file.write(encode_book(changed))
        return secret

    def revoke(self, name: str, *, by: Actor = CONSOLE) -> None:
        """Let every key of this name, or the one with this id, open nothing any more, from now on."""
        with self._file.changing() as book:
            self._revoke(book, book.keys_meant(name), name, by)

    def revoke_id(self, key_id: str, *, by: Actor) -> None:
        """Let the key with this id open nothing any more."""
        with self._file.changing() as book:
            found = [k for k in book.keys if k.id == key_id and k.revoked is None]
            self._revoke(book, found, key_id, by)

    def _revoke(self, book: Book, found: Sequence[Key], name: str, by: Actor) -> None:
        if not found:
            raise KeyNameError(f"there is no key {name!r}; `syncd key list` shows those there are")
        for key in found:
            self.audit.record(KEY_REVOKED, f"{key.name} {key.id}", by=by, of=key.account)
        self._file.write(encode_book(revoked(book, [key.id for key in found], self._clock.now())))

    def _add_key(
        self,
        book: Book,
        name: str,
        account: str,
        grants: tuple[Grant, ...] | None,
        expires_in_s: float | None,
        seen: Sequence[Key],
        by: Actor,
    ) -> str:
        secret, now = new_secret(self._entropy), self._clock.now()
        expires = None if expires_in_s is None else now + expires_in_s
        key = Key(name, account, digest(secret), grants, now, expires)
        changed = with_key(book, key, now, self._limits, seen=seen)
        reach = known_account(book, account).grants if grants is None else grants
        self.audit.record(
            KEY_CREATED, f"{name} {key.id}", by=by, of=account, grants=[str(grant) for grant in reach]
        )
        self._file.write(encode_book(changed))
        return secret

    # -- accounts --------------------------------------------------------------------------------

    def create_account(
        self,
        name: str,
        kind: str,
        grants: Iterable[Grant],
        *,
        issuer: str = "",
        subject: str = "",
        email: str = "",
        by: Actor = CONSOLE,
    ) -> Account:
        """Add an account without keys."""
        now = self._clock.now()
        account = Account(name, kind, tuple(grants), now, None, issuer, subject, email)
        with self._file.changing() as book:
            changed = with_account(book, account, self._limits)
            self.audit.record(
                ACCOUNT_CREATED, name, by=by, kind=kind, grants=[str(grant) for grant in account.grants]
            )
            self._file.write(encode_book(changed))
        return account

    def link(self, name: str, issuer: str, subject: str, *, by: Actor) -> Account:
        """Let an account be the one of a person at a provider of single sign-on, from now on."""
        with self._file.changing() as book:
            changed = linked(book, name, issuer, subject)
            self.audit.record(ACCOUNT_LINKED, name, by=by, issuer=issuer, subject=subject)
            self._file.write(encode_book(changed))
        return known_account(changed, name)

    def set_grants(
        self, name: str, change: Callable[[tuple[Grant, ...]], Iterable[Grant]], *, by: Actor = CONSOLE
    ) -> Account:
        """Let an account have what `change` makes of its grants; its keys follow at once."""
        with self._file.changing() as book:
            wanted = tuple(change(known_account(book, name).grants))
            changed = with_grants(book, name, wanted)
            account = known_account(changed, name)
            self.audit.record(
                ACCOUNT_GRANTS, name, by=by, grants=[str(grant) for grant in account.grants]
            )
            self._file.write(encode_book(changed))
        return account

    def set_quota(self, name: str, quota_bytes: int | None, *, by: Actor = CONSOLE) -> None:
        """Let the runs of an account take so much from now on, None for any amount."""
        with self._file.changing() as book:
            changed = with_quota(book, name, quota_bytes)
            self.audit.record(ACCOUNT_QUOTA, name, by=by, quota_bytes=quota_bytes)
            self._file.write(encode_book(changed))

    def set_email(self, name: str, email: str, *, by: Actor = CONSOLE) -> None:
        """Let whoever proves to have this address be the person of an account, "" for nobody."""
        with self._file.changing() as book:
            changed = with_email(book, name, email)
            self.audit.record(ACCOUNT_EMAIL, name, by=by, email=email)
            self._file.write(encode_book(changed))

    def quota_of(self, name: str) -> int | None:
        """Return an account's quota in bytes; None for any amount, and for an unknown account."""
        account = self.book().account(name)
        return None if account is None else account.quota_bytes

    def disable(self, name: str, *, is_disabled: bool = True, by: Actor = CONSOLE) -> None:
        """Let an account, with all its keys, open nothing from now on; or let it again."""
        with self._file.changing() as book:
            changed = disabled_at(book, name, self._clock.now() if is_disabled else None)
            self.audit.record(ACCOUNT_DISABLED if is_disabled else ACCOUNT_ENABLED, name, by=by)
            self._file.write(encode_book(changed))


def _known_key(book: Book, key_id: str) -> Key:
    key = book.key_by_id(key_id)
    if key is None:
        raise KeyNameError(f"there is no key {key_id!r}; `syncd key list` shows those there are")
    return key
