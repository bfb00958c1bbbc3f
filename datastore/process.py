"""What a log says of the process that writes it, so that a reader can tell whether it still lives."""

import os
from typing import TYPE_CHECKING, Any

from tidelog.datastore.disk import Disk

if TYPE_CHECKING:
    from tidelog.datastore.state import Machine

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def process_facts(disk: Disk) -> dict[str, Any]:
    """Return host, boot id, pid and the process's start in clock ticks since boot (Linux, proc(5))."""
    pid = os.getpid()
    return {
        "host": os.uname().nodename,
        "boot_id": boot_id(disk),
        "pid": pid,
        "pid_started": pid_started(pid, disk),
    }


def boot_id(disk: Disk) -> str | None:
    """Return what names this boot of this machine, or None where the system does not say."""
    try:
        return disk.read(BOOT_ID).decode().strip()
    except OSError:
        return None


def pid_started(pid: int, disk: Disk) -> int | None:
    """Return when a process started, in ticks since boot; None where it is gone or not told."""
    try:
        status = disk.read(f"/proc/{pid}/stat")
    except OSError:
        return None
    # The second field is the program's name in brackets and may itself hold spaces and brackets.
    fields = status[status.rindex(b")") + 2 :].split()
    if fields[0] in (b"Z", b"X"):
        return None  # A zombie writes nothing any more.
    return int(fields[19])


def is_pid_alive(pid: int) -> bool:
    """Tell whether a process with this id runs on this machine."""
    if pid <= 0:
        return False  # To `kill` these mean whole groups of processes.
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def this_machine(disk: Disk) -> "Machine":
    """Return the machine that asks, as `state.infer_state` wants to know it."""
    from tidelog.datastore.state import Machine  # Those who write never ask.

    def is_alive(pid: int, started: int | None) -> bool:
        return is_pid_alive(pid) if started is None else pid_started(pid, disk) == started

    return Machine(os.uname().nodename, boot_id(disk), is_alive)
