"""A disk that is read through another one, for what changes how bytes come. Never writes."""

import builtins
import os

from tidelog.datastore.disk import Disk, Entry, StrPath


class ThroughDisk(Disk):
    """Passes on what it takes to read the logs of a run; who derives from it changes `pread`."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def is_file(self, path: StrPath) -> bool:
        """Tell whether a path leads to a file."""
        return self._disk.is_file(path)

    def real_path(self, path: StrPath) -> str:
        """Return a path without symbolic links."""
        return self._disk.real_path(path)

    def shown(self, path: StrPath) -> str:
        """Return a path as messages name it."""
        return self._disk.shown(path)

    def stat(self, path: StrPath) -> os.stat_result:
        """Return the status of a path."""
        return self._disk.stat(path)

    def list(self, path: StrPath) -> builtins.list[Entry]:
        """Return what a directory holds."""
        return self._disk.list(path)

    def open(self, path: StrPath) -> int:
        """Open a file for `pread`."""
        return self._disk.open(path)

    def size(self, fd: int) -> int:
        """Return the length of an open file in bytes."""
        return self._disk.size(fd)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        self._disk.close(fd)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read up to `size` bytes at `offset`."""
        return self._disk.pread(fd, size, offset)
