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

LOOKED_INTO_MAX = 100


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


class RunAbove(NamedTuple):
    """What a path is that is no root: a run or a project; and the root that it lies in."""

    what: str
    root: str
    path: str

    @property
    def advice(self) -> str:
        """Say what to watch instead."""
        return f"{on_one_line(self.path)} is {self.what}, not a root: watch {on_one_line(self.root)}"


def run_above(path: str, disk: Disk) -> RunAbove | None:
    """Tell whether a folder is a run or a project, by the logs in it or one level below."""
    if is_pattern(path) and not disk.is_directory(path):
        return None
    named, path = path, os.path.realpath(path)
    try:
        entries = disk.list(path)
        if _has_log(entries):
            return RunAbove("a run", os.path.dirname(os.path.dirname(path)), named)
        below = [os.path.join(path, entry.name) for entry in entries if entry.is_directory]
        if any(_has_log(disk.list(folder)) for folder in below[:LOOKED_INTO_MAX]):
            return RunAbove("a project", os.path.dirname(path), named)
    except OSError:
        pass  # What is not there yet, or shut, may become a root.
    return None


def _has_log(entries: Iterable[Entry]) -> bool:
    return any(entry.is_file and LogName.parse(entry.name) is not None for entry in entries)


def _run_at(path: str) -> Run:
    folder, name = os.path.split(path)
    try:
        project = check_name("project", os.path.basename(folder))
        return Run(path, project, check_name("run", name))
    except InvalidNameError as error:
        raise InvalidNameError(f"{path} lies where its folders give it no name: {error}") from error
