"""Sessions of people who signed in: random secrets in cookies, of which the hub keeps the SHA-256.

A session says only who signed in. What that account and key may is asked anew with each request, so
that a key which is revoked ends its sessions.
"""

import base64
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.hub.guard.entries_file import EntriesFile
from tidelog.syncd.hub.guard.keys import digest
from tidelog.syncd.hub.limits import HubLimits

SESSIONS_FILE: Final = "sessions.json"
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Session:
    """Who signed in, by which key (its digest; None is single sign-on), from when to when in seconds."""

    sha256: str
    account: str
    key: str | None
    created: float
    expires: float


class Sessions:
    """The sessions of the hub whose own folder is `directory`."""

    def __init__(
        self,
        directory: StrPath,
        *,
        disk: Disk,
        clock: Clock,
        limits: HubLimits,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.file: EntriesFile[Session] = EntriesFile(directory, SESSIONS_FILE, Session, disk=disk)
        self._clock = clock
        self._limits = limits
        self._entropy = entropy

    def __repr__(self) -> str:
        return f"<Sessions in {self.file!r}>"

    def of(self, secret: str) -> Session | None:
        """Return the session that this secret opens now."""
        session = self.file.with_digest(digest(secret))
        return session if session is not None and self._clock.now() < session.expires else None

    def begin(self, account: str, key: str | None) -> str:
        """Write down a new session and return its secret. Blocks."""
        now = self._clock.now()
        life = self._limits.key_session_s if key is not None else self._limits.sso_session_s
        secret = base64.urlsafe_b64encode(self._entropy(SECRET_BYTES)).rstrip(b"=").decode("ascii")
        session = Session(digest(secret), account, key, now, now + life)
        self.file.change(lambda held: with_session(held, session, now, self._limits))
        return secret

    def end(self, secret: str) -> None:
        """Forget one session. Blocks."""
        gone = digest(secret)
        self.file.change(lambda held: [session for session in held if session.sha256 != gone])

    def end_all(self, account: str) -> None:
        """Forget all sessions of an account. Blocks."""
        self.file.change(lambda held: [session for session in held if session.account != account])


def with_session(
    held: Iterable[Session], session: Session, now: float, limits: HubLimits
) -> list[Session]:
    """Add a session; those that are over go, and where there are too many the oldest."""
    kept: list[Session] = [session]
    of_account = Counter([session.account])
    for one in reversed([one for one in held if now < one.expires]):
        if len(kept) >= limits.sessions_max:
            break
        if of_account[one.account] < limits.sessions_per_account_max:
            of_account[one.account] += 1
            kept.append(one)
    return kept[::-1]
