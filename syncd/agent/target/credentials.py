"""The hub and the key that `syncd login` stored; the one place that decides which key goes where.

A stored key goes to the hub that it was stored for, and to no other: a settings file in a folder that
somebody sent must not be able to send it elsewhere, nor the key of the environment.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import PROJECT_FILE, config_directory, read_settings, with_values
from tidelog.syncd.errors import CannotStartError

CONFIG_NAME = "config.toml"
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
    setting = read_settings(environ, disk=disk).get("api_key")
    if setting is None:
        raise CannotStartError(
            f"no API key for {address.url}: run `syncd login --hub {address.url}`, or set "
            "TIDELOG_API_KEY"
        )
    path = config_directory(environ) / CONFIG_NAME
    stored = _stored(path, disk).get("hub")
    if not _is_same(stored, address):
        if address.is_from_folder and setting.origin not in (str(path), PROJECT_FILE):
            raise CannotStartError(
                f"{PROJECT_FILE} in this folder names {address.url}, and may not have the key of "
                f"{setting.origin} sent there: say `--to {address.url}`, or set TIDELOG_HUB"
            )
        if setting.origin == str(path):
            raise CannotStartError(
                f"the API key in {path} was stored for {stored}, not for {address.url}: run "
                f"`syncd login --hub {address.url}`, or set TIDELOG_API_KEY"
            )
    return setting.value


def store(address: Address, key: str, environ: Mapping[str, str], disk: Disk) -> Path:
    """Store hub and key, readable by this account alone; other settings of the file stay."""
    path = config_directory(environ) / CONFIG_NAME
    text = disk.read(path).decode() if disk.is_file(path) else ""
    disk.make_directory(path.parent, mode=0o700)
    disk.replace(path, with_values(text, {"hub": address.url, "api_key": key}).encode(), mode=0o600)
    return path


def _is_same(stored: object, address: Address) -> bool:
    try:
        return isinstance(stored, str) and parse_address(stored).url == address.url
    except CannotStartError:
        return False


def _stored(path: Path, disk: Disk) -> dict[str, object]:
    try:
        return tomllib.loads(disk.read(path).decode())
    except (OSError, ValueError):
        return {}
