"""A share link, and the questions about links: rules only, no I/O, no clock.

A link gives no more than to read one run, and no more than the one who made it may do there still.
"""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from tidelog.syncd.errors import FORBIDDEN, ProblemError
from tidelog.syncd.hub.guard.accounts import Caller, may
from tidelog.syncd.hub.guard.book import Book
from tidelog.syncd.hub.guard.grants import WRITE
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.web.address import RunAddress

SECRET_BYTES: Final = 32
ID_DIGITS: Final = 12
SECRET_CHARS_MAX: Final = 64
SHARE_PREFIX: Final = "/share/"


@dataclass(frozen=True, slots=True)
class Share:
    """What a hub knows of a link: all but the link. `key` is the digest of the key that made it."""

    sha256: str
    project: str
    run: str
    account: str
    key: str | None
    created: float
    expires: float
    revoked: float | None = None

    @property
    def id(self) -> str:
        """What names it in lists and in the audit log; no secret."""
        return self.sha256[:ID_DIGITS]

    @property
    def address(self) -> RunAddress:
        """Which run it is for."""
        return RunAddress(self.project, self.run)

    def is_active(self, now: float) -> bool:
        """Tell whether it opens anything at `now`, as far as it alone says."""
        return self.revoked is None and now < self.expires


def new_secret(entropy: Callable[[int], bytes]) -> str:
    """Return a fresh secret as it stands in a link."""
    return base64.urlsafe_b64encode(entropy(SECRET_BYTES)).rstrip(b"=").decode("ascii")


def is_still_meant(share: Share, book: Book) -> bool:
    """Tell whether the one who made a link could make it still: its key not revoked, its account there.

    A key that expires or is rotated does not take its links along; one that is revoked does.
    """
    account = book.account(share.account)
    key = None if share.key is None else book.key_with(share.key)
    if account is None or (key is not None and key.revoked is not None):
        return False
    return may(Caller(account, key), WRITE, share.project)


def with_share(held: Iterable[Share], share: Share, now: float, limits: HubLimits) -> list[Share]:
    """Add a link; those that have ended go. Raises ProblemError where there are too many."""
    kept = [one for one in held if one.is_active(now)]
    of_run = sum(one.address == share.address for one in kept)
    of_account = sum(one.account == share.account for one in kept)
    for count, limit, where in (
        (of_run, limits.shares_per_run_max, "this run"),
        (of_account, limits.shares_per_account_max, f"the account {share.account!r}"),
        (len(kept), limits.shares_max, "this hub"),
    ):
        if count >= limit:
            raise ProblemError(
                FORBIDDEN,
                f"{where} has {count} share links, and the limit is {limit}; revoke some first",
            )
    return [*kept, share]


def without(
    held: Iterable[Share], run: RunAddress, now: float, share_id: str | None = None
) -> list[Share]:
    """Revoke one link of a run; without an id, all of them."""
    return [
        replace(one, revoked=now)
        if one.address == run and share_id in (None, one.id) and one.revoked is None
        else one
        for one in held
    ]


def share_document(share: Share) -> dict[str, Any]:
    """Return a link as JSON tells of it; never the link itself."""
    return {
        "id": share.id,
        "project": share.project,
        "run": share.run,
        "account": share.account,
        "created": share.created,
        "expires": share.expires,
    }
