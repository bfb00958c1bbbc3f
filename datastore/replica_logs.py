"""The logs of a replica: appended to in whole chunks, on the disk before anyone is told.

Never decides what may be appended (`append.py` does), and never cuts a byte off a log that it is
only asked about. One caller per log at a time: the hub holds a lock for each.
"""

import contextlib
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from tidelog.datastore.append import Append, Held, judge_append, log_id_of
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import NotALogError
from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.places import Places, taken
from tidelog.datastore.scan import Scanner, identify
from tidelog.datastore.walk import find_sound_end

COPY_BYTES = 1024 * 1024
REMEMBERED_LOGS_MAX = 16_384


class HeldLog(NamedTuple):
    """How far a replica holds a log, whose it is, and the SHA-256 of the bytes up to there."""

    offset: int
    log_id: bytes
    sha256: bytes


@dataclass(slots=True)
class _Remembered:
    """What was learnt of a log by scanning it, carried on with each append.

    `sha256` is that of the first `digested` bytes: nobody who only appends asks for more of it.
    `size` is the file's, with an unfinished rest: while it stays, the file needs no other scan.
    `is_rest_suspect` is set while bytes behind `held.offset` may be in the file that no fsync vouched
    for. They are cut off before anything else, since a second fsync would call them safe.
    `left` is the file's size and time after such a failure, None where that could not be learnt.
    """

    held: Held
    size: int
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    digested: int = 0
    is_rest_suspect: bool = False
    left: tuple[int, int] | None = None


