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

PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.01
STDERR_LINES_SHOWN = 3

COUNTS_DAEMONS = sys.platform == "linux"


class Outcome(NamedTuple):
    """What a command printed, and the CPU seconds of it and of everything that it started."""

    stdout: str
    cpu_s: float


class CommandError(Exception):
    """The command failed or took too long; the text says how."""


def adopt_orphans() -> None:
    """Become the process that this one's orphaned descendants are handed to."""
    if COUNTS_DAEMONS:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(
    command: Sequence[str | Path], *, environ: Mapping[str, str], folder: Path, deadline_s: float
) -> Outcome:
    """Run `command` in `folder` until it and all that it started have ended, or the deadline kills them.

    Call `adopt_orphans` once before. No other child of this process may be running.
    """
    deadline = time.monotonic() + deadline_s
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environ, cwd=folder
        )
        try:
            status, cpu_s = _reap_all(process, deadline)
        except BaseException:
            _reap_all(process, deadline=0.0)
            raise
        out.seek(0)
        err.seek(0)
        if status is None or status != 0:
            how = f"took over {deadline_s:.0f} s" if status is None else f"ended with {status}"
            last_lines = err.read().decode(errors="replace").strip().splitlines()
            raise CommandError(f"{how}: {' | '.join(last_lines[-STDERR_LINES_SHOWN:])}")
        return Outcome(out.read().decode(), cpu_s)


def _reap_all(process: subprocess.Popen[bytes], deadline: float) -> tuple[int | None, float]:
    """Return the exit status of `process`, None past the deadline, and the CPU seconds of all."""
    status, cpu_s, is_late = None, 0.0, False
    while True:
        try:
            pid, wait_status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return (None if is_late else status), cpu_s
        if pid:
            cpu_s += usage.ru_utime + usage.ru_stime
            if pid == process.pid:
                status = process.returncode = os.waitstatus_to_exitcode(wait_status)
        elif time.monotonic() > deadline:
            is_late = True
            _kill_all(process)
        else:
            time.sleep(POLL_S)


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
