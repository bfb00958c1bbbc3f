"""Accounts: a person or a service with grants; and the one question, who may do this here. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tidelog.syncd.hub.guard.grants import ADMIN, EVERY_PROJECT, READ, Grant, allows, gives
from tidelog.syncd.hub.guard.keys import Key

PERSON: Final = "person"
SERVICE: Final = "service"
KINDS: Final = (PERSON, SERVICE)


@dataclass(frozen=True, slots=True)
class Account:
    """A person, or a service (a machine, a pipeline) that several may use. Times in seconds.

    `quota_bytes` is how much its runs may take, None for any amount.
    `issuer` and `subject` are how a provider of single sign-on knows a person; both empty without one.
    Whoever proves there to have the address `email` becomes that person, the first time.
    """

    name: str
    kind: str
    grants: tuple[Grant, ...]
    created: float
    disabled: float | None = None
    issuer: str = ""
    subject: str = ""
    email: str = ""
    quota_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an account, by one of its keys or, without one, as a person who signed in."""

    account: Account
    key: Key | None = None

    def __str__(self) -> str:
        by = "" if self.key is None else f" by key {self.key.name!r}"
        return f"{self.account.kind} {self.account.name!r}{by}"

    def may(self, role: str, project: str | None = None) -> bool:
        """Tell whether this one may do what `role` stands for on a project; see `may`."""
        return may(self, role, project)

    def covers(self, project: str) -> bool:
        """Tell whether a project is among those that this one may see at all."""
        return may(self, READ, project)


def folded_address(address: str) -> str:
    """Return a mail address as two are compared: whoever proves one has the account of the other.

    Case counts for nothing in ASCII alone. Elsewhere folding makes one of two: of the Kelvin sign a `k`,
    so that somebody else's address would open the account.
    """
    return "".join(letter.lower() if letter.isascii() else letter for letter in address)


def may(caller: Caller, role: str, project: str | None = None) -> bool:
    """Tell whether the caller has the role on the project; without a project, on any at all.

    The account must give it, and the key, where one came, must not withhold it: so that a key never
    reaches beyond its account, also when that has lost grants since.
    """
    if caller.account.disabled is not None:
        return False
    return all(allows(grants, role, project) for grants in _layers(caller))


def may_manage(caller: Caller, account: Account, reach: Iterable[Grant]) -> bool:
    """Tell whether the caller may make, rotate and revoke keys of an account that reach so far.

    An admin may, of every account that lies in his projects with all its grants: a key of it acts in
    its name. Of his own account, where he is admin of all that the key reaches. And a person who signed
    in may for himself, whatever his role; a mere key may not: one that was stolen could else make its
    own successor.
    """
    if caller.account.disabled is not None:
        return False
    if account.name != caller.account.name:
        return is_admin_of(caller, account.grants)
    return caller.key is None or is_admin_of(caller, reach)


def is_admin_of(caller: Caller, grants: Iterable[Grant]) -> bool:
    """Tell whether the caller is admin of all that these grants reach.

    No grants at all reach nothing yet: of these only an admin of every project disposes.
    """
    wanted = [Grant(ADMIN, grant.project) for grant in grants] or [Grant(ADMIN, EVERY_PROJECT)]
    return all(gives(layer, grant) for layer in _layers(caller) for grant in wanted)


def _layers(caller: Caller) -> list[tuple[Grant, ...]]:
    narrowed = None if caller.key is None else caller.key.grants
    return [caller.account.grants] if narrowed is None else [caller.account.grants, narrowed]
