"""Which runs a path means: a log, a run directory, a project or a root of projects."""

import os
from pathlib import Path

from tidelog.datastore.disk import Disk, Entry, StrPath
from tidelog.datastore.errors import NotARunError
from tidelog.datastore.layout import FILES_DIRECTORY, MEDIA_DIRECTORY, LogName

LEVELS = 3


def find_runs(path: StrPath, *, disk: Disk | None = None) -> list[Path]:
    """Return the logs or run directories to read for a path, sorted.

    A file is returned as it is. All of the folder and two levels below it count: a log that strayed
    into a root must not hide the runs there. Raises NotARunError where there is no log in them.
    """
    disk = disk or Disk()
    path = Path(os.fspath(path))
    if disk.is_file(path):
        return [path]
    if not disk.is_directory(path):
        raise NotARunError(f"{path} is not there")
    runs, level = [], [path]
    for _ in range(LEVELS):
        below: list[Path] = []
        for folder in level:
            entries = disk.list(folder)
            is_run = any(e.is_file and LogName.parse(e.name) is not None for e in entries)
            if is_run:
                runs.append(folder)
            below += [folder / e.name for e in entries if _may_hold_runs(e, is_in_run=is_run)]
        level = below
    if not runs:
        raise NotARunError(f"{path} is no run, project or root: there is no log in it")
    return sorted(runs)


def _may_hold_runs(entry: Entry, *, is_in_run: bool) -> bool:
    """What a run saved is its own, also where it looks like a log."""
    is_saved = is_in_run and entry.name in (MEDIA_DIRECTORY, FILES_DIRECTORY)
    return entry.is_directory and not entry.name.startswith(".") and not is_saved
