"""What a run holds on this machine: its logs in reading order, and the ledger of all of them."""

import hashlib
import os
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import NotALogError
from tidelog.datastore.layout import sorted_logs
from tidelog.datastore.scan import BLOCK_BYTES, Damage, Scanner, TornTail, identify
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.upload.ledger import entries_of
from tidelog.syncd.bodies import FileEntry


class LogAtHome(NamedTuple):
    """What a walk over one log gives beside its digest."""

    entries: list[FileEntry]
    tail: Damage | TornTail | None


def is_deleted(run: Run, disk: Disk) -> bool:
    """Tell whether a run is there no more; where its project is not either, a disk may be unmounted."""
    return not disk.is_there(run.path) and disk.is_directory(os.path.dirname(run.path))


def logs_at_home(run: Run, disk: Disk) -> list[str]:
    """Return the names of a run's logs in reading order."""
    names = [entry.name for entry in disk.list(run.path) if entry.is_file]
    return [str(log) for log in sorted_logs(names)]


def ledger_at_home(run: Run, disk: Disk) -> dict[str, FileEntry]:
    """Return the last entry for each path over all logs of a run."""
    entries: dict[str, FileEntry] = {}
    for name in logs_at_home(run, disk):
        entries.update((entry.path, entry) for entry in walk_log(run, name, disk).entries)
    return entries


def digest_file(path: str, disk: Disk) -> tuple[int, str]:
    """Return size and SHA-256 (hexadecimal) of a file, every byte of it read."""
    digest, size = hashlib.sha256(), 0
    fd = disk.open(path)
    try:
        while block := disk.pread(fd, BLOCK_BYTES, size):
            digest.update(block)
            size += len(block)
    finally:
        disk.close(fd)
    return size, digest.hexdigest()


def walk_log(run: Run, name: str, disk: Disk) -> LogAtHome:
    """Return the ledger of one log in its order, past any damage, and how the log ends."""
    fd = disk.open(os.path.join(run.path, name))
    try:

        def read_at(offset: int, size: int) -> bytes:
            return disk.read_at(fd, offset, size)

        try:
            identity = identify(read_at, log=name)
        except NotALogError:
            return LogAtHome([], TornTail(name, 0, disk.size(fd)))
        scanner = Scanner(read_at, identity.tag, log=name)
        entries = [entry for chunk in scanner for entry in entries_of(chunk)]
        return LogAtHome(entries, scanner.tail)
    finally:
        disk.close(fd)
