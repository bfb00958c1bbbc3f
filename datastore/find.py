"""Which runs a path means: a log, a run directory, a project or a root of projects."""

import os
from pathlib import Path
from typing import NamedTuple

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import NotARunError
from tidelog.datastore.layout import FILES_DIRECTORY, MEDIA_DIRECTORY, sorted_logs
from tidelog.datastore.location import Location, locate

LEVELS = 3


def find_locations(path: StrPath, *, disk: Disk | None = None) -> list[Location]:
    """Return the runs that a path or a URL means, each with the disk to read it from.

    Raises what `find_runs` and `locate` raise.
    """
    disk, start = locate(path, disk=disk)
    return [Location(disk, run) for run in find_runs(start, disk=disk)]


def find_runs(path: StrPath, *, disk: Disk | None = None) -> list[Path]:
    """Return the logs or run directories to read for a path, sorted.

    A file is returned as it is. All of the folder and two levels below it count: a log that strayed
    into a root must not hide the runs there. Raises NotARunError where there is no log in them.
    """
    disk = disk or Disk()
    path = Path(os.fspath(path))
    if disk.is_file(path):
        return [path]
    runs = [Path(run.directory) for run in find_run_directories(path, disk=disk)]
    if not runs:
        raise NotARunError(f"{disk.shown(path)} is no run, project or root: there is no log in it")
    return sorted(runs)


class FoundRun(NamedTuple):
    """A run directory, and the names of the logs in it in reading order."""

    directory: str
    logs: list[str]


def find_run_directories(path: Path, *, disk: Disk) -> list[FoundRun]:
    """Return the run directories in a folder and in two levels below it.

    Raises NotARunError where there is no such folder.
    """
    if not disk.is_directory(path):
        raise NotARunError(f"{disk.shown(path)} is not there")
    runs, level = [], [os.fspath(path)]
    for _ in range(LEVELS):
        below: list[str] = []
        for folder in level:
            entries = disk.list(folder)
            logs = sorted_logs([entry.name for entry in entries if entry.is_file])
            if logs:
                runs.append(FoundRun(folder, list(map(str, logs))))
            is_in_run = bool(logs)
            below += [
                os.path.join(folder, entry.name)
                for entry in entries
                if entry.is_directory and _may_hold_runs(entry.name, is_in_run=is_in_run)
            ]
        level = below
    return runs


def _may_hold_runs(folder: str, *, is_in_run: bool) -> bool:
    """What a run saved is its own, also where it looks like a log."""
    is_saved = is_in_run and folder in (MEDIA_DIRECTORY, FILES_DIRECTORY)
    return not folder.startswith(".") and not is_saved
