"""Uploads from Python: `sync` and `wait` call the command `syncd sync` and wait for its end."""

import os
import sys

from tidelog.sdk.notices import Notices

WHOLE = 0
TIMEOUT_S = 60.0

REASONS = {
    1: "something is parked, damaged or refused",
    2: "there is no target, no key, or no run at this path",
    3: "the target could not be reached",
}


def sync_path(
    path: str | os.PathLike[str], *, to: str | None, timeout_s: float, notices: Notices
) -> bool:
    """Upload all that is at a path, and tell whether the target has acknowledged all of it.

    `timeout_s` is how long the target may be away. Never raises: why it is not whole is told.
    """
    import subprocess

    command = [sys.executable, "-P", "-m", "tidelog.syncd", "sync"]
    try:
        command += [
            os.fspath(path),
            "--timeout",
            f"{timeout_s:g}",
            *([] if to is None else ["--to", to]),
        ]
        # What it prints on stderr, progress and reasons, is for the person who waits.
        code = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=dict(os.environ),
            check=False,
        ).returncode
    except (OSError, TypeError, ValueError) as error:
        notices.tell("sync", f"syncd could not be started ({error}); by hand: syncd sync {path}")
        return False
    if code != WHOLE:
        reason = REASONS.get(code, f"syncd ended with exit code {code}")
        notices.tell("sync", f"{path} is not uploaded whole: {reason}; try again: syncd sync {path}")
    return code == WHOLE
