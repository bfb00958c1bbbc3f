"""A disk in memory to read from: the files that a crash, or a bad disk, has left."""

import errno
import os
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from tidelog.datastore.disk import Disk, Entry, StrPath

LOG = "main.0001.tlog"


class MemoryDisk(Disk):
    """Answers all that a reader asks. It knows no process and no boot id, so nobody is alive.

    `files` are bytes by path and may change while they are open; `directories` are those that are
    there besides the ones that hold a file.
    """

    def __init__(self, files: Mapping[str, bytes], directories: frozenset[str] = frozenset()) -> None:
        self.files = dict(files)
        self.directories = directories
        self._opened: list[str] = []

    @classmethod
    def of_log(cls, data: bytes) -> "MemoryDisk":
        """Return a disk that holds one log."""
        return cls({LOG: data})

    def open(self, path: StrPath) -> int:
        """Open a file."""
        self.read(path)
        self._opened.append(os.fspath(path))
        return len(self._opened) - 1

    def close(self, fd: int) -> None:
        """Close nothing: no number is given twice."""

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Return a part of a file."""
        return self.files[self._opened[fd]][offset : offset + size]

    def read_at(self, fd: int, offset: int, size: int) -> bytes:
        """Return a part of a file; one `pread` gives all there is."""
        return self.pread(fd, size, offset)

    def size(self, fd: int) -> int:
        """Return the length of an open file."""
        return len(self.files[self._opened[fd]])

    def read(self, path: StrPath) -> bytes:
        """Return a whole file."""
        try:
            return self.files[os.fspath(path)]
        except KeyError:
            raise _not_there(path) from None

    def stat(self, path: StrPath) -> Any:
        """Return the length of a file, and nothing else."""
        return SimpleNamespace(st_size=len(self.read(path)))

    def real_path(self, path: StrPath) -> str:
        """Return the path: there are no links."""
        return os.fspath(path)

    def is_file(self, path: StrPath) -> bool:
        """Tell whether there is a file."""
        return os.fspath(path) in self.files

    def is_directory(self, path: StrPath) -> bool:
        """Tell whether there is a directory."""
        path = os.fspath(path)
        return path in self.directories or any(file.startswith(path + os.sep) for file in self.files)

    def list(self, path: StrPath) -> list[Entry]:
        """Return what a directory holds, sorted by name."""
        if not self.is_directory(path):
            raise _not_there(path)
        start = os.fspath(path) + os.sep
        below = [*self.files, *self.directories]
        names = sorted({name[len(start) :].split(os.sep)[0] for name in below if name.startswith(start)})
        return [
            Entry(name, not self.is_file(start + name), self.is_file(start + name)) for name in names
        ]


def _not_there(path: StrPath) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
