"""One process that is not our child: whether it lives, and with which status it ended.

A process is its id and its start, so that another one that is given the same id is never taken for it.
On Linux a pidfd tells the end at once; elsewhere, and on kernels before 5.3, it is asked for.
"""

import errno
import os
import select
import struct
from typing import Self

from tidelog.datastore.disk import Disk
from tidelog.datastore.process import is_pid_alive, pid_started

# linux/pidfd.h: struct pidfd_info of its first version; PIDFD_INFO_EXIT is there since Linux 6.15.
PIDFD_INFO_BYTES = 64
PIDFD_GET_INFO = (3 << 30) | (PIDFD_INFO_BYTES << 16) | (0xFF << 8) | 11
PIDFD_INFO_EXIT = 1 << 3
MASK = struct.Struct("=Q")
EXIT_CODE = struct.Struct("=i")
EXIT_CODE_OFFSET = 60


class ProcessWatch:
    """Watches one process until it has ended. `fd`, where there is one, is readable then."""

    def __init__(self, pid: int, started: int | None, fd: int, disk: Disk) -> None:
        self.pid = pid
        self.fd = fd
        self._started = started
        self._created = _created(pid) if fd < 0 and started is None else None
        self._disk = disk

    @classmethod
    def open(cls, pid: int, started: int | None, disk: Disk) -> Self | None:
        """Return the watch of a process that runs, or None where it has ended already."""
        try:
            fd = os.pidfd_open(pid)
        except OSError as error:
            if error.errno == errno.ESRCH:
                return None
            fd = -1  # No pidfd is to be had: ENOSYS, EMFILE, or a sandbox that forbids the call.
        except AttributeError:  # Not Linux.
            fd = -1
        watch = cls(pid, started, fd, disk)
        # Only now, with a descriptor that no other process can take over.
        is_it = pid_started(pid, disk) == started if started is not None else is_pid_alive(pid)
        if not is_it:
            watch.close()
            return None
        return watch

    def has_ended(self) -> bool:
        """Tell whether it runs no more; one that is stopped or hangs still runs."""
        if self.fd >= 0:
            return _is_readable(self.fd)
        if self._started is not None:
            return pid_started(self.pid, self._disk) != self._started
        return _created(self.pid) != self._created

    def exit_status(self, *, is_last_try: bool = False) -> int | None:
        """Return the status as `wait` has it, after the end; None where the system does not tell yet.

        The kernel tells it once the parent has fetched it; of one that waits for that, a zombie, it
        says 0 to those who may not know: so 0 is believed of a zombie at the last try alone.
        """
        status = None if self.fd < 0 else _reaped_status(self.fd)
        if status is not None:
            return status
        status = zombie_status(self.pid, self._disk)
        return status if status or is_last_try else None

    def close(self) -> None:
        """Let go of it; again is without effect."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            self._disk.close(fd)


def zombie_status(pid: int, disk: Disk) -> int | None:
    """Return the status of a process that has ended and that its parent has not asked about yet."""
    try:
        return parse_zombie_status(disk.read(f"/proc/{pid}/stat"))
    except (OSError, ValueError, IndexError):
        return None


def parse_zombie_status(stat: bytes) -> int | None:
    """Return field 52 of `/proc/<pid>/stat` (proc(5)) of a zombie, None of a process that runs."""
    fields = stat[stat.rindex(b")") + 2 :].split()
    return int(fields[49]) if fields[0] in (b"Z", b"X") else None


def _reaped_status(fd: int) -> int | None:
    import fcntl

    info = bytearray(PIDFD_INFO_BYTES)
    MASK.pack_into(info, 0, PIDFD_INFO_EXIT)
    try:
        fcntl.ioctl(fd, PIDFD_GET_INFO, info)
    except OSError:
        return None  # A kernel before 6.13; one before 6.15 leaves the flag away.
    (mask,) = MASK.unpack_from(info)
    status: int = EXIT_CODE.unpack_from(info, EXIT_CODE_OFFSET)[0]
    return status if mask & PIDFD_INFO_EXIT else None


def _is_readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _created(pid: int) -> float | None:
    """Return when a process was created, None where it is gone or a zombie; for other than Linux."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None
