"""What `init()` was asked for: arguments, settings and ranks become one plan. No I/O.

What is wrong is replaced by something that works, and said.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidelog.datastore.settings import Setting
from tidelog.datastore.writer import Durability
from tidelog.sdk.choices import (
    ALLOW,
    AUTO,
    CONSOLES,
    DISABLED,
    MUST,
    RANK_ZERO,
    RANKS,
    RESUMES,
    choose,
    choose_durability,
    choose_fork,
    choose_mode,
    choose_monitor_interval,
)
from tidelog.sdk.console.capture import WRAP
from tidelog.sdk.launch import ALONE as NO_LAUNCH
from tidelog.sdk.launch import Launch
from tidelog.sdk.naming import (
    Entropy,
    distinct_name,
    make_run_id,
    make_run_name,
    name_fault,
    safe_name,
)
from tidelog.sdk.notices import shown
from tidelog.sdk.options import Notice, merge_options
from tidelog.sdk.ranks import Rank

PROJECT_DEFAULT = "uncategorized"
ROOT_DEFAULT = "tidelog"
TEXT_CHARACTERS_MAX = 10_000


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
    hub: str | None
    start_time: float
    resume: str | None
    console: str
    monitor_interval_s: float | None
    """Seconds between two samples of the machine, None for no monitor."""
    is_quiet: bool
    is_id_given: bool
    """Whether the run may be there already."""
    is_id_shared: bool
    """Whether the id is that of a launch or a job, which may have had runs before this one."""
    is_name_given: bool
    may_values_change: bool
    saves_code: bool
    fork_from: tuple[str, int] | None
    """Id of the run whose rows up to a step this one begins with."""
    is_attached: bool = False
    """Whether the run is another process's, which decides how it ends."""
    facts: dict[str, Any] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)

    @property
    def directory(self) -> str:
        """The run directory."""
        return os.path.join(self.root, self.project, self.run_id)

    def move_to(self, run_id: str) -> None:
        """Take another id."""
        self.run_id = self.facts["id"] = run_id

    @property
    def url(self) -> str | None:
        """Where the hub, where there is one, answers for the run."""
        if self.hub is None or not self.hub.startswith(("http://", "https://")):
            return None
        from urllib.parse import quote  # Most runs are never asked for it.

        project, run_id = quote(self.project, safe=""), quote(self.run_id, safe="")
        return f"{self.hub.rstrip('/')}/v1/projects/{project}/runs/{run_id}"


def make_plan(
    arguments: Mapping[str, Any],
    settings: Mapping[str, Setting],
    *,
    rank: Rank,
    launch: Launch = NO_LAUNCH,
    ordinal: int = 1,
    now: float,
    entropy: Entropy,
) -> Plan:
    """Return the plan for `init(**arguments)`; it never raises for what a person typed.

    `ordinal` counts the runs that this process has begun without an id.
    """
    notices: list[Notice] = []
    chosen = merge_options(arguments, settings, notices)
    mode = choose_mode(chosen.get("mode"), notices, has_hub="hub" in settings)
    if choose("ranks", chosen, RANKS, notices) == RANK_ZERO and rank.number:
        mode = DISABLED
    resume = choose("resume", chosen, RESUMES, notices)
    given_id = _checked("run id", chosen.get("id") or None, notices)
    shared_id = None
    if given_id is None and (rank.world_size > 1 or resume in (ALLOW, MUST, AUTO)):
        shared_id = launch.run_id(ordinal, is_resuming=resume in (ALLOW, MUST, AUTO))
    name = _checked("run name", chosen.get("name"), notices)
    plan = Plan(
        mode=mode,
        root=_root(chosen.get("dir"), [] if mode == DISABLED else notices),
        project=_checked("project", chosen.get("project"), notices) or PROJECT_DEFAULT,
        run_id=given_id or shared_id or make_run_id(now, entropy),
        name=name or make_run_name(entropy),
        rank=rank,
        durability=choose_durability(chosen.get("durability"), notices),
        hub=settings["hub"].value if "hub" in settings else None,
        start_time=now,
        resume=resume,
        console=choose("console", chosen, CONSOLES, notices) or WRAP,
        monitor_interval_s=choose_monitor_interval(chosen.get("monitor"), notices),
        is_quiet=is_true(chosen.get("quiet")) or rank.number > 0,
        is_id_given=given_id is not None or shared_id is not None,
        is_id_shared=given_id is None and shared_id is not None,
        is_name_given=name is not None,
        may_values_change=is_true(chosen.get("allow_val_change")),
        saves_code=is_true(chosen.get("save_code")),
        fork_from=choose_fork(chosen.get("fork_from"), notices),
        notices=notices,
    )
    if rank.number and not plan.is_id_given and mode != DISABLED:
        text = (
            f"rank {rank.number} of {rank.world_size} records a run of its own; set TIDELOG_RUN_ID to "
            "the same value on all ranks to have them in one, or TIDELOG_RANKS=zero to record rank 0"
        )
        notices.append(("rank", text))
    plan.facts = _facts(plan, chosen)
    return plan


def as_names(names: object) -> list[str]:
    """Return tags or keys as a list: from a sequence, or from text with commas between them."""
    if names is None:
        return []
    if isinstance(names, str):
        return [as_text(name.strip()) for name in names.split(",") if name.strip()]
    if isinstance(names, (Sequence, set, frozenset)):
        return [as_text(name) for name in names]
    return [as_text(names)]


def as_text(value: object) -> str:
    """Return text of bounded length that is valid Unicode."""
    text = str(value)[:TEXT_CHARACTERS_MAX]
    return text.encode("utf-8", "backslashreplace").decode()


def is_true(value: object) -> bool:
    """Tell whether a flag is set, as an argument or as text of the environment."""
    return value is True or str(value).lower() in ("1", "true", "yes", "on")


def _checked(kind: str, name: object, notices: list[Notice]) -> str | None:
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


def _root(directory: object, notices: list[Notice]) -> str:
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
    for name in ("entity", "username", "group", "job_type", "notes"):
        if chosen.get(name) is not None:
            facts[name] = as_text(chosen[name])
    tags = as_names(chosen.get("tags"))
    if tags:
        facts["tags"] = tags
    if plan.rank.world_size > 1:
        facts["rank"], facts["world_size"] = plan.rank
    if plan.fork_from is not None:
        facts["fork_of"] = {"id": plan.fork_from[0], "step": plan.fork_from[1]}
    return facts
