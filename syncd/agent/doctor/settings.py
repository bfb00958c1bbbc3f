"""Which settings hold, and from where; what in the files is no setting; who may read the key."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import structs

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import SYNC_TABLE, Setting, config_directory, read_settings
from tidelog.syncd.agent.config import Wishes, read_config, written_wishes
from tidelog.syncd.agent.doctor.finding import Finding, ok, problem
from tidelog.syncd.agent.target.credentials import CONFIG_NAME
from tidelog.syncd.agent.target.profiles import all_profiles
from tidelog.syncd.errors import CannotStartError

NAME = "settings"
SECRETS = ("api_key",)


def look_at_settings(environ: Mapping[str, str], disk: Disk) -> Iterator[Finding]:
    """Read the settings as every command does."""
    faults: list[str] = []
    settings = read_settings(environ, disk=disk, on_fault=lambda error: faults.append(str(error)))
    for fault in faults:
        yield problem(NAME, fault, "mend or remove it")
    yield from (ok(NAME, shown(name, setting)) for name, setting in settings.items())
    if not settings and not faults:
        yield ok(NAME, "none are set")
    path = config_directory(environ) / CONFIG_NAME
    if not faults:
        yield from _look_at_wishes(path, environ, disk)
    stored = [path, *(profile.path for profile in all_profiles(environ, disk) if profile.name)]
    key_file = environ.get("TIDELOG_API_KEY_FILE")
    for secret in (*stored, *([Path(key_file)] if key_file else [])):
        yield from _look_at_mode(secret, disk)


def shown(name: str, setting: Setting) -> str:
    """Return a setting and its origin; of a secret nothing but that it is there."""
    value = "..." if name in SECRETS else setting.value
    return f"{name} = {value}, from {setting.origin}"


def _look_at_wishes(path: Path, environ: Mapping[str, str], disk: Disk) -> Iterator[Finding]:
    try:
        written = structs.asdict(written_wishes(path, disk))
        read_config(Wishes(), environ, disk)
    except CannotStartError as error:
        yield problem(NAME, str(error), f"mend {path}")
        return
    for name, value in written.items():
        if value is not None:
            yield ok(NAME, f"[{SYNC_TABLE}] {name} = {value}, from {path}")


def _look_at_mode(path: Path, disk: Disk) -> Iterator[Finding]:
    try:
        status = disk.stat(path)
    except OSError:
        return
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        text = f"{path} may hold a key and is open to others (mode {mode:04o})"
        yield problem(NAME, text, f"`chmod 600 {path}`")
    elif status.st_uid != os.geteuid():
        yield problem(NAME, f"{path} belongs to another account", "store your own: `syncd login`")
