"""Starts a syncd for a root, detached: it outlives training and holds nothing of it."""

import os
import sys
from collections.abc import Callable, Sequence

Wait = Callable[[], int]


def syncd_command(root: str) -> list[str]:
    """Return the command that makes sure that a syncd watches `root`.

    `-P` keeps the working directory out of the daemon's imports: a folder of runs named `tidelog` and
    a script of the user's named like a module of ours often lie in it.
    """
    return [sys.executable, "-P", "-m", "tidelog.syncd", "start", "--background", "--root", root]


def spawn_detached(command: Sequence[str], *, pass_fds: Sequence[int] = ()) -> Wait:
    """Start a process in a session of its own, with no stdio, and return what waits for its end.

    Of this process's descriptors it holds `pass_fds`, under the same numbers, and no other. Raises
    OSError where it cannot be started. The caller waits in a thread that nobody joins for long, so that
    an end leaves no zombie and training never waits.
    """
    import subprocess

    process = subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        close_fds=True,
        pass_fds=tuple(pass_fds),
        env=dict(os.environ),
    )
    return process.wait
