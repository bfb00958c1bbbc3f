"""How a process ended that did not say so itself: its exit code, and the reason in words. Pure."""

import os
import signal
from typing import NamedTuple

from tidelog.datastore.text import size_text

REASONS = {
    "SIGKILL": "kill -9, or a scheduler's time or memory limit; no kill by the OOM killer was counted",
    "SIGTERM": "somebody or a scheduler asked it to end",
    "SIGINT": "Ctrl-C",
    "SIGHUP": "its terminal or connection was closed",
    "SIGSEGV": "a crash in native code: faulthandler (python -X faulthandler) shows where",
    "SIGBUS": "a crash in native code, or a mapped file that was cut or found no room, such as /dev/shm",
    "SIGABRT": "native code gave up: its message is on stderr",
    "SIGFPE": "a crash in native code",
    "SIGILL": "native code that this processor does not have",
    "SIGXCPU": "its limit of processor time was reached",
    "SIGXFSZ": "its limit for the size of a file was reached",
    "SIGPIPE": "what read its output was gone",
}


class Death(NamedTuple):
    """`code` is the exit code, -N for a process that signal N ended, None where nobody knows."""

    code: int | None
    reason: str


class Oom(NamedTuple):
    """What the kernel says of memory at that time: kills by the OOM killer, and the cgroup's limit."""

    kills: int = 0
    limit_bytes: int | None = None
    is_of_machine: bool = False
    """The kills were counted for the whole machine: no counter of the process's own cgroup is there."""


def explain_death(status: int | None, oom: Oom) -> Death:
    """Return code and reason from a status as `wait` has it, None where the system does not tell."""
    if status is None:
        if oom.kills:
            return Death(None, f"probably the OOM killer: {_oom_reason(oom)}")
        return Death(None, "it ended without finish(); this system does not tell others how")
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL and oom.kills:
        who = "killed by SIGKILL, probably the OOM killer" if oom.is_of_machine else "the OOM killer"
        return Death(code, f"{who}: {_oom_reason(oom)}")
    if code < 0:
        name = _signal_name(-code)
        return Death(code, f"killed by {name}" + (f": {REASONS[name]}" if name in REASONS else ""))
    return Death(code, f"exit code {code} without finish(): os._exit(), or an end that runs no atexit")


def _oom_reason(oom: Oom) -> str:
    if oom.is_of_machine:
        return "the machine was out of memory, and the kernel killed a process at that time"
    if oom.limit_bytes is None:
        return "the machine was out of memory"
    return f"the memory limit of the cgroup, {size_text(oom.limit_bytes)}, was reached"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # A real-time signal.
