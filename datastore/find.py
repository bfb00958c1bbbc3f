"""Which runs a path means: a log, a run directory, a project or a root of projects."""

import os
from pathlib import Path

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import NotARunError
from tidelog.datastore.layout import LogName


def find_runs(path: StrPath, *, disk: Disk | None = None) -> list[Path]:
    """Return the logs or run directories to read for a path, sorted.

    A file is returned as it is. Raises NotARunError where nothing is there, or no log in two levels
    of folders.
    """
    disk = disk or Disk()
    path = Path(os.fspath(path))
    if disk.is_file(path):
        return [path]
    if not disk.is_directory(path):
        raise NotARunError(f"{path} is not there")
    level = [path]
    for _ in range(3):
        runs = [folder for folder in level if _has_logs(folder, disk)]
        if runs:
            return runs
        level = [below for folder in level for below in _folders(folder, disk)]
    raise NotARunError(f"{path} is no run, project or root: there is no log in it")


def _has_logs(folder: Path, disk: Disk) -> bool:
    return any(e.is_file and LogName.parse(e.name) is not None for e in disk.list(folder))


def _folders(folder: Path, disk: Disk) -> list[Path]:
    return [folder / e.name for e in disk.list(folder) if e.is_directory and not e.name.startswith(".")]
