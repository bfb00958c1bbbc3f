"""The target `file://`: another root, on this machine or on what is mounted here.

The rules are the hub's own (`tidelog.datastore.replica`); a lock file keeps two agents apart.
"""

import asyncio
import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError, DifferentLogError, OffsetMismatchError
from tidelog.datastore.replica import Replica
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError
from tidelog.syncd.agent.target.contract import FileContents, HeldLog, LogContents, Piece, RunContents
from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import FileEntry, SmallFile

LOCK_NAME = ".tidelog.lock"

Answer = TypeVar("Answer")


class Begun(Protocol):
    """Remembers, over restarts, which targets were seen to be there."""

    def is_begun(self, target: str) -> bool:
        """Tell whether `begin` was called for a target."""

    def begin(self, target: str) -> None:
        """Remember that a target was seen to be there."""


class RootTarget:
    """Another root as a target. Once it was seen, it is never made anew: its disk may be unmounted."""

    def __init__(self, name: str, path: str, *, disk: Disk, begun: Begun | None = None) -> None:
        self.name = name
        self._path = path
        self._disk = disk
        self._begun = begun
        self._is_begun = begun is not None and begun.is_begun(name)
        self._replica = Replica(path, disk=disk, is_shared=True)

    def __repr__(self) -> str:
        return f"<RootTarget {self.name}>"

    async def held_log(self, run: Run, log: str) -> HeldLog | None:
        """Return how far a log is held under this name."""

        def held() -> HeldLog | None:
            if not self._is_begun and not self._disk.is_directory(self._path):
                return None
            # A rest that our own failed append left is cut here, so no one else may be appending.
            with self._locked():
                return self._replica.logs.held(run.project, run.name, log)

        return await self._do(held)

    async def append(self, run: Run, log: str, piece: Piece) -> int:
        """Append to a log; return how far it is held then."""

        def append() -> int:
            with self._locked():
                return self._replica.logs.append(
                    run.project,
                    run.name,
                    log,
                    offset=piece.offset,
                    data=piece.data,
                    log_id=piece.log_id,
                    damage=piece.damage,
                )

        return await self._do(append)

    async def missing(self, run: Run, entries: Sequence[FileEntry]) -> set[str]:
        """Return the paths of the files that the root lacks in this version."""
        files = self._replica.files
        return set(await self._do(lambda: files.missing(run.project, run.name, entries)))

    async def put_batch(self, run: Run, files: Sequence[SmallFile]) -> set[str]:
        """Store small files."""

        def put() -> set[str]:
            with self._locked():
                self._replica.files.put(run.project, run.name, files)
            return {file.path for file in files}

        return await self._do(put)

    async def held_file(self, run: Run, entry: FileEntry) -> int:
        """Return how many bytes of this version of a file are held."""

        def held() -> int:
            found = self._replica.files.held(run.project, run.name, entry.path, sha256=entry.sha256)
            return found.offset if found is not None else 0

        return await self._do(held)

    async def put_piece(self, run: Run, entry: FileEntry, offset: int, data: bytes) -> int:
        """Store a piece of a file; the last one makes it visible."""
        place = (run.project, run.name, entry.path)

        def put() -> int:
            with self._locked():
                held = self._replica.files.stage(*place, data, sha256=entry.sha256, offset=offset)
                if held >= entry.size:
                    self._replica.files.complete(*place, sha256=entry.sha256, size=entry.size)
                return held

        return await self._do(put)

    async def contents(self, run: Run) -> RunContents | None:
        """Return what is held of a run."""
        listing = await self._do(lambda: self._replica.listing(run.project, run.name))
        if listing is None:
            return None
        return RunContents(
            [
                LogContents(log.name, log.log_id, log.size, log.chunks, log.rows, log.sha256)
                for log in listing.logs
            ],
            [FileContents(file.path, file.size, file.sha256) for file in listing.files],
        )

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _do(self, work: Callable[[], Answer]) -> Answer:
        try:
            return await asyncio.to_thread(work)
        except (OffsetMismatchError, DifferentLogError) as error:
            raise SetbackError(Setback(Course.ASK, str(error))) from error
        except DatastoreError as error:
            raise SetbackError(Setback(Course.PARK, str(error))) from error
        except OSError as error:
            course = Course.PARK if error.errno == errno.ENAMETOOLONG else Course.OUTAGE
            reason = f"{self._path}: {error.strerror or error}"
            raise SetbackError(Setback(course, reason)) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other agents out; of the folders above the root none is made: it may not be mounted."""
        parent = os.path.dirname(self._path)
        if not self._disk.is_directory(parent):
            raise FileNotFoundError(errno.ENOENT, f"the folder {parent} is not there")
        lock = os.path.join(self._path, LOCK_NAME)
        if self._is_begun and not self._disk.is_file(lock):
            # What was uploaded is not here. The folder below a mount would take new runs, and hide them.
            reason = f"what was uploaded is gone; mount its disk, or begin anew with `touch {lock}`"
            raise FileNotFoundError(errno.ENOENT, reason)
        self._disk.make_directory(self._path)
        fd = self._disk.open_update(lock)
        try:
            if not self._is_begun and self._begun is not None:
                self._begun.begin(self.name)
            self._is_begun = True
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            self._disk.close(fd)