class ReplicaLogs:
    """The logs below one root, found by project, run and name.

    `is_shared` says that other processes append to it too, in turns.
    """

    def __init__(
        self,
        places: Places,
        *,
        disk: Disk,
        is_shared: bool = False,
        remembered_max: int = REMEMBERED_LOGS_MAX,
    ) -> None:
        self._places = places
        self._disk = disk
        self._is_shared = is_shared
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._remembered_max = remembered_max
        self._lock = threading.Lock()

    def held(self, project: str, run: str, log: str) -> HeldLog | None:
        """Return how far a log is held, or None where nothing of it is.

        What is told is on the disk: a crash may have left bytes that were never synced. A log that was
        not looked at before is scanned whole; an unfinished rest is not counted, and left alone.
        No byte is hashed twice, however often it is asked.
        """
        path = self._places.log(project, run, log)
        known = self._recall(path)
        if known is None:
            return None
        for block in _blocks(self._disk, path, known.digested, known.held.offset):
            known.sha256.update(block)
            known.digested += len(block)
        return HeldLog(known.held.offset, known.held.log_id, known.sha256.digest())

    def append(
        self,
        project: str,
        run: str,
        log: str,
        *,
        offset: int,
        data: bytes,
        log_id: bytes,
        damage: Iterable[tuple[int, int]] = (),
    ) -> int:
        """Append whole chunks and return how far the log is held then; all of it is on the disk.

        Bytes that are held already are passed over. Raises AppendRefusedError, and nothing is
        written, where the bytes do not continue the log; OSError, and nothing is held that was not
        before, where the disk fails.
        """
        return self.write(project, run, log, offset=offset, data=data, log_id=log_id, damage=damage)()

    def write(
        self,
        project: str,
        run: str,
        log: str,
        *,
        offset: int,
        data: bytes,
        log_id: bytes,
        damage: Iterable[tuple[int, int]] = (),
    ) -> Callable[[], int]:
        """Do the part of `append` that takes processor time; return the rest, which waits for a disk.

        Nothing is held before the rest was called, once: in any thread, but before anything else is
        asked of the log. Many of them at one time cost little more than one.
        """
        path = self._places.log(project, run, log)
        offered = Append(log, log_id, offset, data, frozenset((at, size) for at, size in damage))
        known = self._recall(path)
        differs_at = self._first_difference(path, known.held, offered) if known else None
        accepted = judge_append(known.held if known else None, offered, differs_at=differs_at)
        if known is None:
            return partial(self._create, path, accepted.held, data)
        if accepted.known == len(data):
            return partial(int, known.held.offset)
        fd = self._extend(path, known, memoryview(data)[accepted.known :])
        return partial(self._vouch, path, known, accepted.held, fd)

    def read(self, project: str, run: str, log: str, *, end: int) -> Iterator[bytes]:
        """Yield the first `end` bytes of a log in blocks; `end` is what `held` said."""
        yield from _blocks(self._disk, self._places.log(project, run, log), 0, end)

    def _recall(self, path: str) -> _Remembered | None:
        """Return what is held at `path`: from memory where the file's size agrees, else by a scan."""
        with self._lock:
            known = self._remembered.get(path)
            if known is not None:
                self._remembered.move_to_end(path)
        try:
            with taken(path):
                fd = self._disk.open(path)
                try:
                    if known is not None and known.is_rest_suspect:
                        if self._is_as_left(path, known):
                            self._cut(path, known)
                        else:
                            # Another process went on with the file: what it acknowledged must stay.
                            known = None
                    size = self._disk.size(fd)
                    if known is None or size != known.size:
                        known = self._scan(path, fd, size)
                finally:
                    self._disk.close(fd)
        except FileNotFoundError:
            known = None
        if known is None:
            self._forget(path)
        else:
            self._remember(path, known)
        return known

    def _scan(self, path: str, fd: int, size: int) -> _Remembered | None:
        """Find the end of the last whole chunk, and make sure that all before it is on the disk."""

        def read_at(offset: int, length: int) -> bytes:
            return self._disk.read_at(fd, offset, length)

        try:
            identity = identify(read_at, log=path)
        except NotALogError:
            # Not one whole chunk: nothing was ever acknowledged, the first append may replace it.
            return None
        log_id = log_id_of(identity, read_at(0, FILE_HEADER_BYTES))
        offset, seq = find_sound_end(read_at, FILE_HEADER_BYTES, 0, identity.tag)
        scanner = Scanner(read_at, identity.tag, log=path, offset=offset, seq=seq)
        for _chunk in scanner:
            pass
        self._disk.fdatasync(fd)
        self._places.sync_above(path)
        return _Remembered(Held(log_id, identity.tag, scanner.offset, scanner.seq), size)

    def _create(self, path: str, held: Held, data: bytes) -> int:
        self._places.make_parent(path)
        with self._failing_disk(), taken(path):
            self._disk.replace(path, data)
        self._remember(path, _Remembered(held, len(data)))
        return held.offset

    def _extend(self, path: str, known: _Remembered, rest: memoryview) -> int:
        """Write behind what is held and return the descriptor that is to be synced."""
        fd = self._disk.open_update(path)
        try:
            if known.size != known.held.offset:
                # What a crash left behind the last whole chunk; nobody was told of it.
                self._truncate(fd, known)
            known.is_rest_suspect = True
            with self._failing_disk(), self._undoing(path, known, fd):
                self._write(fd, rest, known.held.offset)
        except BaseException:
            self._disk.close(fd)
            raise
        return fd

    def _vouch(self, path: str, known: _Remembered, held: Held, fd: int) -> int:
        """Sync what was written: from now on it is held."""
        try:
            with self._failing_disk(), self._undoing(path, known, fd):
                self._disk.fdatasync(fd)
            known.held = held
            known.size = held.offset
            known.is_rest_suspect = False
            return held.offset
        finally:
            self._disk.close(fd)

    @contextlib.contextmanager
    def _undoing(self, path: str, known: _Remembered, fd: int) -> Iterator[None]:
        """Cut off what is not held where the disk fails at it."""
        try:
            yield
        except BaseException:
            known.left = None
            with contextlib.suppress(OSError):
                known.left = self._mark(path)
            with contextlib.suppress(OSError):
                self._truncate(fd, known)
            raise

    def _write(self, fd: int, data: memoryview, offset: int) -> None:
        while data:
            written = self._disk.pwrite(fd, data, offset)
            data, offset = data[written:], offset + written

    def _cut(self, path: str, known: _Remembered) -> None:
        fd = self._disk.open_update(path)
        try:
            self._truncate(fd, known)
        finally:
            self._disk.close(fd)

    def _is_as_left(self, path: str, known: _Remembered) -> bool:
        return not self._is_shared or known.left is None or known.left == self._mark(path)

    def _mark(self, path: str) -> tuple[int, int]:
        status = self._disk.stat(path)
        return status.st_size, status.st_mtime_ns

    def _truncate(self, fd: int, known: _Remembered) -> None:
        self._disk.truncate(fd, known.held.offset)
        known.size = known.held.offset
        known.is_rest_suspect = False

    def _first_difference(self, path: str, held: Held, offered: Append) -> int | None:
        """Return where the offered bytes stop being the ones held, None where all overlap agrees."""
        end = min(held.offset, offered.end)
        if offered.log_id != held.log_id or offered.offset >= end:
            return None
        view, at = memoryview(offered.data), 0
        for block in _blocks(self._disk, path, offered.offset, end):
            if block != view[at : at + len(block)]:
                differs = (i for i, byte in enumerate(block) if byte != view[at + i])
                return offered.offset + at + next(differs)
            at += len(block)
        return None

    def _remember(self, path: str, known: _Remembered) -> None:
        with self._lock:
            self._remembered[path] = known
            self._remembered.move_to_end(path)
            if len(self._remembered) > self._remembered_max:
                for oldest, other in self._remembered.items():
                    # One with a suspect rest is kept: to forget it would be to believe that rest.
                    if not other.is_rest_suspect and oldest != path:
                        del self._remembered[oldest]
                        break

    def _forget(self, path: str) -> None:
        with self._lock:
            self._remembered.pop(path, None)

    @contextlib.contextmanager
    def _failing_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._places.forget_synced()
            raise


def _blocks(disk: Disk, path: str, start: int, end: int) -> Iterator[bytes]:
    fd = disk.open(path)
    try:
        while start < end:
            block = disk.pread(fd, min(COPY_BYTES, end - start), start)
            if not block:
                return
            yield block
            start += len(block)
    finally:
        disk.close(fd)
