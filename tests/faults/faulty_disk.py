"""A disk that fails, writes short, or hangs, when a test says so; everything else is the real one."""

import errno
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.filesystems import MOUNTS

TROUBLES = (errno.ENOSPC, errno.EIO, errno.EDQUOT)


@dataclass
class Fault:
    """From its `at`-th call on, `times` calls of a method fail with `code`; None is for ever."""

    code: int
    at: int
    times: int | None
    taken: int | None = None  # A write takes so many bytes before it fails or returns short.


class FaultyDisk(Disk):
    """Counts the calls of `create`, `write`, `fdatasync`, and lets some of them fail.

    `written_again` names files that were written after a write or fdatasync of them failed.
    `on_write` is called before and after each write with the number of bytes that got through so far.
    `kind` is the type of file system that it says to be, where it is not to be that of the real one.
    """

    def __init__(self, *, kind: str = "") -> None:
        self._kind = kind
        self.calls: Counter[str] = Counter()
        self.written_again: list[str] = []
        self.on_write: Callable[[], None] | None = None
        self.is_open = threading.Event()
        self.is_open.set()
        self.is_waiting = threading.Event()
        self._hung: tuple[str, ...] = ()
        self._faults: dict[str, list[Fault]] = {"create": [], "write": [], "fdatasync": []}
        self._paths: dict[int, str] = {}
        self._failed: set[str] = set()

    def fail(self, call: str, code: int, *, at: int | None = None, times: int | None = 1) -> None:
        """Let the next call fail, or the `at`-th of all (from 1), and `times` - 1 after it."""
        self._faults[call].append(Fault(code, at or self.calls[call] + 1, times))

    def write_short(self, taken: int, *, at: int | None = None) -> None:
        """Let the next write, or the `at`-th, take only so many bytes and say so."""
        self._faults["write"].append(Fault(0, at or self.calls["write"] + 1, 1, taken))

    def heal(self) -> None:
        """Let nothing fail any more."""
        for faults in self._faults.values():
            faults.clear()

    def hang(self, *calls: str) -> None:
        """Let these calls, else fdatasync, wait until `release`; `is_waiting` is set once one does."""
        self._hung = calls or ("fdatasync",)
        self.is_waiting.clear()
        self.is_open.clear()

    def release(self) -> None:
        """Let all calls return again."""
        self.is_open.set()

    def read(self, path: StrPath) -> bytes:
        """Read a file; the table of mounts says what kind of file system this is."""
        if self._kind and os.fspath(path) == MOUNTS:
            return f"1 1 0:1 / / rw - {self._kind} none rw\n".encode()
        return super().read(path)

    def create(self, path: StrPath, *, mode: int = 0o666) -> int:
        """Create a file, or fail."""
        fault = self._next_fault("create")
        if fault is not None:
            raise OSError(fault.code, os.strerror(fault.code), os.fspath(path))
        fd = super().create(path, mode=mode)
        self._paths[fd] = os.fspath(path)
        return fd

    def write(self, fd: int, data: bytes | memoryview) -> int:  # type: ignore[override]
        """Write all, a part, or nothing."""
        self._note_write(fd)
        fault = self._next_fault("write")
        if self.on_write is not None:
            self.on_write()
        if fault is None:
            taken = os.write(fd, data)
            if self.on_write is not None:
                self.on_write()
            return taken
        self._failed.add(self._paths[fd])
        if fault.taken is not None:
            return os.write(fd, data[: fault.taken])
        raise OSError(fault.code, os.strerror(fault.code))

    def fdatasync(self, fd: int) -> None:
        """Sync, hang, or fail."""
        fault = self._next_fault("fdatasync")
        if fault is not None:
            self._failed.add(self._paths[fd])
            raise OSError(fault.code, os.strerror(fault.code))
        super().fdatasync(fd)

    def close(self, fd: int) -> None:
        """Close a descriptor; its number may come back for another file."""
        self._paths.pop(fd, None)
        super().close(fd)

    def remove(self, path: StrPath) -> None:
        """Remove a file; another of the same name is another file."""
        self._failed.discard(os.fspath(path))
        super().remove(path)

    def _note_write(self, fd: int) -> None:
        if self._paths[fd] in self._failed:
            self.written_again.append(self._paths[fd])

    def _next_fault(self, call: str) -> Fault | None:
        self.calls[call] += 1
        number = self.calls[call]
        if call in self._hung and not self.is_open.is_set():
            self.is_waiting.set()
            self.is_open.wait()
        for fault in self._faults[call]:
            if fault.at <= number and (fault.times is None or number < fault.at + fault.times):
                return fault
        return None
