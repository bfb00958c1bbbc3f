"""A small file of a hub's own folder, read again when it changes: other processes may write it, too.

It appears whole or not at all (0600), under a lock between those who change it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from tidelog.datastore.disk import Disk
from tidelog.syncd.errors import CannotStartError

T = TypeVar("T")


class OwnFile(Generic[T]):
    """The file at `path`; `decode` says what its bytes mean, `missing` is what none means."""

    def __init__(
        self, path: str, decode: Callable[[bytes], T], missing: T, *, lock: str, disk: Disk
    ) -> None:
        self.path = path
        self._decode = decode
        self._missing = missing
        self._lock = lock
        self._disk = disk
        # One value, not two: threads that change the file look at it, too.
        self._seen: tuple[tuple[int, int, int] | None, T] = (None, missing)

    def __repr__(self) -> str:
        return f"<OwnFile {self.path}>"

    def content(self) -> T:
        """Return what the file says now. Raises CannotStartError where it cannot be read."""
        try:
            status = self._disk.stat(self.path)
            version = (status.st_ino, status.st_size, status.st_mtime_ns)
            known, content = self._seen
            if version != known:
                content = self._decode(self._disk.read(self.path))
                self._seen = (version, content)
        except FileNotFoundError:
            return self._missing
        except OSError as error:
            raise CannotStartError(f"{self.path} cannot be read: {error.strerror}") from error
        return content

    def write(self, data: bytes) -> None:
        """Let the file be these bytes; they are on the disk on return. Inside `changing` alone."""
        self._disk.replace(self.path, data, mode=0o600)

    @contextmanager
    def changing(self) -> Iterator[T]:
        """Keep everybody else from changing the file; give what it says now."""
        self._disk.make_directory(os.path.dirname(self.path), mode=0o700)
        fd = self._disk.open_update(self._lock, mode=0o600)
        try:
            self._disk.lock(fd)
            yield self.content()
        finally:
            self._disk.close(fd)
