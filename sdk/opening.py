"""How a run begins: from the arguments of `init()` to a `Run` whose facts are in its log."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tidelog.datastore.process import pid_started
from tidelog.datastore.writer import Writer
from tidelog.sdk.as_map import as_map
from tidelog.sdk.choices import DISABLED
from tidelog.sdk.chore_list import chores_of
from tidelog.sdk.console.capture import OFF, ConsoleCapture
from tidelog.sdk.earlier import Earlier, look_back
from tidelog.sdk.exits import FAILED
from tidelog.sdk.facts.script import script_facts
from tidelog.sdk.launch import find_launch
from tidelog.sdk.monitor.start import Monitor
from tidelog.sdk.notices import Notices, say
from tidelog.sdk.ranks import find_rank
from tidelog.sdk.recording import Run
from tidelog.sdk.report import find_style, start_block
from tidelog.sdk.run_plan import Plan, as_names, make_plan
from tidelog.sdk.surroundings import Surroundings

DEFAULTS_FILE = "config-defaults.yaml"
"""wandb's name for a config in the working directory that the one of the script goes before."""

OnFinish = Callable[[Run], None]


def open_run(
    arguments: Mapping[str, Any], *, ordinal: int, around: Surroundings, on_finish: OnFinish
) -> Run:
    """Begin a run, or go on with one. Raises only for a bug of ours, which the log then says."""
    notices = Notices()
    arguments = dict(arguments)
    config = _chosen(
        arguments.pop("config", None),
        include=arguments.pop("config_include_keys", None),
        exclude=arguments.pop("config_exclude_keys", None),
    )
    plan = _plan(arguments, ordinal, around, notices)
    if plan.mode == DISABLED:
        return _disabled(plan, config, notices, around, on_finish)
    earlier = look_back(plan, disk=around.disk, notices=notices)
    writer = _open_writer(plan, around, notices)
    if writer is None:
        return _disabled(plan, config, notices, around, on_finish)
    try:
        if plan.fork_from is not None and not earlier.is_resumed:
            from tidelog.sdk.forking import copy_rows  # Few runs are forks.

            earlier = copy_rows(plan, writer, disk=around.disk, notices=notices)
        run = Run(
            plan,
            writer,
            earlier=earlier,
            notices=notices,
            disk=around.disk,
            clock=around.clock,
            on_finish=on_finish,
        )
        _begin(run, writer, plan, earlier, config, around)
    except Exception as error:
        writer.close(state="failed", exit_code=FAILED, reason=f"init() failed: {error!r}")
        raise
    return run


def _disabled(
    plan: Plan, config: object, notices: Notices, around: Surroundings, on_finish: OnFinish
) -> Run:
    run = Run(plan, None, notices=notices, disk=around.disk, clock=around.clock, on_finish=on_finish)
    run.config.update(config)
    return run


def _begin(
    run: Run, writer: Writer, plan: Plan, earlier: Earlier, config: object, around: Surroundings
) -> None:
    """Record what the run is; all that can wait is done beside training."""
    plan.facts |= {**script_facts(), "start_time": plan.start_time}
    if plan.is_name_given or not (earlier.is_resumed or plan.rank.number):
        plan.facts["name"] = plan.name
    writer.log_run(plan.facts)
    if around.disk.is_file(DEFAULTS_FILE):
        run.config.setdefaults(DEFAULTS_FILE)
    if config is not None:
        run.config.update(config, allow_val_change=plan.may_values_change or not earlier.is_resumed)
    run.lifetime.start_chores(*chores_of(run, plan, writer, around))
    if not plan.is_quiet:
        say(_start_block(plan, earlier))
    if plan.console != OFF:
        run.lifetime.start_part(
            ConsoleCapture(
                plan.console,
                writer.log_console,
                directory=plan.directory,
                log_stream=plan.rank.stream,
                notices=run.notices,
                clock=around.clock,
            )
        )
    if plan.monitor_interval_s is not None:
        run.lifetime.start_watcher(
            Monitor(
                plan.directory,
                writer.path.name,
                interval_s=plan.monitor_interval_s,
                notices=run.notices,
                disk=around.disk,
                environ=around.environ,
            )
        )


def _plan(arguments: Mapping[str, Any], ordinal: int, around: Surroundings, notices: Notices) -> Plan:
    plan = make_plan(
        arguments,
        around.settings(notices),
        rank=find_rank(around.environ),
        launch=find_launch(around.environ, parent=_parent(around)),
        ordinal=ordinal,
        now=around.clock.now(),
        entropy=around.entropy,
    )
    for kind, text in plan.notices:
        notices.tell(kind, text)
    return plan


def _parent(around: Surroundings) -> str:
    """Return what names the process that started this one, and no other of this machine's."""
    parent = os.getppid()
    return f"{parent}@{pid_started(parent, around.disk)}"


def _open_writer(plan: Plan, around: Surroundings, notices: Notices) -> Writer | None:
    try:
        return Writer(
            plan.directory,
            stream=plan.rank.stream,
            durability=plan.durability,
            disk=around.disk,
            clock=around.clock,
            on_problem=notices.tell_problem,
        )
    except OSError as error:
        notices.tell(
            "directory",
            f"{plan.directory} cannot be written ({error.strerror or error}): nothing of this run "
            "is recorded, training goes on; name a folder that can be written with "
            "TIDELOG_DIR=... or init(dir=...)",
        )
        plan.mode = DISABLED
        return None


def _chosen(config: object, *, include: object, exclude: object) -> object:
    """Return a config without the keys that are not wanted; what is no map is told later."""
    included, excluded = as_names(include), as_names(exclude)
    if not included and not excluded:
        return config
    try:
        values = as_map(config)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything; it is read, and told, again.
        values = None
    if values is None:
        return config
    wanted = included or values
    return {key: value for key, value in values.items() if key in wanted and key not in excluded}


def _start_block(plan: Plan, earlier: Earlier) -> str:
    return start_block(
        name=plan.name,
        project=plan.project,
        run_id=plan.run_id,
        mode=plan.mode,
        has_hub=plan.hub is not None,
        directory=plan.directory,
        is_resumed=earlier.is_resumed,
        style=find_style(sys.stderr, os.environ),
    )
