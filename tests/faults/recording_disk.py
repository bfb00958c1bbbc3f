"""A disk that does the real thing, or fails as it is told, and keeps what was done in one order.

What it keeps are the changes that ALICE traces (Pillai et al., "All File Systems Are Not Created
Equal", OSDI 2014): names that come and go, bytes, lengths, and the syncs that make them last; and
between them what the program had promised to its caller by then.
"""

import itertools
import os
import threading
from dataclasses import dataclass
from typing import Literal

from faults.faulty_disk import FaultyDisk

from tidelog.datastore.disk import StrPath

Level = Literal["process", "power"]
"""What a promise survives: the death of the process, or a power cut as well."""

DIRECTORY = -1
"""Stands for a directory where else the number of a file stands."""


@dataclass(frozen=True, slots=True)
class Named:
    """Names in one directory changed in one step: each now leads to a file, or to None."""

    directory: str
    names: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes of a file changed."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncated:
    """A file has another length."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    """What was written to a file in the calls up to number `before` is on the disk."""

    file: int
    before: int


@dataclass(frozen=True, slots=True)
class SyncFailed:
    """Nobody knows what of a file is on the disk: the kernel may have dropped what was not written."""

    file: int


@dataclass(frozen=True, slots=True)
class DirectorySynced:
    """The names in a directory are on the disk as they were before call number `before`."""

    directory: str
    before: int


@dataclass(frozen=True, slots=True)
class RowsPromised:
    """The first `count` rows are there whatever comes."""

    level: Level
    count: int


@dataclass(frozen=True, slots=True)
class FilePromised:
    """The file holds these bytes, or later ones of the same name, whatever comes."""

    level: Level
    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class LogPromised:
    """The log begins with these bytes, whatever comes."""

    level: Level
    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class EndPromised:
    """The run reads as finished."""

    level: Level


Change = Named | Written | Truncated
Promise = RowsPromised | FilePromised | LogPromised | EndPromised
Call = Change | Synced | SyncFailed | DirectorySynced | Promise


class RecordingDisk(FaultyDisk):
    """Records in `calls_made` what happens below `root`; paths in there are relative to it.

    The root itself is "". What no log and no saved file needs (writing at an offset, links) is refused.
    """

    def __init__(self, root: StrPath) -> None:
        super().__init__()
        self.calls_made: list[Call] = []
        self._root = os.path.abspath(root)
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._names: dict[str, int] = {}
        self._files: dict[int, tuple[int, int]] = {}  # By descriptor: the file and its length.

    def promise(self, promise: Promise) -> None:
        """Note what the program has just promised."""
        self._record(promise)

    # -- files -----------------------------------------------------------------------------------

    def create(self, path: StrPath, *, mode: int = 0o666) -> int:
        """Create a file."""
        with self._lock:
            fd = super().create(path, mode=mode)
            file = next(self._numbers)
            self._files[fd] = file, 0
            self._name(path, file)
            return fd

    def write(self, fd: int, data: bytes | memoryview) -> int:  # type: ignore[override]
        """Append; what is kept is what was taken."""
        with self._lock:
            taken = super().write(fd, data)
            file, offset = self._files[fd]
            self._files[fd] = file, offset + taken
            self.calls_made.append(Written(file, offset, bytes(data[:taken])))
            return taken

    def fdatasync(self, fd: int) -> None:
        """Sync; other calls may come while it works, and are not part of it."""
        with self._lock:
            file, before = self._files[fd][0], len(self.calls_made)
        try:
            super().fdatasync(fd)
        except OSError:
            self._record(SyncFailed(file))
            raise
        self._record(Synced(file, before))

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        with self._lock:
            self._files.pop(fd, None)
            super().close(fd)

    # -- names -----------------------------------------------------------------------------------

    def move(self, source: StrPath, target: StrPath) -> None:
        """Rename within one directory."""
        with self._lock:
            super().move(source, target)
            old, new = self._relative(source), self._relative(target)
            directory = os.path.dirname(old)
            assert directory == os.path.dirname(new), "only within one directory is a rename atomic"
            self._names[new] = file = self._names.pop(old)
            names = ((os.path.basename(old), None), (os.path.basename(new), file))
            self._record(Named(directory, names))

    def remove(self, path: StrPath) -> None:
        """Remove a file."""
        with self._lock:
            was_there = self.is_there(path)
            super().remove(path)
            if was_there:
                self._name(path, None)

    def mkdir(self, path: StrPath, *, mode: int = 0o777) -> None:
        """Make one directory."""
        with self._lock:
            super().mkdir(path, mode=mode)
            self._name(path, DIRECTORY)

    def sync_directory(self, path: StrPath) -> None:
        """Sync the names in a directory."""
        with self._lock:
            before = len(self.calls_made)
        super().sync_directory(path)
        if os.path.abspath(path).startswith(self._root):
            self._record(DirectorySynced(self._relative(path), before))

    # -- what would go by unrecorded -------------------------------------------------------------

    def open_update(self, path: StrPath, *, mode: int = 0o666) -> int:
        """Refuse."""
        raise NotImplementedError("no crash state is made of writes at an offset yet")

    def open_append(self, path: StrPath, *, mode: int = 0o666) -> int:
        """Refuse."""
        raise NotImplementedError("no crash state is made of files that are opened again yet")

    def symlink(self, target: str, path: StrPath) -> None:
        """Refuse."""
        raise NotImplementedError("no crash state is made of links yet")

    # -- how it is kept --------------------------------------------------------------------------

    def _record(self, call: Call) -> None:
        with self._lock:
            self.calls_made.append(call)

    def _name(self, path: StrPath, file: int | None) -> None:
        path = self._relative(path)
        if file is None:
            self._names.pop(path)
        else:
            self._names[path] = file
        self._record(Named(os.path.dirname(path), ((os.path.basename(path), file),)))

    def _relative(self, path: StrPath) -> str:
        relative = os.path.relpath(path, self._root)
        return "" if relative == os.curdir else relative
