"""The hub and the key that `syncd login` stored; the one place that decides which key goes where.

A stored key goes to the hub that it was stored for, and to no other: a settings file in a folder that
somebody sent must not be able to send it elsewhere, nor the key of the environment.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import CONFIG_FILE, PROFILE_VARIABLE, PROJECT_FILE, read_settings
from tidelog.syncd.agent.target.profiles import Profile, all_profiles, read_profile
from tidelog.syncd.errors import CannotStartError

CONFIG_NAME = CONFIG_FILE
FILE = "file"
HTTP = ("http", "https")


class Address(NamedTuple):
    """Where an agent uploads to, in the one way that it is written."""

    url: str
    scheme: str
    path: str
    is_from_folder: bool = False
    """Whether the settings file of the working directory named it, and no one else."""


def parse_address(text: str) -> Address:
    """Return the address that a person wrote. Raises CannotStartError where it is none."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise CannotStartError(f"{text!r} is no address of a target: {error}") from error
    if parts.scheme == FILE and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        path = parts.path.rstrip("/") or "/"
        return Address(f"file://{path}", FILE, path)
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme in HTTP and parts.hostname and is_plain:
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        where = host if port is None else f"{host}:{port}"
        path = parts.path.rstrip("/")
        return Address(f"{parts.scheme}://{where}{path}", parts.scheme, path)
    raise CannotStartError(
        f"{text!r} is no address of a target: write http://HOST:PORT, https://HOST or file:///FOLDER"
    )


def find_address(to: str | None, environ: Mapping[str, str], disk: Disk) -> Address:
    """Return the target: the flag, else the settings. Raises CannotStartError where there is none."""
    setting = read_settings(environ, disk=disk).get("hub")
    if to:
        return parse_address(to)
    if setting is None:
        raise CannotStartError("no target to upload to: run `syncd login --hub URL`, or say `--to URL`")
    address = parse_address(setting.value)
    return address._replace(is_from_folder=setting.origin == PROJECT_FILE)


def find_addresses(targets: Sequence[str], environ: Mapping[str, str], disk: Disk) -> list[Address]:
    """Return the targets that were named, each once; the one of the settings where none was."""
    if not targets:
        return [find_address(None, environ, disk)]
    return list(dict.fromkeys(parse_address(text) for text in targets))


def find_key(address: Address, environ: Mapping[str, str], disk: Disk) -> str:
    """Return the key for a hub. Raises CannotStartError where there is none for this one."""
    said = read_settings(environ, disk=disk).get("api_key")
    stored = [p for p in _eligible(environ, disk) if _is_same(p.hub, address) and p.has_key]
    if said is not None and said.origin not in _stored_paths(environ, disk):
        if address.is_from_folder and not stored and said.origin != PROJECT_FILE:
            raise CannotStartError(
                f"{PROJECT_FILE} in this folder names {address.url}, and may not have the key of "
                f"{said.origin} sent there: say `--to {address.url}`, or set TIDELOG_HUB"
            )
        return said.value
    if not stored:
        raise _no_key(address, environ, disk)
    if len(stored) > 1 and stored[0].name:
        names = ", ".join(profile.name for profile in stored)
        raise CannotStartError(
            f"several profiles have a key for {address.url} ({names}): say which with {PROFILE_VARIABLE}"
        )
    key = stored[0].key()
    if key is None:
        raise CannotStartError(
            f"the system's keyring has no key for {address.url} any more: run `syncd login --keyring "
            f"--hub {address.url}`"
        )
    return key


def _eligible(environ: Mapping[str, str], disk: Disk) -> list[Profile]:
    """Return the profiles whose key may be used: the chosen one, else all, the nameless first."""
    chosen = environ.get(PROFILE_VARIABLE)
    if not chosen:
        return list(all_profiles(environ, disk))
    profile = read_profile(chosen, environ, disk)
    return [] if profile is None else [profile]


def _stored_paths(environ: Mapping[str, str], disk: Disk) -> set[str]:
    return {str(profile.path) for profile in all_profiles(environ, disk)}


def _no_key(address: Address, environ: Mapping[str, str], disk: Disk) -> CannotStartError:
    chosen = environ.get(PROFILE_VARIABLE, "")
    login = f"`syncd login --hub {address.url}{f' --profile {chosen}' if chosen else ''}`"
    profile = read_profile(chosen, environ, disk)
    if profile is not None and profile.has_key and not _is_same(profile.hub, address):
        return CannotStartError(
            f"the API key in {profile.place} was stored for {profile.hub}, not for {address.url}: run "
            f"{login}, or set TIDELOG_API_KEY"
        )
    return CannotStartError(f"no API key for {address.url}: run {login}, or set TIDELOG_API_KEY")


def _is_same(stored: str, address: Address) -> bool:
    try:
        return parse_address(stored).url == address.url
    except CannotStartError:
        return False
