"""What `init()` was given, from arguments, `settings=` and settings of the environment. No I/O.

Arguments win over `settings=`, that over what the environment and files say.
"""

from collections.abc import Mapping
from typing import Any

from tidelog.datastore.settings import Setting

Notice = tuple[str, str]

SETTINGS = (
    "mode",
    "project",
    "entity",
    "username",
    "name",
    "group",
    "job_type",
    "tags",
    "notes",
    "dir",
    "run_id",
    "resume",
    "durability",
    "quiet",
    "console",
    "monitor",
    "ranks",
    "save_code",
)
"""What `init(settings={...})` takes."""

OTHER_NAMES = {
    # wandb's, of the same meaning.
    "silent": "quiet",
    "root_dir": "dir",
    "run_name": "name",
    "run_group": "group",
    "run_job_type": "job_type",
    "run_tags": "tags",
    "run_notes": "notes",
    "x_stats_sampling_interval": "monitor",
}
STATS_OFF = ("x_disable_stats", "_disable_stats")
PLUMBING = {
    "anonymous",
    "api_key",
    "base_url",
    "disable_code",
    "disable_git",
    "disable_job_creation",
    "init_timeout",
    "login_timeout",
    "program",
    "start_method",
    "symlink",
    "sync_symlink_latest",
}
"""Settings of wandb's that are about its own process, account and page: nothing is lost without them."""

REMEDIES = {
    "sync_tensorboard": "log the values with run.log(...) too",
    "monitor_gym": "log videos with sdk.Video(...)",
    "resume_from": 'begin a run beside it: init(fork_from="<id>?_step=<n>")',
    "tensorboard": "log the values with run.log(...) too",
    "magic": "log values with run.log(...)",
}
WITHOUT_EFFECT = {"anonymous", "force", "sync_dir"}
"""Arguments of wandb's that mean an account or a folder of its own; nothing is lost without them."""


def merge_options(
    arguments: Mapping[str, Any], settings: Mapping[str, Setting], notices: list[Notice]
) -> dict[str, Any]:
    """Return every option that was given, by its argument's name; unknown ones are told and left out."""
    given = dict(arguments)
    chosen: dict[str, Any] = {name: setting.value for name, setting in settings.items()}
    chosen.update(_from_settings(given.pop("settings", None), notices))
    if "run_id" in chosen:
        chosen["id"] = chosen.pop("run_id")
    for name, value in given.pop("unknown", {}).items():
        if value is None or value is False or name in WITHOUT_EFFECT:
            continue
        remedy = REMEDIES.get(name, "help(sdk.init) says what it takes")
        notices.append(
            (f"init {name}", f"init({name}=...) is not supported and has no effect: {remedy}")
        )
    chosen.update({name: value for name, value in given.items() if value is not None})
    return chosen


def _from_settings(own: object, notices: list[Notice]) -> dict[str, Any]:
    """Return what `settings=` holds: a mapping, or an object with these attributes."""
    values = own if isinstance(own, Mapping) else getattr(own, "__dict__", {}) if own else {}
    named = {OTHER_NAMES.get(str(name), str(name)): value for name, value in values.items()}
    if any(named.get(name) for name in STATS_OFF):
        named["monitor"] = "off"
    unknown = sorted(name for name in named if name not in SETTINGS and not _is_plumbing(name))
    if unknown:
        text = f"init(settings=...) does not know {', '.join(unknown)}; it takes {', '.join(SETTINGS)}"
        notices.append(("settings", text))
    return {name: value for name, value in named.items() if name in SETTINGS and value is not None}


def _is_plumbing(name: str) -> bool:
    return name in PLUMBING or name.startswith(("_", "x_", "show_"))
