"""Profiles: the hubs and accounts that `syncd login` stored on this machine, each in a file of its own.

The one without a name is the user's settings file itself, so that most people never meet the word.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import (
    PROFILE_SUFFIX,
    PROFILES_DIRECTORY,
    config_directory,
    profile_path,
    with_values,
    without_values,
)
from tidelog.syncd.agent.target import keyring_store
from tidelog.syncd.errors import CannotStartError

KEYRING: Final = "keyring"
_STORED: Final = ("hub", "api_key", "key_store")


class Profile(NamedTuple):
    """One stored login: the hub, and where its key is. `name` is empty for the one without a name."""

    name: str
    path: Path
    hub: str
    api_key: str | None
    is_in_keyring: bool

    @property
    def has_key(self) -> bool:
        """Tell whether a key is stored, wherever."""
        return self.is_in_keyring or self.api_key is not None

    @property
    def place(self) -> str:
        """Where the key is, for messages."""
        return "the system's keyring" if self.is_in_keyring else str(self.path)

    def key(self) -> str | None:
        """Return the key. Raises CannotStartError where the keyring does not work."""
        return keyring_store.recall(_entry(self.name, self.hub)) if self.is_in_keyring else self.api_key


def read_profile(name: str, environ: Mapping[str, str], disk: Disk) -> Profile | None:
    """Return a profile; None where nothing was stored under this name."""
    path = profile_path(environ, name)
    try:
        values = tomllib.loads(disk.read(path).decode())
    except (OSError, ValueError):
        return None
    hub, key = values.get("hub"), values.get("api_key")
    if not isinstance(hub, str):
        return None
    is_in_keyring = values.get("key_store") == KEYRING
    return Profile(name, path, hub, key if isinstance(key, str) else None, is_in_keyring)


def all_profiles(environ: Mapping[str, str], disk: Disk) -> Iterator[Profile]:
    """Yield every profile, the one without a name first."""
    folder = config_directory(environ) / PROFILES_DIRECTORY
    files = disk.list(folder) if disk.is_directory(folder) else []
    named = [e.name.removesuffix(PROFILE_SUFFIX) for e in files if e.name.endswith(PROFILE_SUFFIX)]
    for name in ("", *named):
        profile = read_profile(name, environ, disk)
        if profile is not None:
            yield profile


def store_profile(
    name: str, hub: str, key: str, environ: Mapping[str, str], disk: Disk, *, in_keyring: bool = False
) -> Profile:
    """Store hub and key, readable by this account alone; other settings of the file stay.

    Raises CannotStartError, and stores nothing, where the file or the keyring does not take it.
    """
    path = profile_path(environ, name)
    text = _read(path, disk) if disk.is_file(path) else ""
    if in_keyring:
        keyring_store.keep(_entry(name, hub), key)
    kept = {"key_store": KEYRING} if in_keyring else {"api_key": key}
    _write(path, with_values(without_values(text, _STORED), {"hub": hub, **kept}), disk)
    return Profile(name, path, hub, None if in_keyring else key, in_keyring)


def forget_profile(profile: Profile, disk: Disk) -> None:
    """Forget hub and key of a profile; other settings of the file stay."""
    if profile.is_in_keyring:
        keyring_store.forget(_entry(profile.name, profile.hub))
    rest = without_values(_read(profile.path, disk), _STORED)
    if profile.name and not rest.strip():
        disk.remove(profile.path)
    else:
        _write(profile.path, rest, disk)


def known_profile(name: str, environ: Mapping[str, str], disk: Disk) -> Profile:
    """Return a profile that must be there."""
    profile = read_profile(name, environ, disk)
    if profile is None:
        what = f"profile {name!r}" if name else "login"
        raise CannotStartError(f"there is no stored {what}: `syncd profiles` lists those there are")
    return profile


def _entry(name: str, hub: str) -> str:
    return f"{name or 'default'}@{hub}"


def _read(path: Path, disk: Disk) -> str:
    try:
        return disk.read(path).decode()
    except UnicodeDecodeError as error:
        text = f"{path} is no settings file: {error}; mend it or move it away"
        raise CannotStartError(text) from error


def _write(path: Path, text: str, disk: Disk) -> None:
    """Write a settings file whole. Where it would be TOML no more, it stays as it was."""
    try:
        tomllib.loads(text)
        disk.make_directory(path.parent, mode=0o700)
        disk.replace(path, text.encode(), mode=0o600)
    except ValueError as error:
        text = f"{path} would be no TOML any more: {error}; mend it or move it away"
        raise CannotStartError(text) from error
    except OSError as error:
        raise CannotStartError(
            f"the login cannot be kept in {path}: {error.strerror}; set XDG_CONFIG_HOME to a folder "
            "that you can write"
        ) from error
