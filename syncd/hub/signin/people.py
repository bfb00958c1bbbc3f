"""Which account somebody has whom a provider vouches for. Rules only, no I/O.

The first time by the verified address; from then on by the provider's own name for the person, so that
an address that is given to somebody else later opens nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidelog.syncd.errors import FORBIDDEN, ProblemError
from tidelog.syncd.hub.guard.accounts import Account, folded_address
from tidelog.syncd.hub.guard.book import Book
from tidelog.syncd.hub.guard.grants import Grant

EMAIL_CHARS_MAX = 100


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody is to a provider; `email` only where it is verified, else ""."""

    issuer: str
    subject: str
    email: str


@dataclass(frozen=True, slots=True)
class NewAccount:
    """The account that a rule about the domain gives to somebody who comes for the first time."""

    name: str
    grants: tuple[Grant, ...]


def person_of(issuer: str, claims: Mapping[str, Any]) -> Person:
    """Return who it is by claims that were checked."""
    email = claims.get("email")
    # Some providers write their truth as a text.
    is_verified = claims.get("email_verified") in (True, "true")
    is_usable = isinstance(email, str) and len(email) <= EMAIL_CHARS_MAX and email.isprintable()
    address = folded_address(str(email).strip()) if is_usable and is_verified else ""
    return Person(issuer, str(claims["sub"]), address)


def account_for(
    book: Book, person: Person, domains: Mapping[str, tuple[Grant, ...]]
) -> Account | NewAccount:
    """Return the account of a person, or the one to be made. Raises ProblemError where there is none."""
    known = book.person(person.issuer, person.subject)
    if known is not None:
        return known
    if not person.email:
        raise ProblemError(
            FORBIDDEN,
            "the provider does not vouch for an e-mail address of yours, so nobody knows you here",
        )
    account = book.person_with_email(person.email)
    if account is not None and not account.subject:
        return account
    grants = domains.get(person.email.rpartition("@")[2])
    if account is not None or grants is None or book.account(person.email) is not None:
        raise ProblemError(
            FORBIDDEN,
            f"there is no account for {person.email} at this hub; who runs it makes one: "
            f"`syncd account create NAME --email {person.email}`",
        )
    return NewAccount(person.email, grants)
