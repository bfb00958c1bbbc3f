"""Which command a service is to run, and what it needs of the settings of a person's shell."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import PROFILE_VARIABLE, config_directory, read_settings
from tidelog.syncd.agent.config import Wishes, read_config
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.agent.target.credentials import (
    CONFIG_NAME,
    FILE,
    Address,
    find_addresses,
    find_key,
    parse_address,
)
from tidelog.syncd.agent.watch.roots import absolute_root
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.install.account import Account
from tidelog.syncd.install.service import AGENT, HUB, Service
from tidelog.syncd.log_file import LOG_NAME

SYNCD = (sys.executable, "-P", "-m", "tidelog.syncd")
DEFAULT_ROOT = "tidelog"
HUB_LOG_NAME = ".hub/serve.log"

# What of a shell's environment a service needs, too. Never the key itself: units can be read by others.
_PATHS = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "TIDELOG_API_KEY_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_WORDS = (PROFILE_VARIABLE,)
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def plan_agent(
    roots: Sequence[str],
    targets: Sequence[str],
    owner: Account,
    disk: Disk,
    *,
    is_user: bool,
    platform: str = sys.platform,
) -> Service:
    """Return the agent as a service. Raises CannotStartError where there is no target to upload to."""
    directory = state_directory(owner.environ)
    watched = [absolute_root(root, disk) for root in roots] or _roots_to_name(directory, owner, disk)
    named = [parse_address(target).url for target in targets] or _targets_to_name(owner, disk)
    arguments = [
        *(part for root in watched for part in ("--root", root)),
        *(part for url in named for part in ("--to", url)),
        *_log_arguments(directory / LOG_NAME, platform),
    ]
    addresses = addresses_of(named, owner, disk)
    folders = (_writable(address.path, disk) for address in addresses if address.scheme == FILE)
    return Service(
        name=AGENT,
        description="tidelog: uploads runs",
        command=(*SYNCD, "start", *arguments),
        writable=(str(directory), *folders),
        environment=tuple(_environment(owner.environ)),
        account=None if is_user else owner.name,
    )


def plan_hub(
    data: str, listen: str | None, owner: Account, *, is_user: bool, platform: str = sys.platform
) -> Service:
    """Return a hub as a service."""
    folder = os.path.realpath(data)
    setting = read_settings(owner.environ).get("listen")
    address = listen or (setting.value if setting else None)
    arguments = [
        *("--data", folder),
        *(("--listen", address) if address else ()),
        *_log_arguments(Path(folder, HUB_LOG_NAME), platform),
    ]
    return Service(
        name=HUB,
        description="tidelog: receives runs",
        command=(*SYNCD, "serve", *arguments),
        writable=(folder,),
        account=None if is_user else owner.name,
        is_agent=False,
    )


def addresses_of(named: Sequence[str], owner: Account, disk: Disk) -> list[Address]:
    """Return the targets of a service that is told to upload to `named`."""
    config = read_config(Wishes(targets=list(named) or None), owner.environ, disk)
    return find_addresses(config.targets, owner.environ, disk)


def missing_keys(service: Service, owner: Account, disk: Disk) -> Iterator[str]:
    """Yield why hubs will refuse the service: the keys that it has not, whatever this shell has."""
    environ = {"HOME": str(owner.home), **dict(service.environment)}
    named = [
        url for flag, url in zip(service.command, service.command[1:], strict=False) if flag == "--to"
    ]
    for address in addresses_of(named, owner, disk):
        if address.scheme != FILE:
            try:
                find_key(address, environ, disk)
            except CannotStartError as error:
                yield str(error)


def _roots_to_name(directory: Path, owner: Account, disk: Disk) -> list[str]:
    """Return the root to name where nobody named one: none where the state or the settings have some."""
    from tidelog.syncd.agent.upload.state import roots_in

    if read_config(Wishes(), owner.environ, disk).roots or roots_in(directory):
        return []
    setting = read_settings(owner.environ, disk=disk).get("dir")
    return [os.path.realpath(setting.value if setting else DEFAULT_ROOT)]


def _targets_to_name(owner: Account, disk: Disk) -> list[str]:
    """Return the targets that the service would not find by itself."""
    if read_config(Wishes(), owner.environ, disk).targets:
        return []
    setting = read_settings(owner.environ, disk=disk).get("hub")
    if setting and setting.origin == str(config_directory(owner.environ) / CONFIG_NAME):
        return []
    return [address.url for address in find_addresses((), owner.environ, disk)]


def _log_arguments(path: Path, platform: str) -> Sequence[str]:
    """launchd keeps no log of what a service prints; systemd has the journal."""
    return ("--log-file", str(path)) if platform == "darwin" else ()


def _environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in _PATHS:
        if environ.get(name):
            yield name, os.path.abspath(environ[name])
    for name in _WORDS:
        if environ.get(name):
            yield name, environ[name]
    for name in _PROXIES:
        if environ.get(name) and "@" not in environ[name]:  # No passwords either.
            yield name, environ[name]


def _writable(path: str, disk: Disk) -> str:
    """Return the folder that must be writable for a target: where it is to be made, the one above."""
    return path if disk.is_directory(path) else os.path.dirname(path)
