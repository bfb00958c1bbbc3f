"""API keys: 256 random bits each, shown once; what is kept is the SHA-256. Rules only, no I/O.

No password hash is needed, since nobody can guess 256 bits, and so none slows a request down.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tidelog.syncd.errors import ProtocolError
from tidelog.syncd.hub.guard.grants import Grant
from tidelog.syncd.protocol import AUTHORIZATION, BEARER, KEY_PREFIX

SECRET_BYTES: Final = 32
SECRET_TEXT_MAX: Final = 256
KEY_ID_DIGITS: Final = 12

ACTIVE: Final = "active"
EXPIRED: Final = "expired"
REVOKED: Final = "revoked"


@dataclass(frozen=True, slots=True)
class Key:
    """What a hub knows of a key: all but the key. Times are in seconds since the epoch.

    `grants` are what it is narrowed to; None is all that its account may. `rotated_from` is the id of
    the key that it replaces.
    """

    name: str
    account: str
    sha256: str
    grants: tuple[Grant, ...] | None
    created: float
    expires: float | None = None
    revoked: float | None = None
    rotated_from: str | None = None

    @property
    def id(self) -> str:
        """What names a key in calls and in the audit log: the start of its digest, no secret."""
        return self.sha256[:KEY_ID_DIGITS]

    def is_active(self, now: float) -> bool:
        """Tell whether the key opens anything at `now`."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def state(self, now: float) -> str:
        """Return "active", "revoked" or "expired"."""
        if self.revoked is not None:
            return REVOKED
        return ACTIVE if self.is_active(now) else EXPIRED

    def dead_since(self, now: float) -> float | None:
        """Return since when it opens nothing, None where it does."""
        if self.is_active(now):
            return None
        return self.expires if self.revoked is None else self.revoked


def new_secret(entropy: Callable[[int], bytes]) -> str:
    """Return a fresh key as its owner will hold it."""
    text = base64.urlsafe_b64encode(entropy(SECRET_BYTES)).rstrip(b"=")
    return KEY_PREFIX + text.decode("ascii")


def digest(secret: str) -> str:
    """Return what is kept of a key."""
    # surrogateescape is how a header's bytes came in; such a text is no key, but must be looked up.
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def secret_in(authorization: str) -> str:
    """Return the key of an `Authorization` header. Raises ProtocolError where it holds none."""
    if not authorization.startswith(BEARER) or len(authorization) > SECRET_TEXT_MAX:
        raise ProtocolError(f"{AUTHORIZATION} is not of the form `{BEARER}<key>`")
    return authorization.removeprefix(BEARER).strip()
