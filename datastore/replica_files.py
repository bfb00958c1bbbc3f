"""The media and files of a replica: each appears whole, under its SHA-256, or not at all.

A large file grows beside its place under a name that no reader looks at, until its digest holds. One
caller per file at a time: the hub holds a lock for each.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import FileMismatchError, OffsetMismatchError, PlaceTakenError
from tidelog.datastore.layout import TEMPORARY_SUFFIX
from tidelog.datastore.places import Places, taken
from tidelog.datastore.running_digests import RunningDigests
from tidelog.datastore.same_content import SameContent

COPY_BYTES = 1024 * 1024
REMEMBERED_DIGESTS_MAX = 16_384
STAGED_DIGITS = 16
FILES_AT_ONCE = 64
"""So many small files are synced together; each has a descriptor meanwhile."""


class HeldFile(NamedTuple):
    """How many bytes a replica holds of one version of a file, and whether that is all of it."""

    offset: int
    is_complete: bool


_Version = tuple[int, int, int]
"""Inode, size and time of change: while they stay, a file's digest is not computed again."""


class ReplicaFiles:
    """The files below one root, found by project, run and path."""

    def __init__(
        self,
        places: Places,
        *,
        disk: Disk,
        is_shared: bool = False,
        remembered_max: int = REMEMBERED_DIGESTS_MAX,
    ) -> None:
        """`is_shared` says that other processes write below the root, too."""
        self._places = places
        self._disk = disk
        self._is_shared = is_shared
        self._elsewhere = SameContent()
        self._running = RunningDigests()
        self._suspect: set[str] = set()
        """Staged files of which a failed sync may have lost bytes that are still read."""
        self._remembered: OrderedDict[str, tuple[_Version, str]] = OrderedDict()
        self._remembered_max = remembered_max
        self._lock = threading.Lock()

    def missing(self, project: str, run: str, files: Iterable[tuple[str, int, str]]) -> list[str]:
        """Return the paths among `(path, size, sha256)` whose bytes are not all safely in place.

        What lies elsewhere in the project is put in place as well, unless other processes write there.
        """
        files, missing = list(files), []
        places = self._places.files(project, run, [path for path, _size, _sha256 in files])
        for place, (path, size, sha256) in zip(places, files, strict=True):
            if self._is_held(place, sha256, size=size) or self._is_linked(project, place, sha256, size):
                self._note(project, sha256, place)
            else:
                missing.append(path)
        return missing

    def put(self, project: str, run: str, files: Iterable[tuple[str, str, bytes]]) -> None:
        """Put small files `(path, sha256, bytes)` in place; they and their names are then on the disk.

        Another version in a place is replaced. Raises InvalidNameError or FileMismatchError, and nothing
        is changed, where a name is none or the bytes are not those of the digest.
        """
        files, lacking = list(files), []
        places = self._places.files(project, run, [path for path, _sha256, _data in files])
        for place, (path, sha256, data) in zip(places, files, strict=True):
            found = hashlib.sha256(data).hexdigest()
            if found != sha256:
                raise FileMismatchError(
                    f"{path} should have SHA-256 {sha256}, the {len(data)} bytes sent have {found}"
                )
            if not self._is_held(place, sha256, size=len(data)):
                lacking.append((place, data))
        for first in range(0, len(lacking), FILES_AT_ONCE):
            together = lacking[first : first + FILES_AT_ONCE]
            for place, _data in together:
                self._places.make_parent(place)
            with self._changing(*(place for place, _data in together)):
                self._disk.replace_all(together)
        for place, (_path, sha256, _data) in zip(places, files, strict=True):
            self._note(project, sha256, place)

    def held(self, project: str, run: str, path: str, *, sha256: str) -> HeldFile | None:
        """Return how much is held of the version of a file that has this digest, None for nothing."""
        place = self._places.file(project, run, path)
        if self._is_held(place, sha256):
            return HeldFile(self._disk.stat(place).st_size, is_complete=True)
        staged = _staged(place, sha256)
        if staged in self._suspect or not self._disk.is_file(staged):
            return None
        return HeldFile(self._disk.stat(staged).st_size, is_complete=False)

    def stage(self, project: str, run: str, path: str, data: bytes, *, sha256: str, offset: int) -> int:
        """Add bytes to an unfinished large file and return how much of it is there then.

        Offset 0 starts anew. Raises OffsetMismatchError where `offset` is not what is there.
        """
        place = self._places.file(project, run, path)
        staged = _staged(place, sha256)
        self._places.make_parent(place)
        with self._changing(place):
            fd = self._disk.open_update(staged)
            try:
                size = 0 if staged in self._suspect else self._disk.size(fd)
                if offset not in (0, size):
                    raise OffsetMismatchError(
                        f"{path} is held up to {size}, the request starts at {offset}: go on at {size}",
                        held=size,
                    )
                self._disk.truncate(fd, offset)
                view, at = memoryview(data), offset
                while view:
                    written = self._disk.pwrite(fd, view, at)
                    view, at = view[written:], at + written
                self._sync(fd, staged)
            finally:
                self._disk.close(fd)
        if not self._is_shared:  # Else another process may stage the same version.
            self._running.carry_on(staged, data, offset=offset)
        return at

    def _sync(self, fd: int, staged: str) -> None:
        """Sync a staged file; where that fails, the file begins anew.

        What a failed sync had to write counts as written from then on, and may be nowhere: another sync
        would succeed, and the bytes would be read until the next power cut.
        """
        try:
            self._disk.fdatasync(fd)
        except OSError:
            self._suspect.add(staged)
            self._disk.truncate(fd, 0)
            self._suspect.discard(staged)
            raise
        self._suspect.discard(staged)

    def complete(self, project: str, run: str, path: str, *, sha256: str, size: int) -> None:
        """Let a staged file appear in its place, once its size and its digest hold.

        Raises FileMismatchError where they do not; what was staged is then gone.
        """
        place = self._places.file(project, run, path)
        staged = _staged(place, sha256)
        held = self._disk.stat(staged).st_size
        found = self._running.take(staged, size=held) or _digest(self._disk, staged)
        if (held, found) != (size, sha256):
            self._disk.remove(staged)
            raise FileMismatchError(
                f"{path} should have {size} bytes and SHA-256 {sha256}, what came has {held} bytes "
                f"and {found}: send it again from 0"
            )
        with self._changing(place):
            self._disk.rename(staged, place)
        self._note(project, sha256, place)

    def read(self, project: str, run: str, path: str) -> Iterator[bytes]:
        """Yield a file in blocks. Raises FileNotFoundError where it is not held."""
        place = self._places.file(project, run, path)
        with taken(place):
            yield from blocks(self._disk, place)

    def size(self, project: str, run: str, path: str) -> int | None:
        """Return a file's size in bytes, None where it is not held."""
        place = self._places.file(project, run, path)
        return self._disk.stat(place).st_size if self._disk.is_file(place) else None

    def _is_held(self, place: str, sha256: str, *, size: int | None = None) -> bool:
        """Tell whether the bytes of this digest are in place, and there to stay."""
        if not self._disk.is_file(place):
            return False
        status = self._disk.stat(place)
        if size is not None and status.st_size != size:
            return False
        found = self._find_digest(place, (status.st_ino, status.st_size, status.st_mtime_ns))
        if found != sha256:
            return False
        # Whoever put it there synced its bytes first, but may have died before its name was synced.
        self._places.sync_above(place)
        return True

    def _is_linked(self, project: str, place: str, sha256: str, size: int) -> bool:
        """Put bytes in place that lie elsewhere in the project; tell whether that was done.

        A second name of the same bytes: nothing ever changes a file of a replica, it is only replaced.
        They are read again before they count.
        """
        with self._lock:
            source = self._elsewhere.find(project, sha256)
        if self._is_shared or source is None or source == place:
            return False
        temporary = self._disk.temporary_beside(place)
        try:
            self._places.make_parent(place)
            self._disk.link(source, temporary)
        except (OSError, PlaceTakenError):
            # Not every file system gives second names, and not to every file: then it is sent.
            return False
        try:
            held = self._disk.stat(temporary).st_size
            is_same = held == size and _digest(self._disk, temporary) == sha256
            if is_same:
                with self._changing(place):
                    self._disk.rename(temporary, place)
            return is_same
        except (OSError, PlaceTakenError):
            return False
        finally:
            self._disk.remove(temporary)

    def _note(self, project: str, sha256: str, place: str) -> None:
        with self._lock:
            self._elsewhere.note(project, sha256, place)

    def _find_digest(self, place: str, version: _Version) -> str:
        with self._lock:
            known = self._remembered.get(place)
        if known is not None and known[0] == version:
            return known[1]
        found = _digest(self._disk, place)
        with self._lock:
            self._remembered[place] = (version, found)
            if len(self._remembered) > self._remembered_max:
                self._remembered.popitem(last=False)
        return found

    @contextmanager
    def _changing(self, *places: str) -> Iterator[None]:
        with self._lock:
            for place in places:
                self._remembered.pop(place, None)
        try:
            with taken(places[0] if len(places) == 1 else None):
                yield
        except OSError:
            self._places.forget_synced()
            raise


def blocks(disk: Disk, path: StrPath) -> Iterator[bytes]:
    """Yield the bytes of a file in blocks."""
    fd = disk.open(path)
    try:
        offset = 0
        while block := disk.pread(fd, COPY_BYTES, offset):
            yield block
            offset += len(block)
    finally:
        disk.close(fd)


def _digest(disk: Disk, path: StrPath) -> str:
    sha256 = hashlib.sha256()
    for block in blocks(disk, path):
        sha256.update(block)
    return sha256.hexdigest()


def _staged(place: str, sha256: str) -> str:
    return f"{place}.{sha256[:STAGED_DIGITS]}{TEMPORARY_SUFFIX}"
