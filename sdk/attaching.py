"""Another process that records in a run: a log of its own, and no say in how the run ends."""

import os
from collections.abc import Iterator

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.format import FILE_HEADER_BYTES, decode_file_header
from tidelog.datastore.layout import MAIN, sorted_logs
from tidelog.datastore.reader import Reader
from tidelog.datastore.writer import Writer
from tidelog.sdk.choices import DISABLED, OFFLINE
from tidelog.sdk.earlier import Earlier
from tidelog.sdk.notices import Notices
from tidelog.sdk.opening import OnFinish
from tidelog.sdk.ranks import ALONE
from tidelog.sdk.recording import Run
from tidelog.sdk.run_plan import Plan, make_plan
from tidelog.sdk.surroundings import Surroundings


def attach_run(
    run_id: str,
    *,
    project: str | None,
    directory: object,
    around: Surroundings,
    on_finish: OnFinish,
) -> Run:
    """Return the run as this process may record in it; one that is not there records nothing.

    Raises only for a bug of ours.
    """
    notices = Notices()
    plan = _plan(run_id, project, directory, around, notices)
    found = next(_candidates(plan, project, around.disk), None)
    if found is None:
        notices.tell(
            "attach",
            f"there is no run {run_id} below {plan.root} to attach to: nothing is recorded here; name "
            "its root with attach(..., dir=...) or TIDELOG_DIR=...",
        )
        plan.mode = DISABLED
        return Run(plan, None, notices=notices, disk=around.disk, on_finish=on_finish)
    plan.project = os.path.basename(os.path.dirname(found))
    try:
        earlier = _read_back(plan, around.disk)
        writer = Writer(
            plan.directory,
            durability=plan.durability,
            forked_from=_last_log_id(found, around.disk),
            disk=around.disk,
            clock=around.clock,
            on_problem=notices.tell_problem,
        )
    except (DatastoreError, OSError) as error:
        notices.tell("attach", f"{found} cannot be attached to ({error}): nothing is recorded here")
        plan.mode = DISABLED
        return Run(plan, None, notices=notices, disk=around.disk, on_finish=on_finish)
    return Run(
        plan,
        writer,
        earlier=earlier,
        notices=notices,
        disk=around.disk,
        clock=around.clock,
        on_finish=on_finish,
    )


def _plan(
    run_id: str, project: str | None, directory: object, around: Surroundings, notices: Notices
) -> Plan:
    arguments = {"id": run_id, "project": project, "dir": directory, "mode": OFFLINE}
    plan = make_plan(
        arguments, around.settings(notices), rank=ALONE, now=around.clock.now(), entropy=around.entropy
    )
    plan.is_attached = plan.is_quiet = True
    for kind, text in plan.notices:
        notices.tell(kind, text)
    return plan


def _candidates(plan: Plan, project: str | None, disk: Disk) -> Iterator[str]:
    """Yield directories of runs with the plan's id: in its project, or in any where none was named."""
    try:
        folders = [entry.name for entry in disk.list(plan.root) if entry.is_directory]
    except OSError:
        return
    for folder in [plan.project] if project is not None else folders:
        directory = os.path.join(plan.root, folder, plan.run_id)
        if disk.is_directory(directory):
            yield directory


def _read_back(plan: Plan, disk: Disk) -> Earlier:
    """Let the plan say what the run says, and return where its steps and config are."""
    with Reader(plan.directory, disk=disk) as reader:
        metadata, last_step = reader.metadata, reader.last_step
        plan.name = reader.name
        plan.mode = str(metadata.get("mode", OFFLINE))
        names = ("entity", "username", "group", "job_type", "notes", "tags")
        plan.facts |= {name: metadata[name] for name in names if name in metadata}
        return Earlier(
            next_step=0 if last_step is None else last_step + 1,
            config=reader.config,
            summary=reader.running_summary(),
            name=reader.name,
            is_resumed=True,
        )


def _last_log_id(directory: str, disk: Disk) -> str:
    """Return the id of the newest log of the run's main process; empty where its header is damaged."""
    names = sorted_logs([entry.name for entry in disk.list(directory)])
    main = [str(log) for log in names if log.stream == MAIN] or [str(names[-1])]
    header = decode_file_header(disk.read_start(os.path.join(directory, main[-1]), FILE_HEADER_BYTES))
    return header.log_id.hex() if header is not None else ""
