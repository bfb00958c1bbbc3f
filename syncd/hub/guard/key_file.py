"""The file that keeps a hub's API keys: changed by the command line while a hub reads it.

It appears whole or not at all (0600), under a lock between those who change it. A hub looks at it
with each request, so that a key counts, and stops counting, at once.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.names import check_name
from tidelog.syncd.errors import CannotStartError, KeyNameError
from tidelog.syncd.hub.guard.keys import EVERY_PROJECT, ROLES, WRITE, Key, check_key, digest, new_secret
from tidelog.syncd.hub.limits import HubLimits

HUB_DIRECTORY = ".hub"
KEYS_FILE = "keys.json"
KEYS_LOCK = "keys.lock"
VERSION = 1


class KeyFile:
    """The keys of the hub whose data folder is `data`."""

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
        self._path = os.path.join(self._directory, KEYS_FILE)
        self._disk = disk or Disk()
        self._clock = clock or Clock()
        self._entropy = entropy
        self._keys_max = (limits or HubLimits()).keys_max
        self._read_at: tuple[int, int, int] | None = None
        self._keys: tuple[Key, ...] = ()

    def keys(self) -> tuple[Key, ...]:
        """Return all keys, revoked ones included; none where there is no file.

        Raises CannotStartError where the file is not one that this wrote.
        """
        try:
            status = self._disk.stat(self._path)
        except FileNotFoundError:
            self._read_at, self._keys = None, ()
            return ()
        version = (status.st_ino, status.st_size, status.st_mtime_ns)
        if version != self._read_at:
            self._keys = _decode(self._disk.read(self._path), self._path)
            self._read_at = version
        return self._keys

    def create(
        self,
        name: str,
        *,
        role: str = WRITE,
        project: str = EVERY_PROJECT,
        expires_in_s: float | None = None,
    ) -> str:
        """Add a key and return it; this is the only time that anyone sees it."""
        check_name("key", name)
        check_key(name, role, project)
        secret = new_secret(self._entropy)
        now = self._clock.now()
        expires = None if expires_in_s is None else now + expires_in_s
        with self._changing():
            keys = self.keys()
            if any(key.name == name and key.is_active(now) for key in keys):
                raise KeyNameError(
                    f"there is a key {name!r} already; revoke it first, or choose another name"
                )
            if len(keys) >= self._keys_max:
                raise KeyNameError(f"this hub has {len(keys)} keys, and the limit is {self._keys_max}")
            self._write((*keys, Key(name, digest(secret), role, project, now, expires)))
        return secret

    def revoke(self, name: str) -> None:
        """Let the key of this name open nothing any more, from now on."""
        now = self._clock.now()
        with self._changing():
            keys = self.keys()
            if not any(key.name == name and key.revoked is None for key in keys):
                raise KeyNameError(f"there is no key {name!r}; `syncd key list` shows those there are")
            self._write(
                tuple(
                    replace(key, revoked=now) if key.name == name and key.revoked is None else key
                    for key in keys
                )
            )

    def _write(self, keys: tuple[Key, ...]) -> None:
        document = {"version": VERSION, "keys": [asdict(key) for key in keys]}
        data = json.dumps(document, ensure_ascii=False, indent=1).encode()
        self._disk.replace(self._path, data, mode=0o600)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self._disk.make_directory(self._directory, mode=0o700)
        fd = self._disk.open_update(os.path.join(self._directory, KEYS_LOCK), mode=0o600)
        try:
            self._disk.lock(fd)
            yield
        finally:
            self._disk.close(fd)


def _decode(data: bytes, path: str) -> tuple[Key, ...]:
    try:
        document = json.loads(data)
        if document["version"] != VERSION:
            raise CannotStartError(
                f"{path} has version {document['version']!r}, this syncd knows version {VERSION}: "
                "upgrade with `pip install -U tidelog`"
            )
        keys = tuple(Key(**entry) for entry in document["keys"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CannotStartError(
            f"{path} is not a file of keys: {error}; restore it, or remove it and create new keys"
        ) from error
    for key in keys:
        texts = (key.name, key.sha256, key.role, key.project)
        if not all(isinstance(text, str) for text in texts) or key.role not in ROLES:
            raise CannotStartError(f"{path} holds a key that is none: {key.name!r}")
    return keys
