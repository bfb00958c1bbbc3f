"""The hub and the key that `syncd login` stored; the one place that decides which key goes where.

A stored key goes to the hub that it was stored for, and to no other: a settings file in a folder that
somebody sent must not be able to send it elsewhere.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import config_directory, read_settings
from tidelog.syncd.errors import CannotStartError

CONFIG_NAME = "config.toml"
FILE = "file"
HTTP = ("http", "https")


class Address(NamedTuple):
    """Where an agent uploads to, in the one way that it is written."""

    url: str
    scheme: str
    path: str


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
    text = to or (setting.value if setting else None)
    if not text:
        raise CannotStartError("no target to upload to: run `syncd login --hub URL`, or say `--to URL`")
    return parse_address(text)


def find_key(address: Address, environ: Mapping[str, str], disk: Disk) -> str:
    """Return the key for a hub. Raises CannotStartError where there is none for this one."""
    setting = read_settings(environ, disk=disk).get("api_key")
    if setting is None:
        raise CannotStartError(
            f"no API key for {address.url}: run `syncd login --hub {address.url}`, or set "
            "TIDELOG_API_KEY"
        )
    path = config_directory(environ) / CONFIG_NAME
    if setting.origin == str(path):
        stored = _stored(path, disk).get("hub")
        if not isinstance(stored, str) or parse_address(stored).url != address.url:
            raise CannotStartError(
                f"the API key in {path} was stored for {stored}, not for {address.url}: run "
                f"`syncd login --hub {address.url}`, or set TIDELOG_API_KEY"
            )
    return setting.value


def store(address: Address, key: str, environ: Mapping[str, str], disk: Disk) -> Path:
    """Store hub and key, readable by this account alone; other settings of the file stay."""
    path = config_directory(environ) / CONFIG_NAME
    lines = disk.read(path).decode().splitlines() if disk.is_file(path) else []
    kept = [line for line in lines if line.partition("=")[0].strip() not in ("hub", "api_key")]
    text = "\n".join([f"hub = {json.dumps(address.url)}", f"api_key = {json.dumps(key)}", *kept])
    disk.make_directory(path.parent, mode=0o700)
    disk.replace(path, f"{text}\n".encode(), mode=0o600)
    return path


def _stored(path: Path, disk: Disk) -> dict[str, object]:
    try:
        return tomllib.loads(disk.read(path).decode())
    except (OSError, ValueError):
        return {}
