"""The background daemon's log: a file that never grows past a bound, however long the daemon runs.

Full, it becomes `daemon.log.1`, that one `daemon.log.2`, and the oldest goes.
"""

import logging
import os
from pathlib import Path

from tidelog.datastore.disk import Disk

LOG_NAME = "daemon.log"
LOG_BYTES_MAX = 1024 * 1024
LOG_PARTS_MAX = 3
STDOUT, STDERR = 1, 2


def part_of(path: Path, number: int) -> Path:
    """Return the name of a part of the log: 0 is the one that grows, 1 the one before."""
    return path.with_name(f"{path.name}.{number}") if number else path


class LogFile(logging.Handler):
    """Appends every event to a file, and begins a new one in time.

    What is printed past the log, such as the traceback of a crash, lands in the same file. A disk that
    is full stops nobody: once lines can be written again, the first one says how many could not.
    """

    def __init__(
        self,
        path: Path,
        *,
        disk: Disk,
        bytes_max: int = LOG_BYTES_MAX,
        parts_max: int = LOG_PARTS_MAX,
    ) -> None:
        super().__init__()
        self._path = path
        self._disk = disk
        self._bytes_max = bytes_max
        self._parts_max = parts_max
        self._lost = 0
        self._fd = disk.open_append(path, mode=0o600)

    def take_stdio(self) -> None:
        """Let what is printed on stdout and stderr land in the log, too, also after a rotation."""
        for descriptor in (STDOUT, STDERR):
            os.dup2(self._fd, descriptor)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one event."""
        try:
            line = self.format(record)
            if self._lost:
                line = f"{self._lost} lines before this one could not be written\n{line}"
            self._write(line.encode(errors="backslashreplace") + b"\n")
            self._lost = 0
        except OSError:
            self._lost += 1

    def close(self) -> None:
        """Close the file; stdout and stderr stay where they lead."""
        super().close()
        if self._fd >= 0:
            self._disk.close(self._fd)
            self._fd = -1

    def _write(self, line: bytes) -> None:
        size = self._disk.size(self._fd)
        if size and size + len(line) > self._bytes_max:
            self._move_parts()
            self._open_anew()
        elif not self._disk.links(self._fd):
            self._open_anew()  # Somebody deleted it: nobody could read what goes there.
        while line:
            line = line[self._disk.write(self._fd, line) :]

    def _move_parts(self) -> None:
        for number in range(self._parts_max - 1, 0, -1):
            younger = part_of(self._path, number - 1)
            if self._disk.is_file(younger):
                self._disk.move(younger, part_of(self._path, number))

    def _open_anew(self) -> None:
        old, self._fd = self._fd, self._disk.open_append(self._path, mode=0o600)
        for descriptor in (STDOUT, STDERR):
            if self._disk.identity(descriptor) == self._disk.identity(old):
                os.dup2(self._fd, descriptor)
        self._disk.close(old)
