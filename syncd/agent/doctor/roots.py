"""Can a root be watched: is it there, may it be read, and does its file system tell of changes."""

from collections.abc import Iterator

from tidelog.datastore.disk import Disk
from tidelog.datastore.filesystems import filesystem_of, is_network
from tidelog.datastore.text import counted
from tidelog.syncd.agent.doctor.finding import Finding, ok, problem, warning
from tidelog.syncd.agent.watch.roots import expand

NAME = "root"
FOLDERS_MAX = 20
"""Of the folders of a pattern, so many are looked at: they lie on one disk, mostly."""


def judge_file_system(path: str, kind: str) -> Finding:
    """Say how a root on a file system of this type is watched."""
    if is_network(kind):
        return ok(
            NAME, f"{path}: on {kind}, which other machines write to; it is looked at by the clock"
        )
    return ok(NAME, f"{path}: on {kind or 'a file system of unknown type'}")


def look_at_root(root: str, disk: Disk) -> Iterator[Finding]:
    """Look at one root, or at the folders that a pattern means; it may hang where a server is away."""
    expansion = expand(root, disk)
    if expansion.folders != [root]:
        text = f"{root} means {counted(len(expansion.folders), 'folder')} now"
        yield ok(NAME, text) if expansion.problem is None else warning(NAME, text, expansion.problem)
    for folder in expansion.folders[:FOLDERS_MAX]:
        yield from _look_at_folder(folder, disk)


def _look_at_folder(path: str, disk: Disk) -> Iterator[Finding]:
    try:
        disk.list(path)
    except FileNotFoundError:
        yield warning(
            NAME,
            f"{path} is not there",
            "nothing, if the first run is still to come; mount it, or `syncd unwatch` it",
        )
        return
    except OSError as error:
        yield problem(NAME, f"{path} cannot be read: {error.strerror}", "let this account read it")
        return
    yield judge_file_system(path, filesystem_of(path, disk))
