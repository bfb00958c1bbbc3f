"""Reads the background daemon's log over all of its parts, and goes on when it is rotated meanwhile."""

from pathlib import Path

from tidelog.datastore.disk import Disk
from tidelog.syncd.log_file import LOG_PARTS_MAX, part_of

BLOCK_BYTES = 1024 * 1024


class LogReading:
    """Gives every line once, oldest first. A context manager."""

    def __init__(self, path: Path, *, disk: Disk, parts_max: int = LOG_PARTS_MAX) -> None:
        self._path = path
        self._disk = disk
        self._parts_max = parts_max
        self._fd: int | None = None
        self._offset = 0
        self._unfinished = b""

    def __enter__(self) -> "LogReading":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the part that is being read."""
        if self._fd is not None:
            self._disk.close(self._fd)
            self._fd = None

    def new_lines(self) -> list[str]:
        """Return the lines that were written since the last call; the first gives all there are."""
        taken = self._rest()
        for fd in self._younger_parts():
            # Once a younger part is there, nothing more is written to this one.
            taken += self._rest()
            self.close()
            self._fd, self._offset = fd, 0
        taken += self._rest()
        *lines, self._unfinished = (self._unfinished + taken).split(b"\n")
        return [line.decode(errors="backslashreplace") for line in lines]

    def _younger_parts(self) -> list[int]:
        """Open the parts that came after the one that is being read, oldest first."""
        opened: dict[tuple[int, int], int] = {}
        known = None if self._fd is None else self._disk.identity(self._fd)
        for number in range(self._parts_max):
            try:
                fd = self._disk.open(part_of(self._path, number))
            except OSError:
                continue
            identity = self._disk.identity(fd)
            if identity == known or identity in opened:  # Renamed while we looked: met a second time.
                self._disk.close(fd)
            else:
                opened[identity] = fd
            if identity == known:
                break
        return list(opened.values())[::-1]

    def _rest(self) -> bytes:
        taken = bytearray()
        while self._fd is not None:
            block = self._disk.read_at(self._fd, self._offset, BLOCK_BYTES)
            if not block:
                break
            taken += block
            self._offset += len(block)
        return bytes(taken)
