"""A disk on which others are at work: directories go away, or are closed, just before they are read."""

import errno
import os
import shutil
from collections import Counter

from tidelog.datastore.disk import Disk, Entry, StrPath


class ClosedDisk(Disk):
    """One directory of it may not be listed, as others' directories may not; root may list any."""

    def __init__(self, closed: StrPath) -> None:
        self._closed = os.fspath(closed)

    def list(self, path: StrPath) -> list[Entry]:
        if os.fspath(path) == self._closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self._closed)
        return super().list(path)


class VanishingDisk(Disk):
    """Removes `gone` just before the `at`-th `call` ("list", "stat" or "open") of it or in it."""

    def __init__(self, gone: StrPath, call: str, *, at: int = 1) -> None:
        self._gone = os.fspath(gone)
        self._call = (call, at)
        self._calls: Counter[str] = Counter()

    def list(self, path: StrPath) -> list[Entry]:
        self._meet("list", path)
        return super().list(path)

    def stat(self, path: StrPath) -> os.stat_result:
        self._meet("stat", path)
        return super().stat(path)

    def open(self, path: StrPath) -> int:
        self._meet("open", path)
        return super().open(path)

    def _meet(self, call: str, path: StrPath) -> None:
        if os.fspath(path).startswith(self._gone):
            self._calls[call] += 1
            if (call, self._calls[call]) == self._call:
                shutil.rmtree(self._gone)
