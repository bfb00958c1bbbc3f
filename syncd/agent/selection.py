"""Which runs a path on the command line means: a log, a run, a project or a root."""

import os
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import InvalidNameError, NotARunError
from tidelog.datastore.layout import LogName
from tidelog.datastore.names import check_name
from tidelog.syncd.agent.plan import Run


class SelectedLog(NamedTuple):
    """A log that a command is about."""

    run: Run
    name: str


def select_logs(path: str, disk: Disk) -> list[SelectedLog]:
    """Return the logs that a path means, in order. The folder above a run names its project.

    Raises NotARunError where there is no log at or below the path, InvalidNameError where a folder's
    name can be no name of a run or project.
    """
    # Through links: `latest` is a link, and a run's place gives it its name.
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    if disk.is_file(path):
        if LogName.parse(name) is None:
            raise NotARunError(f"{path} is not a log: logs are named like main.0001.tlog")
        return [SelectedLog(_run_at(folder), name)]
    if not disk.is_directory(path):
        raise NotARunError(f"{path} is not there")
    logs = _logs_in(path, disk)
    if logs:
        return logs
    below = _folders_in(path, disk)
    logs = [log for folder in below for log in _logs_in(folder, disk)]
    if logs:
        return logs
    deeper = [folder for project in below for folder in _folders_in(project, disk)]
    logs = [log for folder in deeper for log in _logs_in(folder, disk)]
    if not logs:
        raise NotARunError(f"{path} is no run, project or root: there is no log in it")
    return logs


def _logs_in(path: str, disk: Disk) -> list[SelectedLog]:
    names = [e.name for e in disk.list(path) if e.is_file and LogName.parse(e.name) is not None]
    if not names:
        return []
    run = _run_at(path)
    return [SelectedLog(run, name) for name in names]


def _folders_in(path: str, disk: Disk) -> list[str]:
    return [
        os.path.join(path, entry.name)
        for entry in disk.list(path)
        if entry.is_directory and not entry.name.startswith(".")
    ]


def _run_at(path: str) -> Run:
    folder, name = os.path.split(path)
    try:
        project = check_name("project", os.path.basename(folder))
        return Run(path, project, check_name("run", name))
    except InvalidNameError as error:
        raise InvalidNameError(f"{path} lies where its folders give it no name: {error}") from error
