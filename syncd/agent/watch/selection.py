"""Which runs a path on the command line means: a log, a run, a project or a root."""

import os
from collections.abc import Iterable
from typing import NamedTuple

from tidelog.datastore.disk import Disk, Entry
from tidelog.datastore.errors import InvalidNameError, NotARunError
from tidelog.datastore.find import find_runs
from tidelog.datastore.layout import LogName
from tidelog.datastore.names import check_name
from tidelog.datastore.text import on_one_line
from tidelog.syncd.agent.home import logs_at_home
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.watch.roots import is_pattern

LEVELS_MAX = 4
LOOKED_INTO_MAX = 100
"""To tell a root from what is none, so many levels are looked at, and so many folders of each."""


class SelectedLog(NamedTuple):
    """A log that a command is about."""

    run: Run
    name: str


def select_logs(path: str, disk: Disk, left_out: list[str] | None = None) -> list[SelectedLog]:
    """Return the logs that a path means, in order. The folder above a run names its project.

    Where `left_out` is given, it gets why a run below the path has no name: one odd folder must not
    keep all others here. Raises NotARunError where there is no log at or below the path,
    InvalidNameError where a folder's name can be no name of a run or project.
    """
    if not path.strip():
        # It is an unset variable of a shell, and would mean the folder one happens to be in.
        raise NotARunError(f"{path!r} is no path: name one, or `.` for this folder")
    # Through links: `latest` is a link, and a run's place gives it its name.
    path = os.path.realpath(path)
    logs = []
    for found in find_runs(path, disk=disk):
        if disk.is_file(found):
            if LogName.parse(found.name) is None:
                raise NotARunError(f"{found} is not a log: logs are named like main.0001.tlog")
            logs.append(SelectedLog(_run_at(str(found.parent)), found.name))
        else:
            try:
                run = _run_at(str(found))
            except InvalidNameError as error:
                if left_out is None or str(found) == path:
                    raise
                left_out.append(f"{error}; rename it")
                continue
            logs += [SelectedLog(run, name) for name in logs_at_home(run, disk)]
    return logs


class NoRoot(NamedTuple):
    """What a path is that is no root: a run, a project, or what holds roots; and the root to watch."""

    what: str
    root: str
    path: str

    @property
    def advice(self) -> str:
        """Say what to watch instead."""
        return f"{on_one_line(self.path)} is {self.what}, not a root: watch {on_one_line(self.root)}"


def look_for_no_root(path: str, disk: Disk) -> NoRoot | None:
    """Tell whether a folder is no root, by how deep in it the first logs are: in a root, two levels.

    An empty path is no folder; whoever makes a root of it says so.
    """
    if not path.strip() or (is_pattern(path) and not disk.is_directory(path)):
        return None
    named, path = path, os.path.realpath(path)
    try:
        run = _first_run(path, disk)
    except OSError:
        return None  # What is not there yet, or shut, may become a root.
    if run is None:
        return None
    depth = run.removeprefix(path.rstrip(os.sep)).count(os.sep)
    what = ("a run", "a project", "", "the folder above a root")[depth]
    return NoRoot(what, os.path.dirname(os.path.dirname(run)), named) if what else None


def _first_run(path: str, disk: Disk) -> str | None:
    """Return a run directory as near below a folder as there is one, None where that is unsure."""
    level = [path]
    for _ in range(LEVELS_MAX):
        below: list[str] = []
        for folder in level[:LOOKED_INTO_MAX]:
            entries = disk.list(folder)
            if _has_log(entries):
                return folder
            below += [os.path.join(folder, entry.name) for entry in entries if _may_hold_runs(entry)]
        if len(level) > LOOKED_INTO_MAX:
            return None  # A nearer one may be in what was not looked into.
        level = below
    return None


def _may_hold_runs(entry: Entry) -> bool:
    return entry.is_directory and not entry.name.startswith(".")


def _has_log(entries: Iterable[Entry]) -> bool:
    return any(entry.is_file and LogName.parse(entry.name) is not None for entry in entries)


def _run_at(path: str) -> Run:
    folder, name = os.path.split(path)
    try:
        project = check_name("project", os.path.basename(folder))
        return Run(path, project, check_name("run", name))
    except InvalidNameError as error:
        raise InvalidNameError(f"{path} lies where its folders give it no name: {error}") from error
