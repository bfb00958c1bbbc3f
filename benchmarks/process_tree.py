"""Runs a command to its very end, helpers that went into the background included, and counts their CPU.

Linux hands orphans to the nearest "subreaper"; being one, we can wait for a peer's daemons and take
their resource usage as well. Elsewhere only the children that a peer itself waited for are counted.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.memory import resident_bytes

PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.01

TIME, MEMORY = "time", "memory"

COUNTS_DAEMONS = sys.platform == "linux"


class Outcome(NamedTuple):
    """What a command printed, and the CPU seconds of it and of everything that it started."""

    stdout: str
    cpu_s: float


class Limits(NamedTuple):
    """When, in seconds of the monotonic clock, and at which resident size a command is killed."""

    deadline: float
    rss_bytes_max: int | None


class CommandError(Exception):
    """The command failed; the text says how."""


class OverLimitError(CommandError):
    """The command took too long or too much memory and was killed."""


def adopt_orphans() -> None:
    """Become the process that this one's orphaned descendants are handed to."""
    if COUNTS_DAEMONS:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str],
    folder: Path,
    deadline_s: float,
    rss_bytes_max: int | None = None,
) -> Outcome:
    """Run `command` in `folder` until it and all that it started have ended, or a limit kills them.

    `rss_bytes_max` bounds the resident size of the command itself, as far as /proc tells. Raises
    OverLimitError where a limit was met, CommandError where the command failed.
    Call `adopt_orphans` once before. No other child of this process may be running.
    """
    limits = Limits(time.monotonic() + deadline_s, rss_bytes_max)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environ, cwd=folder
        )
        try:
            status, cpu_s, limit = _reap_all(process, limits)
        except BaseException:
            _reap_all(process, Limits(deadline=0.0, rss_bytes_max=None))
            raise
        out.seek(0)
        err.seek(0)
        if limit == TIME:
            raise OverLimitError(f"over {deadline_s:.0f} s")
        if limit == MEMORY:
            raise OverLimitError(f"over {(rss_bytes_max or 0) / 2**30:.0f} GiB of memory")
        if status != 0:
            lines = err.read().decode(errors="replace").strip().splitlines()
            raise CommandError(f"ended with {status}: {lines[-1] if lines else 'without a word'}")
        return Outcome(out.read().decode(), cpu_s)


def _reap_all(process: subprocess.Popen[bytes], limits: Limits) -> tuple[int | None, float, str]:
    """Return the exit status of `process`, the CPU seconds of all, and which limit killed them or ""."""
    status, cpu_s, limit = None, 0.0, ""
    while True:
        try:
            pid, wait_status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return status, cpu_s, limit
        if pid:
            cpu_s += usage.ru_utime + usage.ru_stime
            if pid == process.pid:
                status = process.returncode = os.waitstatus_to_exitcode(wait_status)
            continue
        if over := _limit_met(process.pid, limits):
            limit = limit or over
            _kill_all(process)
        time.sleep(POLL_S)


def _limit_met(pid: int, limits: Limits) -> str:
    if time.monotonic() > limits.deadline:
        return TIME
    is_large = limits.rss_bytes_max is not None and resident_bytes(pid) > limits.rss_bytes_max
    return MEMORY if is_large else ""


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    for pid in {process.pid, *_descendants(os.getpid())}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """Return the children of `pid`, theirs and so on, as far as /proc tells."""
    found = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in listing.read_text().split()]
    return found + [below for child in found for below in _descendants(child)]
