"""The share links of a hub: made, found, listed, revoked. Every change is in the audit log before."""

import os
from collections.abc import Callable
from typing import Final

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.hub.guard.accounts import Caller
from tidelog.syncd.hub.guard.audit import SHARE_MADE, SHARE_REVOKED, Actor
from tidelog.syncd.hub.guard.entries_file import EntriesFile
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.guard.keys import digest
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.own_folder import HUB_DIRECTORY
from tidelog.syncd.hub.shares.share import (
    SECRET_CHARS_MAX,
    Share,
    is_still_meant,
    new_secret,
    with_share,
    without,
)
from tidelog.syncd.hub.web.address import RunAddress

SHARES_FILE: Final = "shares.json"


class Shares:
    """The links of the hub whose data folder is `data`. All but `open` and `of` block."""

    def __init__(
        self,
        data: StrPath,
        keys: KeyFile,
        *,
        disk: Disk,
        clock: Clock,
        limits: HubLimits,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        directory = os.path.join(os.path.abspath(data), HUB_DIRECTORY)
        self.file: EntriesFile[Share] = EntriesFile(directory, SHARES_FILE, Share, disk=disk)
        self._keys = keys
        self._clock = clock
        self._limits = limits
        self._entropy = entropy

    def __repr__(self) -> str:
        return f"<Shares in {self.file!r}>"

    def open(self, secret: str) -> Share | None:
        """Return the link with this secret where it is good now."""
        share = self.file.with_digest(digest(secret)) if len(secret) <= SECRET_CHARS_MAX else None
        if share is None or not self._is_good(share):
            return None
        return share

    def of(self, run: RunAddress) -> list[Share]:
        """Return the links to a run that are good now."""
        return [one for one in self.file.entries() if one.address == run and self._is_good(one)]

    def make(self, run: RunAddress, life_s: float, *, caller: Caller, by: Actor) -> tuple[str, Share]:
        """Make a link for `life_s`; return its secret, this one time, and what is kept.

        Raises ProblemError where there are too many.
        """
        secret, now = new_secret(self._entropy), self._clock.now()
        key = None if caller.key is None else caller.key.sha256
        share = Share(digest(secret), *run, caller.account.name, key, now, now + life_s)
        with_share(self.file.entries(), share, now, self._limits)
        self._keys.audit.record(SHARE_MADE, "/".join(run), by=by, share=share.id, expires=share.expires)
        self.file.change(lambda held: with_share(held, share, now, self._limits))
        return secret, share

    def revoke(self, run: RunAddress, share_id: str | None = None, *, by: Actor) -> bool:
        """Let one link to a run open nothing from now on, or all; tell whether there was one."""
        now = self._clock.now()
        wanted = [
            one
            for one in self.file.entries()
            if one.address == run and share_id in (None, one.id) and one.is_active(now)
        ]
        for share in wanted:
            self._keys.audit.record(SHARE_REVOKED, "/".join(run), by=by, share=share.id)
        if wanted:
            self.file.change(lambda held: without(held, run, now, share_id))
        return bool(wanted)

    def end_of(self, run: RunAddress, by: Actor) -> None:
        """Let all links to a run end with it: a run of its name, or the run itself, may come back."""
        self.revoke(run, by=by)

    def _is_good(self, share: Share) -> bool:
        return share.is_active(self._clock.now()) and is_still_meant(share, self._keys.book())
