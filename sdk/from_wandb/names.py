"""Finds what answers for a name of wandb's that few scripts use; loaded with the first of them.

A name that wandb never had is an AttributeError, and to look at a name tells nobody anything.
"""

import html
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tidelog.sdk.config_mapping import Config
from tidelog.sdk.errors import CommError, ConfigError, Error, UsageError
from tidelog.sdk.facts.packages import package_version
from tidelog.sdk.from_wandb.absent import Absent, is_absent
from tidelog.sdk.from_wandb.artifact import Artifact
from tidelog.sdk.from_wandb.artifacts import (
    finish_artifact,
    link_artifact,
    link_model,
    log_artifact,
    log_model,
    use_artifact,
    use_model,
)
from tidelog.sdk.from_wandb.courtesies import (
    RunDisabled,
    Runs,
    Settings,
    finish_current,
    generate_id,
    login,
    tell_line,
)
from tidelog.sdk.from_wandb.restoring import restore
from tidelog.sdk.integration import ROOMS as CALLBACKS
from tidelog.sdk.model_watch import unwatch, watch

if TYPE_CHECKING:
    from tidelog.sdk.recording import Run

ROOMS = {
    "errors": "tidelog.sdk.errors",
    "integration": "tidelog.sdk.integration",
    "plot": "tidelog.sdk.plot",
    # Where wandb keeps what we have at the top: wandb.data_types.Table, wandb.sdk.wandb_run.Run.
    "config_util": "tidelog.sdk",
    "data_types": "tidelog.sdk",
    "lib": "tidelog.sdk",
    "runid": "tidelog.sdk",
    "sdk": "tidelog.sdk",
    "util": "tidelog.sdk",
    "wandb_run": "tidelog.sdk",
    "wandb_sdk": "tidelog.sdk",
}
"""Modules, loaded when somebody asks for them."""

ELSEWHERE = {"plot_table": "tidelog.sdk.plot"}
"""Names whose module is loaded with them."""

CONSTANTS: dict[str, object] = {
    "Artifact": Artifact,
    "CommError": CommError,
    "Config": Config,
    "ConfigError": ConfigError,
    "Error": Error,
    "RunDisabled": RunDisabled,
    "Settings": Settings,
    "UsageError": UsageError,
    "generate_id": generate_id,
}

FUNCTIONS: dict[str, Callable[..., object]] = {
    "join": finish_current,
    "login": login,
    "teardown": finish_current,
    "termerror": tell_line,
    "termlog": tell_line,
    "termwarn": tell_line,
}
"""Functions of the module; each gets the runs of this process first."""

METHODS: dict[str, Callable[..., object]] = {
    "finish_artifact": finish_artifact,
    "link_artifact": link_artifact,
    "link_model": link_model,
    "log_artifact": log_artifact,
    "log_model": log_model,
    "restore": restore,
    "unwatch": unwatch,
    "upsert_artifact": log_artifact,
    "use_artifact": use_artifact,
    "use_model": use_model,
    "watch": watch,
}
"""Methods of a run, which the module has for the current run."""

SHOWN = {"errors", "integration", "plot", *ELSEWHERE, *CONSTANTS, *METHODS}
"""Names of the module that a prompt completes."""

ASKED: dict[str, Callable[["Run"], object]] = {
    "config_static": lambda run: run.config,
    "project_url": lambda _run: None,
    "settings": lambda run: Settings(mode=run.mode, project=run.project, run_id=run.id),
    "starting_step": lambda run: run._earlier.next_step,
    "sweep_id": lambda _run: None,
    "sweep_url": lambda _run: None,
    "sync_dir": lambda run: str(run.dir),
}
"""What a run is asked for."""

ANSWERED: dict[str, Callable[["Run"], object]] = {
    "_label": lambda _run: None,  # By transformers' Trainer: which library it was.
    "display": lambda _run: False,
    "get_project_url": lambda _run: None,
    "get_sweep_url": lambda _run: None,
    "get_url": lambda run: run.url,
    "join": lambda run: run.finish(),
    "pin_config_keys": lambda _run: None,
    "project_name": lambda run: run.project,
    "status": lambda _run: SimpleNamespace(sync_items_pending=0, sync_items_total=0),
    "to_html": lambda run: f"<p>Run {html.escape(run.name)}, <code>{html.escape(str(run.dir))}</code>",
}
"""What a run answers when it is called, whatever the arguments."""


def find_name(name: str, runs: Runs) -> Any:
    """Return what the module has for `name`."""
    if name == "__version__":
        return package_version() or "0"
    if name in ROOMS:
        return import_module(ROOMS[name])
    if name in CALLBACKS:
        return getattr(import_module("tidelog.sdk.integration"), name)
    if name in ELSEWHERE:
        return getattr(import_module(ELSEWHERE[name]), name)
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in FUNCTIONS:
        return partial(FUNCTIONS[name], runs)
    if name in METHODS:
        return partial(_call_of_current, runs, name)
    if is_absent(name):
        return Absent(name, runs.notices)
    raise AttributeError(f"module 'tidelog.sdk' has no attribute {name!r}")


def find_run_name(name: str, run: "Run") -> Any:
    """Return what a run has for `name`."""
    if name in METHODS:
        return partial(METHODS[name], run)
    if name in ASKED:
        return ASKED[name](run)
    if name in ANSWERED:
        return lambda *_, **__: ANSWERED[name](run)
    raise AttributeError(f"'Run' object has no attribute {name!r}")


def _call_of_current(runs: Runs, name: str, *arguments: Any, **keywords: Any) -> Any:
    return METHODS[name](runs.find(f"{name}()"), *arguments, **keywords)
