"""Runs the commands of a service manager, each to its end."""

import shlex
import subprocess
from collections.abc import Iterable

from tidelog.syncd.errors import SyncdError
from tidelog.syncd.install.manager import Command

TIMEOUT_S = 120.0
"""More than a service takes to start or to end."""


class ManagerError(SyncdError):
    """A service manager did not do what it was asked; the text has its words."""


def run_all(commands: Iterable[Command], *, is_failure_fine: bool = False) -> None:
    """Run commands one after the other. Raises ManagerError at the first that fails."""
    for command in commands:
        try:
            _run(command)
        except ManagerError:
            if not is_failure_fine:
                raise


def words_of(command: Command) -> str:
    """Return a command as a person types it."""
    return shlex.join(command)


def _run(command: Command) -> None:
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise ManagerError(
            f"there is no {command[0]} here; --print shows the unit for others"
        ) from error
    except subprocess.TimeoutExpired as error:
        text = f"`{words_of(command)}` did not end within {TIMEOUT_S:.0f} s"
        raise ManagerError(text) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise ManagerError(f"`{words_of(command)}` failed: {said}")
