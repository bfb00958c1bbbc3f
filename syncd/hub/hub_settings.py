"""What a hub is told by `DATA/.hub/hub.toml` and its environment: its public address, single sign-on.

A variable wins over the file. Secrets are named by the file they lie in, never written here.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.errors import CannotStartError, KeyNameError
from tidelog.syncd.hub.guard.accounts import folded_address
from tidelog.syncd.hub.guard.grants import Grant, parse_grant
from tidelog.syncd.listen import LOOPBACK

SETTINGS_FILE: Final = "hub.toml"
PUBLIC_URL: Final = "TIDELOG_PUBLIC_URL"
ISSUER: Final = "TIDELOG_OIDC_ISSUER"
CLIENT_ID: Final = "TIDELOG_OIDC_CLIENT_ID"
CLIENT_SECRET_FILE: Final = "TIDELOG_OIDC_CLIENT_SECRET_FILE"  # noqa: S105 - a variable's name


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The provider of single sign-on, and who of its people gets an account by himself.

    `domains` maps a domain of verified addresses to the grants of the account that is made.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    name: str = "single sign-on"
    domains: Mapping[str, tuple[Grant, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HubSettings:
    """The settings of one hub; `public_url` is how browsers reach it, without a slash at its end."""

    public_url: str | None = None
    oidc: OidcSettings | None = None


class _OidcTable(msgspec.Struct, forbid_unknown_fields=True):
    issuer: str | None = None
    client_id: str | None = None
    client_secret_file: str | None = None
    name: str = "single sign-on"
    domains: dict[str, list[str]] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    public_url: str | None = None
    oidc: _OidcTable = msgspec.field(default_factory=_OidcTable)


def read_hub_settings(directory: StrPath, environ: Mapping[str, str], *, disk: Disk) -> HubSettings:
    """Return the settings of the hub whose own folder this is. Raises CannotStartError in words."""
    path = os.path.join(directory, SETTINGS_FILE)
    file = _read(path, disk)
    public_url = environ.get(PUBLIC_URL) or file.public_url
    oidc = _oidc_of(file.oidc, environ, path, disk)
    if public_url is not None:
        _check_address("the public address", public_url)
    if oidc is not None and public_url is None:
        raise CannotStartError(
            "single sign-on needs the address by which browsers reach this hub: set `public_url` in "
            f"{path}, or {PUBLIC_URL}, like https://hub.example.org"
        )
    return HubSettings(None if public_url is None else public_url.rstrip("/"), oidc)


def _read(path: str, disk: Disk) -> _File:
    try:
        document: dict[str, Any] = tomllib.loads(disk.read(path).decode())
        return msgspec.convert(document, _File)
    except FileNotFoundError:
        return _File()
    except (OSError, ValueError) as error:
        raise CannotStartError(f"the settings {path} cannot be read: {error}") from error


def _oidc_of(
    table: _OidcTable, environ: Mapping[str, str], path: str, disk: Disk
) -> OidcSettings | None:
    issuer = environ.get(ISSUER) or table.issuer
    client_id = environ.get(CLIENT_ID) or table.client_id
    secret_file = environ.get(CLIENT_SECRET_FILE) or table.client_secret_file
    if issuer is None and client_id is None:
        return None
    if issuer is None or client_id is None:
        raise CannotStartError(
            f"single sign-on needs both `issuer` and `client_id` in [oidc] of {path}, or {ISSUER} and "
            f"{CLIENT_ID}"
        )
    _check_address("the issuer", issuer)
    try:
        secret = None if secret_file is None else disk.read(secret_file).decode().strip()
        domains = {
            folded_address(domain).removeprefix("@"): tuple(parse_grant(grant) for grant in grants)
            for domain, grants in table.domains.items()
        }
    except (OSError, ValueError) as error:
        raise CannotStartError(f"the client secret {secret_file} cannot be read: {error}") from error
    except KeyNameError as error:
        raise CannotStartError(f"[oidc.domains] of {path}: {error}") from error
    return OidcSettings(issuer, client_id, secret, table.name, domains)


def _check_address(what: str, url: str) -> None:
    """Refuse an address over which secrets would travel in the clear."""
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_safe or not parts.netloc or parts.query or parts.fragment or parts.username:
        raise CannotStartError(
            f"{what} {url!r} is not of the form https://host; plain http is for the loopback address "
            "alone"
        )
