"""API keys: who may do what, to which projects, until when. Rules only; `key_file.py` keeps them.

A key is 256 random bits. It is shown once; what is kept is its SHA-256, and no password hash is
needed, since nobody can guess 256 bits.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tidelog.syncd.errors import FORBIDDEN, UNAUTHORIZED, KeyNameError, ProblemError
from tidelog.syncd.protocol import AUTHORIZATION, BEARER, KEY_PREFIX

SECRET_BYTES = 32
SECRET_TEXT_MAX = 256
PATTERN_BYTES_MAX = 256
EVERY_PROJECT = "*"

READ = "read"
WRITE = "write"
ADMIN = "admin"
ROLES = (WRITE, READ, ADMIN)

_ALLOWS = {READ: {READ}, WRITE: {READ, WRITE}, ADMIN: {READ, WRITE, ADMIN}}


@dataclass(frozen=True, slots=True)
class Key:
    """What a hub knows of a key: all but the key. Times are in seconds since the epoch."""

    name: str
    sha256: str
    role: str
    project: str
    created: float
    expires: float | None = None
    revoked: float | None = None

    def is_active(self, now: float) -> bool:
        """Tell whether the key opens anything at `now`."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def may(self, role: str, project: str | None = None) -> bool:
        """Tell whether the key allows what `role` stands for, on a project where one is named."""
        return role in _ALLOWS[self.role] and (project is None or self.covers(project))

    def covers(self, project: str) -> bool:
        """Tell whether a project is among those that the key is for."""
        return fnmatchcase(project, self.project)

    def state(self, now: float) -> str:
        """Return "active", "revoked" or "expired"."""
        if self.revoked is not None:
            return "revoked"
        return "active" if self.is_active(now) else "expired"


def new_secret(entropy: Callable[[int], bytes]) -> str:
    """Return a fresh key as its owner will hold it."""
    text = base64.urlsafe_b64encode(entropy(SECRET_BYTES)).rstrip(b"=")
    return KEY_PREFIX + text.decode("ascii")


def digest(secret: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_key(name: str, role: str, project: str) -> None:
    """Raise KeyNameError where a key cannot be made like this."""
    if role not in ROLES:
        raise KeyNameError(f"the role {role!r} is none of: {', '.join(ROLES)}")
    if not project or not project.isprintable() or len(project.encode()) > PATTERN_BYTES_MAX:
        raise KeyNameError(
            f"the project pattern of key {name!r} must be printable and have 1 to "
            f"{PATTERN_BYTES_MAX} bytes"
        )


def authenticate(authorization: str | None, keys: Iterable[Key], *, now: float) -> Key:
    """Return the key that came in an `Authorization` header, or raise the problem with it."""
    if authorization is None:
        raise _unauthorized(f"the header {AUTHORIZATION} is missing; send `{BEARER}<key>`")
    if not authorization.startswith(BEARER) or len(authorization) > SECRET_TEXT_MAX:
        raise _unauthorized(f"{AUTHORIZATION} is not of the form `{BEARER}<key>`")
    secret = authorization.removeprefix(BEARER).strip()
    # surrogateescape is how a header's bytes came in; such a text is no key, but must be compared.
    offered = hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
    found = None
    for key in keys:
        if hmac.compare_digest(key.sha256, offered):
            found = key
    if found is None:
        raise _unauthorized("the key is none of this hub's; ask for one, or run `syncd login`")
    if not found.is_active(now):
        raise _unauthorized(
            f"the key {found.name!r} is {found.state(now)}; ask for a new one, then run `syncd login`"
        )
    return found


def authorize(key: Key, role: str, project: str | None = None) -> None:
    """Raise the problem where the key does not allow this."""
    if not key.may(role):
        raise ProblemError(
            FORBIDDEN, f"the key {key.name!r} is for role {key.role!r}, this needs {role!r}"
        )
    if project is not None and not key.covers(project):
        raise ProblemError(
            FORBIDDEN,
            f"the key {key.name!r} is for projects {key.project!r}, the request is for {project!r}",
        )


def _unauthorized(detail: str) -> ProblemError:
    return ProblemError(UNAUTHORIZED, detail, headers={"WWW-Authenticate": 'Bearer realm="tidelog"'})
