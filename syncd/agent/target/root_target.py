"""The target `file://`: another root, on this machine or on what is mounted here.

The rules are the hub's own (`tidelog.datastore.replica`); a lock file keeps two agents apart.
"""

import asyncio
import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import (
    DatastoreError,
    DifferentLogError,
    FileMismatchError,
    OffsetMismatchError,
)
from tidelog.datastore.replica import Replica, RunListing
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError, park
from tidelog.syncd.agent.target.caseless import NameGuard
from tidelog.syncd.agent.target.contract import FileContents, HeldLog, LogContents, Piece, RunContents
from tidelog.syncd.agent.target.root_lock import Begun, RootLock, root_id_of
from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import AskedRun, FileEntry, HeldRun, SmallFile
from tidelog.syncd.errors import CannotStartError

_PARKED = {
    errno.ENAMETOOLONG: "its file system takes no name that long",
    errno.EILSEQ: "its file system cannot write this name",
    errno.EFBIG: "its file system takes no file that large; FAT ends at 4 GiB, exFAT and ext4 do not",
}

Answer = TypeVar("Answer")


def refuse_nested(target: str, sources: Iterable[str], *, disk: Disk) -> None:
    """Raise CannotStartError where a root would be uploaded into itself, or its own source into it.

    The sources are free of symbolic links already; the disk of none of them is asked.
    """
    there = disk.real_path(target)
    for source in sources:
        if _is_within(there, source):
            raise CannotStartError(
                f"the target {target} lies inside {source}, which is to be uploaded to it: name a "
                "folder beside it"
            )
        if _is_within(source, there):
            raise CannotStartError(
                f"{source} lies inside the target {target}, to which it is to be uploaded: it is there "
                "already, name another target"
            )


class RootTarget:
    """Another root as a target. Once it was seen, it is never made anew: its disk may be unmounted."""

    def __init__(self, name: str, path: str, *, disk: Disk, begun: Begun | None = None) -> None:
        self.name = name
        self.path = path
        self._disk = disk
        self._replica = Replica(path, disk=disk, is_shared=True)
        self._names = NameGuard(path, disk=disk)
        self._lock = RootLock(path, name, disk=disk, begun=begun, on_meet=self._names.learn)

    def __repr__(self) -> str:
        return f"<RootTarget {self.name}>"

    @property
    def root_id(self) -> str:
        """What names the root, "" while nothing was uploaded to it."""
        return root_id_of(self.path, self._disk)

    def has_run(self, run: Run) -> bool:
        """Tell whether there is a folder for a run; nothing of it is read."""
        return self._disk.is_directory(os.path.join(self.path, run.project, run.name))

    async def held_log(self, run: Run, log: str) -> HeldLog | None:
        """Return how far a log is held under this name."""

        def held() -> HeldLog | None:
            if not self._lock.is_begun and not self._disk.is_directory(self.path):
                return None
            # A rest that our own failed append left is cut here, so no one else may be appending.
            with self._locked(run):
                return self._replica.logs.held(run.project, run.name, log)

        return await self._do(held)

    async def prepare(self, piece: Piece) -> Piece:
        """Return the piece: on one machine there is nothing to do ahead."""
        return piece

    async def append(self, run: Run, log: str, piece: Piece) -> int:
        """Append to a log; return how far it is held then."""

        def append() -> int:
            with self._locked(run):
                self._names.check(run.project, run.name, log)
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
            with self._locked(run):
                for file in files:
                    self._names.check(run.project, run.name, *file.path.split("/"))
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
            with self._locked(run):
                self._names.check(run.project, run.name, *entry.path.split("/"))
                held = self._replica.files.stage(*place, data, sha256=entry.sha256, offset=offset)
                if held >= entry.size:
                    self._replica.files.complete(*place, sha256=entry.sha256, size=entry.size)
                return held

        return await self._do(put)

    async def held_runs(self, project: str, asked: Sequence[AskedRun]) -> list[HeldRun] | None:
        """Return what is still held of runs.

        A run whose folder is not there counts as deleted: nobody else than a person removes one, and
        there is no other way to delete it here.
        """

        def look() -> list[HeldRun] | None:
            if not self._lock.is_begun:
                return None
            with self._lock.held():
                return [self._held_run(project, run) for run in asked]

        return await self._do(look)

    def _held_run(self, project: str, asked: AskedRun) -> HeldRun:
        place = (project, asked.run)
        missing = self._replica.shorter_logs(*place, asked.logs)
        is_deleted = not self._disk.is_directory(os.path.join(self.path, *place))
        return HeldRun(asked.run, missing, self._replica.files_mark(*place), is_deleted=is_deleted)

    async def contents(self, run: Run) -> RunContents | None:
        """Return what is held of a run."""

        def look() -> RunListing | None:
            # A disk that does not answer holds nothing, too, as far as a look into its folders tells.
            if not self._disk.is_directory(self.path):
                self._lock.refuse_away()
            return self._replica.listing(run.project, run.name)

        listing = await self._do(look)
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
        except FileMismatchError as error:
            # A crash garbled the parts; they are gone now, and the file is sent again from 0.
            raise SetbackError(Setback(Course.AGAIN, str(error))) from error
        except DatastoreError as error:
            raise park(str(error)) from error
        except OSError as error:
            raise SetbackError(self._setback(error)) from error

    def _setback(self, error: OSError) -> Setback:
        reason = f"{self.path}: {error.strerror or error}"
        known = _PARKED.get(error.errno or 0)
        return (
            Setback(Course.OUTAGE, reason)
            if known is None
            else Setback(Course.PARK, f"{reason}: {known}")
        )

    @contextmanager
    def _locked(self, run: Run) -> Iterator[None]:
        """Keep other agents out while something is done with a run."""
        # Before others are kept out: the disk of a run may not answer.
        self._refuse_own(run)
        with self._lock.held():
            yield

    def _refuse_own(self, run: Run) -> None:
        """Raise SetbackError where the run to be uploaded is the root's own, under whatever path."""
        place = os.path.join(self.path, run.project, run.name)
        try:
            here, there = self._disk.stat(run.path), self._disk.stat(place)
        except OSError:
            return
        if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
            raise park(f"{run.path} lies in the target itself: {self.name} is where it is uploaded to")


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
