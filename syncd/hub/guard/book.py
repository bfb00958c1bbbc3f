"""The book of a hub's accounts and keys, and every change that can be made to it. No I/O, no clock.

A change returns the new book, or raises KeyNameError with a sentence for the person who asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tidelog.datastore.names import check_name
from tidelog.syncd.errors import KeyNameError
from tidelog.syncd.hub.guard.accounts import KINDS, PERSON, SERVICE, Account, folded_address
from tidelog.syncd.hub.guard.grants import EVERY_PROJECT, WRITE, Grant, check_grant, gives
from tidelog.syncd.hub.guard.keys import Key

DEAD_KEYS_KEPT_S = 90 * 86400.0
"""For how long a key that opens nothing any more is told from one that never was."""


@dataclass(frozen=True, slots=True)
class BookLimits:
    """How much one book holds, and one account in it; keys that open nothing count once more."""

    keys_max: int
    keys_per_account_max: int
    accounts_max: int


@dataclass(frozen=True, slots=True)
class Book:
    """Accounts and keys, in the order in which they were made."""

    accounts: tuple[Account, ...] = ()
    keys: tuple[Key, ...] = ()
    _accounts: dict[str, Account] = field(init=False, repr=False, compare=False)
    _by_digest: dict[str, Key] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_accounts", {account.name: account for account in self.accounts})
        object.__setattr__(self, "_by_digest", {key.sha256: key for key in self.keys})

    def account(self, name: str) -> Account | None:
        """Return the account of this name."""
        return self._accounts.get(name)

    def person(self, issuer: str, subject: str) -> Account | None:
        """Return the account of somebody who signed in elsewhere."""
        if not issuer or not subject:
            return None
        return next((a for a in self.accounts if (a.issuer, a.subject) == (issuer, subject)), None)

    def person_with_email(self, email: str) -> Account | None:
        """Return the account that whoever has this address may take."""
        wanted = folded_address(email)
        return next((a for a in self.accounts if a.email and folded_address(a.email) == wanted), None)

    def key_with(self, sha256: str) -> Key | None:
        """Return the key with this digest: one look, however many there are."""
        return self._by_digest.get(sha256)

    def key_by_id(self, key_id: str) -> Key | None:
        """Return the key with this id."""
        return next((key for key in self.keys if key.id == key_id), None)

    def newest_key(self, name: str, now: float) -> Key | None:
        """Return the active key of this name that was made last. Raises as `keys_meant` does."""
        return next((k for k in reversed(self.keys_meant(name)) if k.is_active(now)), None)

    def keys_meant(self, name: str) -> list[Key]:
        """Return the keys with this id or name that are not revoked; an id goes before a name.

        A team's admin names keys as he likes: a name that keys of several accounts have is nobody's, and
        raises KeyNameError.
        """
        known = self.key_by_id(name)
        found = [k for k in self.keys if k.name == name] if known is None else [known]
        found = [key for key in found if key.revoked is None]
        accounts = sorted({key.account for key in found})
        if len(accounts) > 1:
            raise KeyNameError(
                f"keys of several accounts are named {name!r} ({', '.join(accounts)}): say the id "
                "instead, as `syncd key list` shows it"
            )
        return found


# -- accounts ------------------------------------------------------------------------------------


def with_account(book: Book, account: Account, limits: BookLimits) -> Book:
    """Add an account."""
    check_name("account", account.name)
    if account.kind not in KINDS:
        raise KeyNameError(f"the kind {account.kind!r} of an account is none of: {', '.join(KINDS)}")
    for grant in account.grants:
        check_grant(grant)
    if account.email and book.person_with_email(account.email) is not None:
        raise KeyNameError(f"there is an account with the address {account.email!r} already")
    if book.account(account.name) is not None:
        raise KeyNameError(f"there is an account {account.name!r} already; choose another name")
    if len(book.accounts) >= limits.accounts_max:
        raise KeyNameError(
            f"this hub has {len(book.accounts)} accounts, and the limit is {limits.accounts_max}"
        )
    return replace(book, accounts=(*book.accounts, account))


def with_grants(book: Book, name: str, grants: Iterable[Grant]) -> Book:
    """Let an account have these grants and no others."""
    kept = tuple(dict.fromkeys(check_grant(grant) for grant in grants))
    return _with_changed(book, replace(known_account(book, name), grants=kept))


def with_quota(book: Book, name: str, quota_bytes: int | None) -> Book:
    """Let the runs of an account take so much, None for any amount."""
    return _with_changed(book, replace(known_account(book, name), quota_bytes=quota_bytes))


def with_email(book: Book, name: str, email: str) -> Book:
    """Let whoever proves to have this address be the person of an account, "" for nobody.

    Who was that person at a provider until now is it no longer, unless he proves it again.
    """
    account = known_account(book, name)
    if account.kind != PERSON:
        raise KeyNameError(f"the account {name!r} is a {account.kind}, and only people sign in")
    other = book.person_with_email(email) if email else None
    if other is not None and other.name != name:
        raise KeyNameError(f"the account {other.name!r} has the address {email!r} already")
    return _with_changed(book, replace(account, email=email, issuer="", subject=""))


def linked(book: Book, name: str, issuer: str, subject: str) -> Book:
    """Let an account be the one of a person at a provider; it must not be another person's yet."""
    account = known_account(book, name)
    if account.subject and (account.issuer, account.subject) != (issuer, subject):
        raise KeyNameError(f"the account {name!r} is another person's at {account.issuer}")
    return _with_changed(book, replace(account, issuer=issuer, subject=subject))


