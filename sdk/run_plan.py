"""What `init()` was asked for: arguments, settings and ranks become one plan. No I/O.

Arguments win over settings; what is wrong is replaced by something that works, and said.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidelog.datastore.settings import Setting
from tidelog.datastore.writer import DURABILITIES, Durability
from tidelog.sdk.naming import (
    Entropy,
    distinct_name,
    make_run_id,
    make_run_name,
    name_fault,
    safe_name,
)
from tidelog.sdk.notices import shown
from tidelog.sdk.ranks import Rank

ONLINE, OFFLINE, DISABLED = "online", "offline", "disabled"
MODES = {
    "online": ONLINE,
    "offline": OFFLINE,
    "disabled": DISABLED,
    # wandb's older and rarer names.
    "run": ONLINE,
    "shared": ONLINE,
    "dryrun": OFFLINE,
}

PROJECT_DEFAULT = "uncategorized"
ROOT_DEFAULT = "tidelog"
TEXT_CHARACTERS_MAX = 10_000

REMEDIES = {
    "save_code": 'call run.save("*.py") for the files that you want to keep',
    "sync_tensorboard": "log the values with run.log(...) too",
    "monitor_gym": "log videos with run.save(path)",
    "config_exclude_keys": "leave the keys out of config",
    "config_include_keys": "pass only the keys that you want in config",
    "fork_from": "begin a new run and name the old one in config",
    "resume_from": "pass id= of the run, and step= to run.log",
    "allow_val_change": "config values may always be changed; the argument can go",
    "anonymous": "no account is needed; the argument can go",
    "force": "no account is needed; the argument can go",
    "magic": "log values with run.log(...)",
    "tensorboard": "log the values with run.log(...) too",
}
NEW_SETTINGS = ("mode", "project", "name", "group", "job_type", "tags", "notes", "dir", "run_id")
SETTINGS_TAKEN = {*NEW_SETTINGS, "durability", "monitor", "quiet"}


@dataclass(slots=True)
class Plan:
    """All that is decided before anything is written."""

    mode: str
    root: str
    project: str
    run_id: str
    name: str
    rank: Rank
    durability: Durability
    has_hub: bool
    is_quiet: bool
    is_id_given: bool
    is_name_given: bool
    monitor: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    notices: list[tuple[str, str]] = field(default_factory=list)

    @property
    def directory(self) -> str:
        """The run directory."""
        return os.path.join(self.root, self.project, self.run_id)


def make_plan(
    arguments: Mapping[str, Any],
    settings: Mapping[str, Setting],
    *,
    rank: Rank,
    now: float,
    entropy: Entropy,
) -> Plan:
    """Return the plan for `init(**arguments)`; it never raises for what a person typed."""
    notices: list[tuple[str, str]] = []
    given = dict(arguments)
    chosen = _merge(given, settings, notices)
    has_hub = "hub" in settings
    mode = _choose_mode(chosen.get("mode"), notices, has_hub=has_hub)
    run_id = _checked("run id", chosen.get("id") or None, notices)
    name = _checked("run name", chosen.get("name"), notices)
    project = _checked("project", chosen.get("project"), notices)
    durability: Any = chosen.get("durability") or "process"
    if durability not in DURABILITIES:
        notices.append(
            (
                "durability",
                f"durability {shown(durability)} is none of {', '.join(DURABILITIES)}: 'process' it is",
            )
        )
        durability = "process"
    plan = Plan(
        mode=mode,
        root=_root(chosen.get("dir"), [] if mode == DISABLED else notices),
        project=project or PROJECT_DEFAULT,
        run_id=run_id or make_run_id(now, entropy),
        name=name or make_run_name(entropy),
        rank=rank,
        durability=durability,
        has_hub=has_hub,
        is_quiet=_is_true(chosen.get("quiet")) or rank.number > 0,
        is_id_given=run_id is not None,
        is_name_given=name is not None,
        monitor=chosen.get("monitor"),
        notices=notices,
    )
    if rank.number and run_id is None and mode != DISABLED:
        notices.append(
            (
                "rank",
                (
                    f"rank {rank.number} of {rank.world_size} records a run of its own; set "
                    "TIDELOG_RUN_ID to the same value on all ranks to have them in one"
                ),
            )
        )
    plan.facts = _facts(plan, chosen)
    return plan


def _merge(
    given: dict[str, Any], settings: Mapping[str, Setting], notices: list[tuple[str, str]]
) -> dict[str, Any]:
    """Return every option by its argument's name; unknown ones are told and left out."""
    chosen: dict[str, Any] = {name: setting.value for name, setting in settings.items()}
    own = given.pop("settings", None)
    own = own if isinstance(own, Mapping) else getattr(own, "__dict__", {}) if own else {}
    unknown = sorted(str(name) for name in own if name not in SETTINGS_TAKEN)
    if unknown:
        notices.append(
            (
                "settings",
                (
                    f"init(settings=...) does not know {', '.join(unknown)}; it takes "
                    f"{', '.join(sorted(SETTINGS_TAKEN))}"
                ),
            )
        )
    chosen.update({k: v for k, v in own.items() if k in SETTINGS_TAKEN and v is not None})
    if "run_id" in chosen:
        chosen["id"] = chosen.pop("run_id")
    for name, value in given.pop("unknown", {}).items():
        if value is None or value is False:
            continue
        remedy = REMEDIES.get(name, "see the README for what init() takes")
        notices.append(
            (f"init {name}", f"init({name}=...) is not supported and has no effect: {remedy}")
        )
    chosen.update({name: value for name, value in given.items() if value is not None})
    return chosen


