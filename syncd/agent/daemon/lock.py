"""One daemon per state: a lock file that the kernel gives up when its holder dies."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.syncd.errors import CannotStartError

LOCK_NAME = "daemon.lock"


class Holder(NamedTuple):
    """Who has the lock: the process, and the socket that it answers on."""

    pid: int
    socket: str


class Lock:
    """A lock that is held until `release`."""

    def __init__(self, fd: int, disk: Disk) -> None:
        self._fd = fd
        self._disk = disk

    def announce(self, holder: Holder) -> None:
        """Write who holds the lock, for those who ask."""
        self._disk.truncate(self._fd, 0)
        self._disk.pwrite(self._fd, json.dumps(holder._asdict()).encode(), 0)

    def release(self) -> None:
        """Give the lock up; nobody answers any more."""
        self._disk.truncate(self._fd, 0)
        self._disk.close(self._fd)


def acquire(directory: Path, disk: Disk) -> Lock | None:
    """Take the lock of a state directory, or return None where another process has it.

    Raises CannotStartError where no lock can be made there.
    """
    try:
        disk.make_directory(directory, mode=0o700)
        fd = disk.open_update(directory / LOCK_NAME, mode=0o600)
    except OSError as error:
        raise no_state(directory, error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        disk.close(fd)
        return None
    except BaseException:
        disk.close(fd)
        raise
    return Lock(fd, disk)


def no_state(directory: Path, error: OSError) -> CannotStartError:
    """Return the error for a state folder that cannot be made or written."""
    return CannotStartError(
        f"the state cannot be kept in {directory}: {error.strerror}; set XDG_STATE_HOME to a folder "
        "that you can write"
    )


def holder_of(directory: Path, disk: Disk) -> Holder | None:
    """Return who last announced itself; whether it still lives, its socket tells.

    The lock itself is not tried: a daemon that starts at this moment would be turned away.
    """
    try:
        fields = json.loads(disk.read(directory / LOCK_NAME))
        return Holder(int(fields["pid"]), str(fields["socket"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def state_directory(environ: Mapping[str, str]) -> Path:
    """Return where the agent keeps its state, by the XDG base directory specification.

    Raises CannotStartError where that is no absolute path: daemon and commands run in different folders.
    """
    home = environ.get("HOME") or os.path.expanduser("~")
    directory = Path(environ.get("XDG_STATE_HOME") or Path(home, ".local", "state"), "tidelog")
    if not directory.is_absolute():
        raise CannotStartError(
            f"the state cannot be kept in {directory}, which is another folder wherever one stands: set "
            "HOME or XDG_STATE_HOME to an absolute path"
        )
    return directory
