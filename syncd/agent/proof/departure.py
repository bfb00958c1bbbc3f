"""How a run leaves the disk: renamed aside, looked at once more, renamed again, deleted.

A kill at any moment leaves the run in its place, or a folder whose name every reader passes over. One
that was only set aside is put back by the next `sweep`, one that was to be deleted is deleted.
"""

import os
import re
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import InvalidNameError
from tidelog.datastore.names import check_name

LEAVING, DELETED = "leaving", "deleted"

_ASIDE = re.compile(rf"\.(?P<name>.+)\.[0-9a-f]{{8}}\.(?P<state>{LEAVING}|{DELETED})")


class Swept(NamedTuple):
    """What a sweep found of earlier commands: what was deleted, put back, or is in the way."""

    deleted: list[str]
    put_back: list[str]
    stuck: list[str]


def set_aside(path: str, disk: Disk) -> str:
    """Give a run directory a name that nobody looks at, and return where it is then."""
    folder, name = os.path.split(path)
    aside = os.path.join(folder, f".{name}.{os.urandom(4).hex()}.{LEAVING}")
    disk.rename(path, aside)
    return aside


def put_back(aside: str, path: str, disk: Disk) -> bool:
    """Give it its name again; False where something has taken that meanwhile."""
    if disk.is_there(path):
        return False
    disk.rename(aside, path)
    return True


def delete(aside: str, disk: Disk) -> None:
    """Delete what was set aside. Raises OSError; the next sweep then goes on."""
    doomed = f"{aside.removesuffix(LEAVING)}{DELETED}"
    disk.rename(aside, doomed)
    disk.remove_tree(doomed)
    disk.sync_directory(os.path.dirname(doomed))


def sweep(folder: str, disk: Disk, *, run: str | None = None) -> Swept:
    """Finish in one folder what earlier commands began, of all runs or of one. Raises OSError."""
    swept = Swept([], [], [])
    for entry in disk.list(folder):
        match = _ASIDE.fullmatch(entry.name)
        if match is None or not entry.is_directory or not _is_name(match["name"]):
            continue
        if run not in (None, match["name"]):
            continue
        path = os.path.join(folder, entry.name)
        if match["state"] == DELETED:
            disk.remove_tree(path)
            swept.deleted.append(path)
        elif put_back(path, os.path.join(folder, match["name"]), disk):
            swept.put_back.append(os.path.join(folder, match["name"]))
        else:
            swept.stuck.append(path)
    return swept


def _is_name(name: str) -> bool:
    try:
        check_name("run", name)
    except InvalidNameError:
        return False
    return True
