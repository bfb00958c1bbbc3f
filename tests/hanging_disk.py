"""A disk of which a part does not answer, as where a file server is away."""

import os
import threading

from tidelog.datastore.disk import Disk, Entry, StrPath


class HangingDisk(Disk):
    """Lets every call about a folder, or about a file that was opened in it, wait while it hangs."""

    def __init__(self, folder: StrPath) -> None:
        self._folder = os.fspath(folder)
        self._answers = threading.Event()
        self._answers.set()
        self._opened: set[int] = set()
        self._lock = threading.Lock()
        self.waiting = 0
        """How many calls wait at this moment."""

    def hang(self) -> None:
        self._answers.clear()

    def answer(self) -> None:
        self._answers.set()

    def stat(self, path: StrPath) -> os.stat_result:
        self._wait(path)
        return super().stat(path)

    def list(self, path: StrPath) -> list[Entry]:
        self._wait(path)
        return super().list(path)

    def real_path(self, path: StrPath) -> str:
        self._wait(path)
        return super().real_path(path)

    def open(self, path: StrPath) -> int:
        self._wait(path)
        fd = super().open(path)
        if self._is_below(path):
            self._opened.add(fd)
        return fd

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        if fd in self._opened:
            self._wait(self._folder)
        return super().pread(fd, size, offset)

    def close(self, fd: int) -> None:
        self._opened.discard(fd)
        super().close(fd)

    def _is_below(self, path: StrPath) -> bool:
        return os.fspath(path).startswith(self._folder)

    def _wait(self, path: StrPath) -> None:
        if self._is_below(path) and not self._answers.is_set():
            with self._lock:
                self.waiting += 1
            self._answers.wait()
            with self._lock:
                self.waiting -= 1