def _choose_mode(mode: object, notices: list[tuple[str, str]], *, has_hub: bool) -> str:
    default = ONLINE if has_hub else OFFLINE
    if mode is None or mode == "":
        return default
    chosen = MODES.get(mode.lower()) if isinstance(mode, str) else None
    if chosen is None:
        notices.append(
            (
                "mode",
                f"mode {shown(mode)} is none of online, offline, disabled; the run is recorded offline",
            )
        )
        return OFFLINE
    return chosen


def _checked(kind: str, name: object, notices: list[tuple[str, str]]) -> str | None:
    """Return a name that fits the grammar: the one given, or one made from it, which is told."""
    if name is None:
        return None
    fault = name_fault(kind, name)
    if fault is None:
        return str(name)
    safe = safe_name(name, default="unnamed")
    if kind == "run id":
        safe = distinct_name(safe, name)  # Two ids must never become one run.
    notices.append((kind, f"{fault}; the run is recorded under {shown(safe)}"))
    return safe


def _root(directory: object, notices: list[tuple[str, str]]) -> str:
    given = os.fspath(directory) if isinstance(directory, (str, os.PathLike)) else ""
    path = os.path.expanduser(given or ROOT_DEFAULT)
    try:
        return os.path.abspath(path)
    except OSError as error:
        root = os.path.normpath(os.path.join(os.sep, os.path.expanduser("~"), path))
        notices.append(
            (
                "working directory",
                f"the working directory is gone ({error}): the run is recorded below {root}",
            )
        )
        return root


def _facts(plan: Plan, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the run record says beside what is found out of the process."""
    facts: dict[str, Any] = {"id": plan.run_id, "project": plan.project, "mode": plan.mode}
    for name in ("entity", "group", "job_type", "notes"):
        if chosen.get(name) is not None:
            facts[name] = _text(chosen[name])
    tags = as_tags(chosen.get("tags"))
    if tags:
        facts["tags"] = tags
    if plan.rank.world_size > 1:
        facts["rank"], facts["world_size"] = plan.rank
    return facts


def as_tags(tags: object) -> list[str]:
    """Return tags as a list: from a sequence, or from text with commas between them."""
    if tags is None:
        return []
    if isinstance(tags, str):
        return [tag.strip() for tag in tags.split(",") if tag.strip()]
    if isinstance(tags, (Sequence, set, frozenset)):
        return [_text(tag) for tag in tags]
    return [_text(tags)]


def _text(value: object) -> str:
    text = str(value)[:TEXT_CHARACTERS_MAX]
    return text.encode("utf-8", "backslashreplace").decode()


def _is_true(value: object) -> bool:
    return value is True or str(value).lower() in ("1", "true", "yes", "on")
