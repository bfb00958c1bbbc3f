"""A replica: a root of run directories that fills with what is uploaded to a hub or a `file://` target.

Holds nothing in memory that the disk does not say again. `ReplicaLogs` and `ReplicaFiles` change
it; here it is listed, with every digest read anew from the disk.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tidelog.datastore.append import log_id_of
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import InvalidNameError, RecordError
from tidelog.datastore.format import FILE_HEADER_BYTES, RECORDS, Chunk
from tidelog.datastore.layout import sorted_logs
from tidelog.datastore.names import check_name
from tidelog.datastore.payload import decode_records
from tidelog.datastore.places import Places
from tidelog.datastore.records import ROW
from tidelog.datastore.replica_files import ReplicaFiles, blocks
from tidelog.datastore.replica_logs import ReplicaLogs
from tidelog.datastore.scan import BLOCK_BYTES, Damage, ReadAt, Scanner, identify

MARK_BYTES = 8


class RunName(NamedTuple):
    """A run of a root: its project and its id."""

    project: str
    run: str


@dataclass(frozen=True, slots=True)
class ListedLog:
    """A log as it lies on the disk, up to the end of its last whole chunk."""

    name: str
    log_id: str
    size: int
    chunks: int
    rows: int
    sha256: str
    damage: tuple[Damage, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON says it."""
        damage = [{"offset": d.offset, "length": d.length, "chunks": d.chunks} for d in self.damage]
        return {
            "name": self.name,
            "log_id": self.log_id,
            "size": self.size,
            "chunks": self.chunks,
            "rows": self.rows,
            "sha256": self.sha256,
            "damage": damage,
        }


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as it lies on the disk: path below the run directory, bytes, SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str

    def document(self) -> dict[str, Any]:
        """Return it as JSON says it."""
        return {"path": self.path, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class RunListing:
    """All that a replica holds of a run."""

    project: str
    run: str
    logs: tuple[ListedLog, ...]
    files: tuple[ListedFile, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON says it."""
        return {
            "project": self.project,
            "run": self.run,
            "logs": [log.document() for log in self.logs],
            "files": [file.document() for file in self.files],
        }


class Replica:
    """One root: `logs` and `files` take what comes, `runs` and `listing` tell what is there."""

    def __init__(self, root: StrPath, *, disk: Disk | None = None, is_shared: bool = False) -> None:
        self._disk = disk or Disk()
        self.places = Places(root, disk=self._disk)
        self.logs = ReplicaLogs(self.places, disk=self._disk, is_shared=is_shared)
        self.files = ReplicaFiles(self.places, disk=self._disk, is_shared=is_shared)

    def __repr__(self) -> str:
        return f"<Replica in {self.places.root}>"

    def runs(self) -> Iterator[RunName]:
        """Yield every run directory that holds a log, in the order of names."""
        root = self.places.root
        if not self._disk.is_directory(root):
            return
        for project in self._directories(root):
            for run in self._directories(os.path.join(root, project)):
                names = [entry.name for entry in self._disk.list(os.path.join(root, project, run))]
                if sorted_logs(names):
                    yield RunName(project, run)

    def log_names(self, project: str, run: str) -> list[str] | None:
        """Return the names of a run's logs in reading order; None where there is no such run."""
        directory = self.places.run(project, run)
        if not self._disk.is_directory(directory):
            return None
        names = [entry.name for entry in self._disk.list(directory) if entry.is_file]
        return [str(name) for name in sorted_logs(names)]

    def list_log(self, project: str, run: str, log: str, *, end: int) -> ListedLog:
        """Return what the first `end` bytes of a log hold, each of them read again now."""
        path = self.places.log(project, run, log)
        fd = self._disk.open(path)
        try:
            return _list_log(
                log, lambda at, size: self._disk.read_at(fd, at, max(0, min(size, end - at)))
            )
        finally:
            self._disk.close(fd)

    def list_files(self, project: str, run: str) -> list[ListedFile]:
        """Return the media and files of a run, each byte of them read again now."""
        directory = self.places.run(project, run)
        files = []
        for path in self.places.held_files(project, run):
            self.places.sync_above(path)
            files.append(self._list_file(path, os.path.relpath(path, directory)))
        return files

    def shorter_logs(self, project: str, run: str, sizes: Mapping[str, int]) -> list[str]:
        """Return those of some logs that are not there, or have fewer bytes than is said; none is read.

        What was acknowledged of a log is there while it is not shorter than that: it only grows.
        """
        directory = self.places.run(project, run)
        held = set(self.log_names(project, run) or ())
        return [
            name
            for name, size in sizes.items()
            if name not in held or self._disk.stat(os.path.join(directory, name)).st_size < size
        ]

    def files_mark(self, project: str, run: str) -> str:
        """Return a text that is another one after a file of a run came, went or changed.

        Made of names, sizes and times: not one byte of the files is read.
        """
        directory = self.places.run(project, run)
        count = total = 0
        for path in self.places.held_files(project, run):
            status = self._disk.stat(path)
            name = os.path.relpath(path, directory)
            line = f"{name}\0{status.st_size}\0{status.st_mtime_ns}".encode(errors="surrogateescape")
            count += 1
            total += int.from_bytes(hashlib.sha256(line).digest()[:MARK_BYTES], "big")
        return f"{count}-{total % (1 << 8 * MARK_BYTES):0{2 * MARK_BYTES}x}"

    def listing(self, project: str, run: str) -> RunListing | None:
        """Return what is held of a run; None where there is no such run.

        An unfinished rest of a log is neither counted nor cut.
        """
        names = self.log_names(project, run)
        if names is None:
            return None
        logs = []
        for name in names:
            held = self.logs.held(project, run, name)
            if held is not None:
                logs.append(self.list_log(project, run, name, end=held.offset))
        return RunListing(project, run, tuple(logs), tuple(self.list_files(project, run)))

    def _list_file(self, path: str, name: str) -> ListedFile:
        sha256, size = hashlib.sha256(), 0
        for block in blocks(self._disk, path):
            sha256.update(block)
            size += len(block)
        return ListedFile(name, size, sha256.hexdigest())

    def _directories(self, path: str) -> Iterator[str]:
        for entry in self._disk.list(path):
            if entry.is_directory and _is_name(entry.name):
                yield entry.name


def _list_log(name: str, read_at: ReadAt) -> ListedLog:
    identity = identify(read_at, log=name)
    start = read_at(0, FILE_HEADER_BYTES)
    scanner = Scanner(read_at, identity.tag, log=name)
    chunks = rows = 0
    for chunk in scanner:
        chunks += 1
        rows += _count_rows(chunk)
    sha256, size = hashlib.sha256(), 0
    while block := read_at(size, min(BLOCK_BYTES, scanner.offset - size)):
        sha256.update(block)
        size += len(block)
    damage = list(scanner.damage)
    if identity.is_header_damaged:
        damage.insert(0, Damage(name, 0, FILE_HEADER_BYTES, 0))
    log_id = log_id_of(identity, start).hex()
    return ListedLog(name, log_id, size, chunks, rows, sha256.hexdigest(), tuple(damage))


def _count_rows(chunk: Chunk) -> int:
    if chunk.type != RECORDS:
        return 0
    try:
        return sum(record[0] == ROW for record in decode_records(chunk.payload))
    except RecordError:
        return 0


def _is_name(name: str) -> bool:
    try:
        check_name("directory", name)
    except InvalidNameError:
        return False
    return True
