"""The room on a hub's disk that no upload may take, so that the disk is never quite full.

A full disk cannot even take the line of the audit log that goes before a deletion. Who sends when only
the reserve is left hears 507 and waits; once there is room again, all goes on by itself.
"""

import math
import threading

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.errors import DISK_FULL, ProblemError
from tidelog.syncd.quantities import shown_amount

SHARE = 0.01
SHARE_BYTES_MAX = 10**9
FILES_SHARE = 0.001
LOOK_INTERVAL_S = 1.0


class Reserve:
    """Knows how much room is left for uploads; `keep_free_bytes` is a hundredth of the disk unless told.

    It looks at the disk once a second, and counts by itself what was let in since.
    """

    def __init__(
        self, data: StrPath, *, disk: Disk, clock: Clock, keep_free_bytes: int | None = None
    ) -> None:
        self._data = data
        self._disk = disk
        self._clock = clock
        self._keep_free_bytes = keep_free_bytes
        self._lock = threading.Lock()
        self._looked_at = -math.inf
        self._kept = self._left = 0
        self._has_names = True

    def __repr__(self) -> str:
        return f"<Reserve of {self._kept} bytes, {self._left} left above it>"

    def take(self, size: int) -> None:
        """Count `size` bytes that come now; raise 507 where they would touch the reserve."""
        with self._lock:
            now = self._clock.monotonic()
            if now - self._looked_at >= LOOK_INTERVAL_S:
                self._look()
                self._looked_at = now
            if not self._has_names:
                raise ProblemError(DISK_FULL, "the hub's file system has hardly room for another file")
            if size > self._left:
                raise ProblemError(
                    DISK_FULL,
                    f"the hub keeps the last {shown_amount(self._kept)} of its disk free, and "
                    f"{shown_amount(max(0, self._left))} above that; what was held is still held",
                )
            self._left -= size

    def _look(self) -> None:
        room = self._disk.room(self._data)
        share = min(int(room.size_bytes * SHARE), SHARE_BYTES_MAX)
        self._kept = share if self._keep_free_bytes is None else self._keep_free_bytes
        self._left = room.free_bytes - self._kept
        self._has_names = room.files == 0 or room.free_files > room.files * FILES_SHARE
