"""When a file that was copied is to be copied again: it changed, it is at rest, and it is not too dear.

Pure: a file's status and the time come in.
"""

import os
from dataclasses import dataclass

PATIENCE_S = 30.0
"""So long a file that never rests is waited for; its copy may then be half of a change."""

COPYING_SHARE = 0.05
"""At most this share of the time is spent on copying one file, but for the last time."""

TICK_NS = 2_000_000_000
"""Two changes within so short a time may look the same: FAT counts two seconds, NFS servers one."""


@dataclass(frozen=True, slots=True)
class Version:
    """What a file's status says of its content."""

    inode: int
    size: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Version":
        """Return the version that a status describes."""
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)


class Copy:
    """One file in the run, and the version of its source that it was made from."""

    def __init__(
        self, version: Version, sha256: str, *, began: float, copied_at: float, cost_s: float
    ) -> None:
        """`began` is in seconds since the epoch; the others are of a clock that never goes back."""
        self.sha256 = sha256
        self._version = version
        self._was_settled = version.changed_ns + TICK_NS < began * 1e9
        self._due_at = copied_at + cost_s / COPYING_SHARE
        self._seen = version
        self._changed_at: float | None = None

    def is_due(self, version: Version, now: float) -> bool:
        """Tell whether to copy what is there now; to be asked now and then."""
        if version == self._version:
            return False
        is_at_rest, self._seen = version == self._seen, version
        if self._changed_at is None:
            self._changed_at = now
        return (is_at_rest or now - self._changed_at >= PATIENCE_S) and now >= self._due_at

    def is_stale(self, version: Version) -> bool:
        """Tell whether the source may hold anything else than the copy; to be asked at the end."""
        return version != self._version or not self._was_settled
