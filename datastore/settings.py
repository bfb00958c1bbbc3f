"""The program's own options, from where a person set them; sdk and syncd read them here.

Flags win over `TIDELOG_*` variables, these over `./.tidelog.toml`, that over the profile that
TIDELOG_PROFILE names, and that over `$XDG_CONFIG_HOME/tidelog/config.toml`. `WANDB_*` variables are read
last, for those who come from there.
"""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError

NAMES = (
    "hub",
    "api_key",
    "key_store",
    "mode",
    "dir",
    "project",
    "entity",
    "run_id",
    "username",
    "name",
    "group",
    "job_type",
    "tags",
    "notes",
    "resume",
    "ranks",
    "durability",
    "save_code",
    "console",
    "monitor",
    "quiet",
    "listen",
)

WANDB_FALLBACKS = {
    "WANDB_MODE": "mode",
    "WANDB_DIR": "dir",
    "WANDB_PROJECT": "project",
    "WANDB_ENTITY": "entity",
    "WANDB_USERNAME": "username",
    "WANDB_RUN_ID": "run_id",
    "WANDB_RESUME": "resume",
    "WANDB_NAME": "name",
    "WANDB_RUN_GROUP": "group",
    "WANDB_JOB_TYPE": "job_type",
    "WANDB_TAGS": "tags",
    "WANDB_NOTES": "notes",
    "WANDB_SILENT": "quiet",
    "WANDB_SAVE_CODE": "save_code",
    "WANDB_CONSOLE": "console",
}

PROJECT_FILE = ".tidelog.toml"
CONFIG_FILE = "config.toml"

PROFILE_VARIABLE = "TIDELOG_PROFILE"
PROFILES_DIRECTORY = "profiles"
PROFILE_SUFFIX = ".toml"

SYNC_TABLE = "sync"
"""The table of the user's own file that is the agent's; it reads and judges it itself."""


class SettingsError(DatastoreError):
    """A settings file cannot be read, or holds something that is no setting."""


class Setting(NamedTuple):
    """A value as text, and where it came from, for messages."""

    value: str
    origin: str


def config_directory(environ: Mapping[str, str]) -> Path:
    """Return the folder of the user's own settings, by the XDG base directory specification."""
    return _xdg_directory(environ, "XDG_CONFIG_HOME", ".config")


def profile_path(environ: Mapping[str, str], profile: str | None) -> Path:
    """Return the file of a profile; the one without a name is the user's settings file itself.

    Raises InvalidNameError where the name is none.
    """
    if not profile:
        return config_directory(environ) / CONFIG_FILE
    from tidelog.datastore.names import check_name  # Most runs have no profile.

    name = check_name("profile", profile) + PROFILE_SUFFIX
    return config_directory(environ) / PROFILES_DIRECTORY / name


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Return the folder for what can be made anew, by the XDG base directory specification."""
    return _xdg_directory(environ, "XDG_CACHE_HOME", ".cache")


def _xdg_directory(environ: Mapping[str, str], variable: str, default: str) -> Path:
    home = environ.get("HOME") or os.path.expanduser("~")
    return Path(environ.get(variable) or os.path.join(home, default), "tidelog")


def _raise(error: SettingsError) -> NoReturn:
    raise error


def read_settings(
    environ: Mapping[str, str] = os.environ,
    *,
    directory: str = ".",
    disk: Disk | None = None,
    on_fault: Callable[[SettingsError], None] = _raise,
) -> dict[str, Setting]:
    """Return every setting that is set, by name. An empty variable counts as not set.

    `on_fault` gets a SettingsError for a settings file that is not TOML and for each setting in it that
    does not exist or has no value of a setting; where it returns, that one is left out.
    """
    disk = disk or Disk()
    settings: dict[str, Setting] = {}
    for variable, name in WANDB_FALLBACKS.items():
        if environ.get(variable):
            settings[name] = Setting(environ[variable], variable)
    settings.update(_read_file(profile_path(environ, None), disk, on_fault))
    if environ.get(PROFILE_VARIABLE):
        settings.update(_read_profile(environ, disk, on_fault))
    settings.update(_read_file(Path(directory, PROJECT_FILE), disk, on_fault))
    for name in NAMES:
        variable = f"TIDELOG_{name.upper()}"
        if environ.get(variable):
            settings[name] = Setting(environ[variable], variable)
        elif environ.get(f"{variable}_FILE"):
            try:
                secret = _read_secret(environ[f"{variable}_FILE"], variable, disk)
            except SettingsError as error:
                on_fault(error)
            else:
                settings[name] = Setting(secret, f"{variable}_FILE")
    return settings


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return the text of a settings file in which `values` are set; its other lines stay as they are."""
    import json  # A JSON string is a TOML string.

    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in values]
    return "\n".join([*(f"{name} = {json.dumps(value)}" for name, value in values.items()), *kept, ""])


def without_values(text: str, names: Collection[str]) -> str:
    """Return the text of a settings file in which none of `names` is set; its other lines stay."""
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in names]
    return "\n".join([*kept, ""])


def _read_profile(
    environ: Mapping[str, str], disk: Disk, on_fault: Callable[[SettingsError], None]
) -> dict[str, Setting]:
    """Return what the chosen profile sets; it is a fault where there is none of this name."""
    profile = environ[PROFILE_VARIABLE]
    try:
        path = profile_path(environ, profile)
    except DatastoreError as error:
        on_fault(SettingsError(f"{PROFILE_VARIABLE}: {error}"))
        return {}
    if not disk.is_file(path):
        remedy = f"`syncd login --profile {profile}` makes it"
        on_fault(SettingsError(f"{PROFILE_VARIABLE} is {profile!r}, and there is no {path}: {remedy}"))
        return {}
    return _read_file(path, disk, on_fault)


def _read_file(path: Path, disk: Disk, on_fault: Callable[[SettingsError], None]) -> dict[str, Setting]:
    try:
        text = disk.read(path).decode()
        import tomllib  # Most runs have no settings file and need not pay for the parser.

        values = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        on_fault(SettingsError(f"{path} cannot be read as TOML: {error}"))
        return {}
    settings = {}
    for name, value in values.items():
        setting = _as_text(value)
        if name == SYNC_TABLE and path.name != PROJECT_FILE:
            continue
        if name not in NAMES:
            known = ", ".join(NAMES if path.name == PROJECT_FILE else (*NAMES, f"[{SYNC_TABLE}]"))
            on_fault(SettingsError(f"{path} sets {name!r}, which is none of: {known}"))
        elif setting is None:
            on_fault(SettingsError(f"{path} sets {name} to {value!r}; write it as a string"))
        else:
            settings[name] = Setting(setting, str(path))
    return settings


def _as_text(value: Any) -> str | None:
    """Return a value of TOML as a variable would hold it, such as tags with commas between them."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    return str(value) if isinstance(value, (str, int, float)) else None


def _read_secret(path: str, variable: str, disk: Disk) -> str:
    try:
        return disk.read(path).decode().strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{variable}_FILE names {path}, which cannot be read: {error}") from error
