"""Which runs a path on the command line means: a log, a run, a project or a root."""

import os
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import InvalidNameError, NotARunError
from tidelog.datastore.find import find_runs
from tidelog.datastore.layout import LogName
from tidelog.datastore.names import check_name
from tidelog.syncd.agent.home import logs_at_home
from tidelog.syncd.agent.task import Run


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
    logs = []
    for found in find_runs(path, disk=disk):
        if disk.is_file(found):
            if LogName.parse(found.name) is None:
                raise NotARunError(f"{found} is not a log: logs are named like main.0001.tlog")
            logs.append(SelectedLog(_run_at(str(found.parent)), found.name))
        else:
            run = _run_at(str(found))
            logs += [SelectedLog(run, name) for name in logs_at_home(run, disk)]
    return logs


def _run_at(path: str) -> Run:
    folder, name = os.path.split(path)
    try:
        project = check_name("project", os.path.basename(folder))
        return Run(path, project, check_name("run", name))
    except InvalidNameError as error:
        raise InvalidNameError(f"{path} lies where its folders give it no name: {error}") from error
