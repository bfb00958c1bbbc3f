"""A disk that holds the logs of one run in memory, for reading: thousands of logs a second."""

import errno
import os
from collections.abc import Mapping

from tidelog.datastore.disk import Disk, Entry, StrPath

LOG = "main.0001.tlog"
DIRECTORY = "/nowhere/mnist/r1"


class BytesDisk(Disk):
    """Holds one log, `LOG`, or those given by name; each path leads to the log of its last part.

    What it does not hold is not there, `/proc` included.
    """

    def __init__(self, logs: bytes | Mapping[str, bytes]) -> None:
        self._logs = {LOG: logs} if isinstance(logs, bytes) else dict(logs)
        self._names = list(self._logs)

    def is_file(self, path: StrPath) -> bool:
        """Tell whether it is one of the logs."""
        return os.path.basename(path) in self._logs

    def is_directory(self, path: StrPath) -> bool:
        """Tell whether it is the directory that holds them."""
        return os.fspath(path) == DIRECTORY

    def real_path(self, path: StrPath) -> str:
        """Return the path: there are no links."""
        return os.fspath(path)

    def list(self, path: StrPath) -> "list[Entry]":
        """Return the logs."""
        return [Entry(name, is_directory=False, is_file=True) for name in sorted(self._logs)]

    def stat(self, path: StrPath) -> os.stat_result:
        """Return a status that knows the size alone."""
        return os.stat_result((0, 0, 0, 1, 0, 0, len(self.read(path)), 0, 0, 0))

    def open(self, path: StrPath) -> int:
        """Return a number that stands for a log."""
        self.read(path)
        return self._names.index(os.path.basename(path))

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Return a part of a log."""
        return self._logs[self._names[fd]][offset : offset + size]

    def size(self, fd: int) -> int:
        """Return the length of a log."""
        return len(self._logs[self._names[fd]])

    def close(self, fd: int) -> None:
        """Do nothing: there is nothing open."""

    def read(self, path: StrPath) -> bytes:
        """Return a log whole."""
        try:
            return self._logs[os.path.basename(path)]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
