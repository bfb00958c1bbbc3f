"""One monitor per machine and run: a lock that the kernel gives up when its last holder has died.

It is a small file of this machine, not of the run directory, which may lie on a network and be other
machines' as well. The trainer takes it and hands it on to the monitor that it starts.
"""

import os
from collections.abc import Mapping
from typing import Self

from tidelog.datastore.disk import Disk

TRIES_MAX = 100


class MonitorLock:
    """The lock of one run on this machine, while it is held."""

    def __init__(self, path: str, fd: int, disk: Disk) -> None:
        self.path = path
        self.fd = fd
        self._disk = disk

    @classmethod
    def acquire(cls, path: str, disk: Disk) -> Self | None:
        """Take the lock, or return None where another process has it. Raises OSError."""
        for _ in range(TRIES_MAX):
            fd = disk.open_update(path, mode=0o600)
            try:
                if not disk.try_lock(fd):
                    disk.close(fd)
                    return None
                if disk.links(fd):
                    return cls(path, fd, disk)
            except BaseException:
                disk.close(fd)
                raise
            disk.close(fd)  # Its last holder removed it while we opened it: it locks nobody out.
        return None

    def release(self) -> None:
        """Give it up, and leave no file behind. Again is without effect: the file may be another's."""
        if self.fd >= 0:
            self._disk.remove(self.path)
            self.let_go()

    def let_go(self) -> None:
        """Close our descriptor; the process that it was handed on to holds it."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            self._disk.close(fd)


def lock_path(directory: str, environ: Mapping[str, str], disk: Disk) -> str:
    """Return the file of a run directory's lock, the same for every path that leads to it.

    Raises OSError where the directory is gone.
    """
    status = disk.stat(directory)
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    folder = runtime if disk.is_directory(runtime) else environ.get("TMPDIR") or "/tmp"  # noqa: S108
    # In a folder that others can write to: the file is opened through no link and is ours alone.
    name = f"tidelog-monitor-{os.getuid()}-{status.st_dev:x}-{status.st_ino:x}.lock"
    return os.path.join(folder, name)
