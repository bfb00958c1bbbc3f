"""Which runs a path means: a log, a run directory, a project or a root of projects."""

import os
from pathlib import Path
from typing import NamedTuple

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import NotARunError
from tidelog.datastore.layout import FILES_DIRECTORY, MEDIA_DIRECTORY, sorted_logs
from tidelog.datastore.location import Location, locate

LEVELS = 3

LOST_AND_FOUND = "lost+found"
"""At the top of a disk, and closed to all but root: a stick of runs must not look damaged for it."""


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
    """A run directory, and the names of the logs in it in reading order.

    A directory that may not be looked into counts, without logs: whoever opens it is told why.
    """

    directory: str
    logs: list[str]


def find_run_directories(path: Path, *, disk: Disk) -> list[FoundRun]:
    """Return the run directories in a folder and in two levels below it.

    What goes away meanwhile is not there. Raises NotARunError where there is no such folder, OSError
    where that itself may not be looked into.
    """
    if not disk.is_directory(path):
        what = "is no folder" if disk.is_there(path) else "is not there"
        raise NotARunError(f"{disk.shown(path)} {what}")
    runs, level = _look_into(os.fspath(path), disk)
    for _ in range(LEVELS - 1):
        above, level = level, []
        for folder in above:
            try:
                found, below = _look_into(folder, disk)
            except _GONE:
                continue
            except OSError:
                found, below = [FoundRun(folder, [])], []
            runs += found
            level += below
    return runs


def is_gone(run: FoundRun, *, disk: Disk) -> bool:
    """Tell whether a run that was found is not there any more."""
    try:
        return not _look_into(run.directory, disk)[0]
    except _GONE:
        return True
    except OSError:
        return False


_GONE = (FileNotFoundError, NotADirectoryError)


def _look_into(folder: str, disk: Disk) -> tuple[list[FoundRun], list[str]]:
    """Return the run that a folder is, if it is one, and the folders in it that may hold runs."""
    entries = disk.list(folder)
    logs = sorted_logs([entry.name for entry in entries if entry.is_file])
    below = [
        os.path.join(folder, entry.name)
        for entry in entries
        if entry.is_directory and _may_hold_runs(entry.name, is_in_run=bool(logs))
    ]
    return ([FoundRun(folder, list(map(str, logs)))] if logs else []), below


def _may_hold_runs(folder: str, *, is_in_run: bool) -> bool:
    """What a run saved is its own, also where it looks like a log."""
    is_saved = is_in_run and folder in (MEDIA_DIRECTORY, FILES_DIRECTORY)
    return not folder.startswith(".") and folder != LOST_AND_FOUND and not is_saved
