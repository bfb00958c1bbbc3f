"""The lock file of a root that agents fill: it keeps two of them apart, and names the root.

By its name a root is known again wherever it is mounted. Where the file is gone its disk is: then
nothing is made, and nothing that was written meanwhile counts.
"""

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from tidelog.datastore.disk import Disk

LOCK_NAME = ".tidelog.lock"
ROOT_ID_BYTES = 16

_ROOT_ID = re.compile(rb"[0-9a-f]{32}")
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


class Begun(Protocol):
    """Remembers, over restarts, which targets were seen to be there."""

    def is_begun(self, target: str) -> bool:
        """Tell whether `begin` was called for a target."""

    def begin(self, target: str) -> None:
        """Remember that a target was seen to be there."""


def is_filled(root: str, disk: Disk) -> bool:
    """Tell whether a root was filled by an agent, as a stick is, and not by those who train."""
    return disk.is_file(os.path.join(root, LOCK_NAME))


def root_id_of(root: str, disk: Disk) -> str:
    """Return what names a root that was filled by an agent, "" where nothing does."""
    lock = os.path.join(root, LOCK_NAME)
    start = disk.read_start(lock, 2 * ROOT_ID_BYTES) if disk.is_file(lock) else b""
    return start.decode() if _ROOT_ID.fullmatch(start) else ""


class RootLock:
    """The lock of one root. Once it was seen, it is never made anew: its disk may be unmounted.

    `on_meet` is called with its path when this process holds it for the first time.
    """

    def __init__(
        self,
        root: str,
        target: str,
        *,
        disk: Disk,
        begun: Begun | None,
        on_meet: Callable[[str], None],
    ) -> None:
        self._root = root
        self._path = os.path.join(root, LOCK_NAME)
        self._target = target
        self._disk = disk
        self._begun = begun
        self._on_meet = on_meet
        self._is_met = False
        self.is_begun = begun is not None and begun.is_begun(target)

    def __repr__(self) -> str:
        return f"<RootLock {self._path}>"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other agents out. Raises OSError where the root is away, or was pulled out meanwhile."""
        self.refuse_away()
        fd = self._open()
        try:
            self._lock(fd)
            if not self._is_met:
                self._meet(fd)
            yield
            if not self._is_still(fd):
                # What was written last may lie in the folder below the mount.
                raise self._gone()
        finally:
            self._disk.close(fd)

    def refuse_away(self) -> None:
        """Raise OSError where the folder above the root is not there, or the root does not answer."""
        parent = os.path.dirname(self._root)
        if not self._disk.is_directory(parent):
            raise FileNotFoundError(errno.ENOENT, f"the folder {parent} is not there")
        if self._disk.is_there(self._root):
            self._disk.stat(self._root)

    def _open(self) -> int:
        """Open it, and the first time make it; of the folders above the root none is made."""
        if not self.is_begun:
            self._disk.make_directory(self._root)
            return self._disk.open_update(self._path)
        try:
            return self._disk.open(self._path)
        except FileNotFoundError as error:
            # What was uploaded is not here. The folder below a mount would take new runs, and hide them.
            raise self._gone() from error

    def _gone(self) -> FileNotFoundError:
        remedy = f"mount its disk, or begin anew with `touch {self._path}`"
        return FileNotFoundError(errno.ENOENT, f"what was uploaded is gone; {remedy}")

    def _is_still(self, fd: int) -> bool:
        """Tell whether the root is still the one whose lock is held."""
        try:
            status = self._disk.stat(self._path)
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == self._disk.identity(fd)

    def _meet(self, fd: int) -> None:
        """Name the root where nobody did, and remember that it was there."""
        if self._disk.size(fd) == 0:
            self._write_name()
        self._on_meet(self._path)
        if not self.is_begun and self._begun is not None:
            self._begun.begin(self._target)
        self.is_begun = self._is_met = True

    def _write_name(self) -> None:
        fd = self._disk.open_update(self._path)
        try:
            self._disk.pwrite(fd, os.urandom(ROOT_ID_BYTES).hex().encode(), 0)
            self._disk.fdatasync(fd)
        finally:
            self._disk.close(fd)

    def _lock(self, fd: int) -> None:
        try:
            self._disk.lock(fd)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            reason = "its file system has no locks, which keep two agents apart; carry an archive there "
            raise OSError(error.errno, f"{error.strerror}: {reason}(`syncd pack`)") from error
