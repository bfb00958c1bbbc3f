"""Is the agent's memory sound: its folder, and the LMDB in it, read beside a daemon that writes it."""

import stat
from collections.abc import Iterator
from pathlib import Path

import lmdb

from tidelog.datastore.disk import Disk
from tidelog.datastore.filesystems import filesystem_of, is_network
from tidelog.datastore.text import size_text
from tidelog.syncd.agent.doctor.finding import Finding, ok, problem, warning
from tidelog.syncd.agent.upload.state import STATE_NAME
from tidelog.syncd.agent.upload.tables import DATA_NAME, open_to_read

NAME = "state"
FULL_RATIO = 0.8


def look_at_state(directory: Path, *, bytes_max: int, disk: Disk) -> Iterator[Finding]:
    """Look at the folder of the state and open what is in it for reading."""
    kind = filesystem_of(str(directory), disk)
    if is_network(kind):
        text = f"{directory} lies on a network file system ({kind}), where it would break"
        yield problem(NAME, text, "set XDG_STATE_HOME to a folder on a local disk")
        return
    there = nearest_folder(directory, disk)
    if not disk.is_writable(there):
        text = f"{directory} cannot be kept: this account cannot write to {there}"
        yield problem(NAME, text, "set XDG_STATE_HOME to a folder that it can write")
        return
    try:
        mode = stat.S_IMODE(disk.stat(directory).st_mode)
    except FileNotFoundError:
        yield ok(NAME, f"{directory} is not there yet; the first daemon makes it")
        return
    if mode & 0o077:
        text = f"{directory} is open to others (mode {mode:04o})"
        yield warning(NAME, text, f"`chmod 700 {directory}`")
    yield from _look_inside(directory / STATE_NAME, kind, bytes_max, disk)


def nearest_folder(path: Path, disk: Disk) -> Path:
    """Return the folder at a path, or the nearest one above that is there."""
    return next(folder for folder in (path, *path.parents) if disk.is_directory(folder))


def judge_size(directory: Path, size_bytes: int, kind: str, *, bytes_max: int) -> Finding:
    """Say how full the state is."""
    text = f"{directory}: sound, {size_text(size_bytes)}, on {kind or 'a file system of unknown type'}"
    if size_bytes > bytes_max * FULL_RATIO:
        remedy = "stop the daemon and delete the folder; then name again what `syncd watch` named"
        return warning(NAME, f"{text}; the limit is {size_text(bytes_max)}", remedy)
    return ok(NAME, text)


def _look_inside(path: Path, kind: str, bytes_max: int, disk: Disk) -> Iterator[Finding]:
    if not disk.is_there(path / DATA_NAME):
        yield ok(NAME, f"{path} is empty")
        return
    try:
        with (
            open_to_read(path) as environment,
            environment.begin() as transaction,
            transaction.cursor() as cursor,
        ):
            for name, _ in cursor:
                table = environment.open_db(name, transaction, create=False)
                transaction.stat(table)
    except (OSError, lmdb.Error) as error:
        remedy = f"stop the daemon and delete {path}; then name again what `syncd watch` named"
        yield problem(NAME, f"{path} cannot be opened: {error}", remedy)
        return
    yield judge_size(path.parent, disk.stat(path / DATA_NAME).st_size, kind, bytes_max=bytes_max)
