"""What is there of a run before it begins, for one that is resumed."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import LATEST, sorted_logs
from tidelog.datastore.summary import Summary
from tidelog.sdk.choices import AUTO, MUST, NEVER
from tidelog.sdk.notices import Notices
from tidelog.sdk.run_plan import Plan

TWINS_MAX = 1000
UNFINISHED = ("crashed", "failed")


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a run that is resumed held already; empty for a new one."""

    next_step: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    summary: Summary = field(default_factory=Summary)
    name: str | None = None
    is_resumed: bool = False


def look_back(plan: Plan, *, disk: Disk, notices: Notices) -> Earlier:
    """Return what is there of the run of a plan; the plan's id and name become those it goes on with.

    A run is resumed where its id was given, or with "auto" where the last one of its project or of its
    job did not end well; "never" takes an id beside one that is there.
    """
    if plan.is_id_shared and plan.resume is not None:
        plan.move_to(_open_id_of_job(plan, disk))
    elif plan.resume == AUTO and not plan.is_id_given:
        run_id = _last_unfinished(plan, disk)
        if run_id is None:
            return Earlier()
        plan.move_to(run_id)
    elif not plan.is_id_given:
        return Earlier()
    names = _log_names(plan.directory, disk)
    if plan.resume == NEVER and names:
        plan.move_to(_free_id(plan, disk))
        notices.tell("resume", f"the run is there already; recorded as {plan.run_id}")
        return Earlier()
    if not any(log.stream == plan.rank.stream for log in sorted_logs(names)):
        if plan.resume == MUST and not plan.rank.number:
            notices.tell(
                "resume", f"there is no run at {plan.directory} to resume: a new one begins there"
            )
        return Earlier()
    return _read_back(plan, disk=disk, notices=notices)


def _read_back(plan: Plan, *, disk: Disk, notices: Notices) -> Earlier:
    # Only a run that goes on pays for the reader.
    from tidelog.datastore.errors import DatastoreError
    from tidelog.datastore.reader import Reader

    try:
        with Reader(plan.directory, disk=disk) as reader:
            last_step = reader.last_step
            earlier = Earlier(
                next_step=0 if last_step is None else last_step + 1,
                config=reader.config,
                summary=reader.running_summary(),
                name=reader.name,
                is_resumed=True,
            )
    except (DatastoreError, OSError) as error:
        notices.tell("resume", f"{plan.directory} cannot be read ({error}): steps begin at 0 again")
        return Earlier(is_resumed=True)
    if not plan.is_name_given and earlier.name:
        plan.name = earlier.name
    return earlier


def _last_unfinished(plan: Plan, disk: Disk) -> str | None:
    """Return the id of the run that `latest` points to where it is this project's and ended badly."""
    directory = disk.real_path(os.path.join(plan.root, LATEST))
    project, run_id = os.path.split(directory)
    if os.path.basename(project) != plan.project:
        return None
    return run_id if _last_life(directory, disk)[0] in UNFINISHED else None


def _open_id_of_job(plan: Plan, disk: Disk) -> str:
    """Return the first of a job's ids whose run did not end well, or is not there.

    A job may run several scripts, one after the other or at once: who finished is done, and who still
    runs on this machine goes on by itself, unless it is another rank of the same launch.
    """
    run_id = plan.run_id
    for number in range(2, TWINS_MAX):
        state, host = _last_life(os.path.join(plan.root, plan.project, run_id), disk)
        is_another = state == "running" and host == os.uname().nodename and plan.rank.world_size == 1
        if state != "finished" and not is_another:
            break
        run_id = f"{plan.run_id}-{number}"
    return run_id


def _last_life(directory: str, disk: Disk) -> tuple[str | None, str | None]:
    """Return the state of a run and the host that it was last on; None where there is none."""
    from tidelog.datastore.errors import DatastoreError
    from tidelog.datastore.reader import Reader

    try:
        with Reader(directory, disk=disk) as reader:
            return reader.state, reader.metadata.get("host")
    except (DatastoreError, OSError):  # There is none, or nothing that could be resumed.
        return None, None


def _log_names(directory: str, disk: Disk) -> list[str]:
    try:
        return [str(log) for log in sorted_logs([entry.name for entry in disk.list(directory)])]
    except OSError:
        return []


def _free_id(plan: Plan, disk: Disk) -> str:
    for number in range(2, TWINS_MAX):
        run_id = f"{plan.run_id[:120]}-{number}"
        if not disk.is_there(os.path.join(plan.root, plan.project, run_id)):
            return run_id
    return plan.run_id