def disabled_at(book: Book, name: str, now: float | None) -> Book:
    """Let an account, and all its keys, open nothing from now on; None lets it again."""
    return _with_changed(book, replace(known_account(book, name), disabled=now))


def known_account(book: Book, name: str) -> Account:
    """Return an account that must be there."""
    account = book.account(name)
    if account is None:
        raise KeyNameError(f"there is no account {name!r}; `syncd account list` shows those there are")
    return account


def _with_changed(book: Book, changed: Account) -> Book:
    return replace(book, accounts=tuple(changed if a.name == changed.name else a for a in book.accounts))


# -- keys ----------------------------------------------------------------------------------------


def with_key(book: Book, key: Key, now: float, limits: BookLimits, *, seen: Sequence[Key]) -> Book:
    """Add a key to an account that is there. Its name must be free among the keys in `seen`.

    Only those: who must not know of another's keys must not learn of them by a name that is taken.
    """
    check_name("key", key.name)
    account = known_account(book, key.account)
    for grant in key.grants or ():
        check_grant(grant)
        if not gives(account.grants, grant):
            have = ", ".join(map(str, account.grants)) or "nothing"
            raise KeyNameError(
                f"the account {account.name!r} may {have}, which does not include {grant}; "
                f"`syncd account grant {account.name} '{grant}'` adds it"
            )
    if any(other.name == key.name and other.is_active(now) for other in seen):
        raise KeyNameError(
            f"there is a key {key.name!r} already; revoke it first, or choose another name"
        )
    return _with_room(book, key, now, limits)


def successor(old: Key, sha256: str, now: float) -> Key:
    """Return the key that replaces another: the same, with as long a life from now on."""
    expires = None if old.expires is None else now + (old.expires - old.created)
    return Key(old.name, old.account, sha256, old.grants, now, expires, rotated_from=old.id)


def rotated(book: Book, old: Key, new: Key, now: float, overlap_s: float, limits: BookLimits) -> Book:
    """Add the key that replaces `old`, which stays good for `overlap_s` more, and no longer."""
    if not old.is_active(now):
        raise KeyNameError(f"the key {old.name!r} is {old.state(now)}: create a new one")
    if any(key.rotated_from == old.id for key in book.keys):
        raise KeyNameError(f"the key {old.name!r} ({old.id}) was rotated before: rotate the newer one")
    ends = now + overlap_s if old.expires is None else min(old.expires, now + overlap_s)
    ending = replace(old, expires=ends)
    keys = tuple(ending if key.sha256 == old.sha256 else key for key in book.keys)
    return _with_room(replace(book, keys=keys), new, now, limits)


def revoked(book: Book, ids: Iterable[str], now: float) -> Book:
    """Let these keys open nothing from now on; those that were revoked before stay as they are."""
    wanted = set(ids)
    return replace(
        book,
        keys=tuple(
            replace(key, revoked=now) if key.id in wanted and key.revoked is None else key
            for key in book.keys
        ),
    )


def implied_account(name: str, grant: Grant | None, now: float) -> Account:
    """Return the account that a key gets for which nobody named one: a service of the key's name."""
    return Account(name, SERVICE, (grant or Grant(WRITE, EVERY_PROJECT),), now)


def _with_room(book: Book, key: Key, now: float, limits: BookLimits) -> Book:
    """Add a key within the limits; the oldest of those that open nothing make room."""
    active = [one for one in book.keys if one.is_active(now)]
    own = [one for one in active if one.account == key.account]
    if len(active) >= limits.keys_max:
        raise KeyNameError(f"this hub has {len(active)} keys, and the limit is {limits.keys_max}")
    if len(own) >= limits.keys_per_account_max:
        raise KeyNameError(
            f"the account {key.account!r} has {len(own)} keys, and the limit is "
            f"{limits.keys_per_account_max}; revoke some"
        )
    if any(one.id == key.id for one in book.keys):
        raise KeyNameError("another key has the same id, by a rare chance; try again")
    return replace(book, keys=(*_worth_keeping(book, key.account, now, limits), key))


def _worth_keeping(book: Book, account: str, now: float, limits: BookLimits) -> list[Key]:
    """Return all keys but those long dead, and of the account's dead ones the newest."""
    dead = [k for k in book.keys if k.account == account and k.dead_since(now) is not None]
    dropped = {k.id for k in dead[: max(0, len(dead) - limits.keys_per_account_max)]}
    return [
        key
        for key in book.keys
        if key.id not in dropped and now - (key.dead_since(now) or now) < DEAD_KEYS_KEPT_S
    ]
