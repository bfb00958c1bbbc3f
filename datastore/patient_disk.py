"""A disk that gives what it can of a file with bad sectors: zeros for what cannot be read, and where.

Zeros are never valid in a log, so a reader finds damage there and goes on behind it.
"""

import errno

from tidelog.datastore.disk import Disk
from tidelog.datastore.through_disk import ThroughDisk

SECTOR_BYTES = 4096


class PatientDisk(ThroughDisk):
    """For reading one file through another `Disk`; `unreadable` tells where it did not answer."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self._bad: set[int] = set()

    @property
    def unreadable(self) -> list[tuple[int, int]]:
        """`(offset, length)` of each stretch of bytes that could not be read, in order."""
        stretches: list[tuple[int, int]] = []
        for start in sorted(self._bad):
            if stretches and sum(stretches[-1]) == start:
                stretches[-1] = (stretches[-1][0], stretches[-1][1] + SECTOR_BYTES)
            else:
                stretches.append((start, SECTOR_BYTES))
        return stretches

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read up to `size` bytes at `offset`, sector by sector where the disk has an error."""
        try:
            return super().pread(fd, size, offset)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        end = min(offset + size, self._disk.size(fd))
        cuts = range(offset - offset % SECTOR_BYTES, end, SECTOR_BYTES)
        return b"".join(self._sector(fd, max(cut, offset), min(cut + SECTOR_BYTES, end)) for cut in cuts)

    def _sector(self, fd: int, start: int, end: int) -> bytes:
        try:
            return self._disk.read_at(fd, start, end - start)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        self._bad.add(start - start % SECTOR_BYTES)
        return bytes(end - start)
