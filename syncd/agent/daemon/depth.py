"""What only the disk and the state can tell of a backlog: rows of live logs, files in the queue.

Runs in threads beside the loop; what it reads for one report is bounded, and it says what it estimated.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.seen import Seen, SeenTarget
from tidelog.syncd.agent.plan.file_filter import FileFilter
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.task import LARGE_FILE, LOG, Run, Task
from tidelog.syncd.agent.upload.backlog import Backlog, sum_up
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.state import LmdbState
from tidelog.syncd.agent.upload.unsent import Unsent, count_unsent
from tidelog.syncd.bodies import FileEntry


class Depth(NamedTuple):
    """Per target: its live logs that are behind, and the files that it lacks.

    Without `are_files_exact` the amounts of files are estimated from a part of them.
    """

    unsent: Mapping[str, Mapping[Task, Unsent]]
    files: Mapping[str, Backlog]
    are_files_exact: bool


class LaggingLog(NamedTuple):
    """A live log that a target is behind with, and from where on."""

    target: str
    task: Task
    cursor: Cursor | None
    size: int


def lagging_logs(seen: Seen, state: LmdbState, *, bytes_max: int) -> list[LaggingLog]:
    """Return the live logs whose rows are to be counted, those that lack least first: most are exact.

    They are as many as lack `bytes_max` together. Of what lies on a disk that does not answer, none.
    """
    tasks = [Task(run, LOG, name) for run, name in seen.live if run.root not in seen.silent_folders]
    behind = [(t.name, task, log) for t in seen.targets for task in tasks if (log := t.behind.get(task))]
    logs = []
    for target, task, log in sorted(behind, key=lambda item: item[2].lag_bytes):
        logs.append(LaggingLog(target, task, state.cursor(target, task), log.size))
        bytes_max -= log.lag_bytes
        if bytes_max <= 0:
            break
    return logs


def count_rows(
    logs: Iterable[LaggingLog], unsent: dict[str, dict[Task, Unsent]], *, disk: Disk, bytes_max: int
) -> None:
    """Look into logs, and add what a target lacks of each to `unsent`, one after the other."""
    for target, task, cursor, size in logs:
        path = os.path.join(task.run.path, task.name)
        found, read_bytes = count_unsent(path, cursor, size, disk=disk, bytes_max=bytes_max)
        unsent[target][task] = found
        bytes_max -= read_bytes
        if bytes_max <= 0:
            return


def queued_files(
    seen: Seen, state: LmdbState, *, settings: AgentSettings
) -> tuple[dict[str, Backlog], bool]:
    """Return for each target the files that it lacks, and whether their amounts are exact."""
    queued, count = state.queued_files(settings.status_files_max)
    files: dict[str, list[tuple[Run, FileEntry]]] = defaultdict(list)
    for target, run, entry in queued:
        files[target].append((run, entry))
    backlogs = {
        target.name: _backlog(target, files[target.name], seen.files, settings)
        for target in seen.targets
    }
    if count <= len(queued):
        return backlogs, True
    # The keys are digests, so the first ones are a fair sample of the runs.
    return {name: backlog.scaled(count / len(queued)) for name, backlog in backlogs.items()}, False


def _backlog(
    target: SeenTarget,
    files: list[tuple[Run, FileEntry]],
    wanted: FileFilter,
    settings: AgentSettings,
) -> Backlog:
    def is_parked(run: Run, path: str) -> bool:
        return Task(run, LARGE_FILE, path) in target.parked

    return sum_up(
        files,
        passes=None if wanted.is_open else wanted.passes,
        is_parked=is_parked if target.parked else None,
        small_file_bytes_max=settings.small_file_bytes_max,
    )
