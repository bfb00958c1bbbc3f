"""The replica as the hub's handlers use it: off the event loop, one caller at a time for each log.

Decides nothing: what may be appended is `datastore/append.py`'s business, who may is `keys.py`'s.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.replica import Replica, RunListing
from tidelog.datastore.replica_files import HeldFile
from tidelog.datastore.replica_logs import HeldLog
from tidelog.syncd.bodies import (
    AskedRun,
    HeldRun,
    decode_asked_runs,
    decode_batch,
    decode_missing,
)
from tidelog.syncd.errors import BAD_REQUEST, ProblemError
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.receive.locks import Locks
from tidelog.syncd.hub.receive.quotas import QuotaOf, Quotas
from tidelog.syncd.hub.receive.reserve import Reserve
from tidelog.syncd.hub.receive.run_gate import RunGate
from tidelog.syncd.hub.remove.tombstones import Tombstones
from tidelog.syncd.hub.remove.trash import Trash
from tidelog.syncd.hub.web.address import FileAddress, LogAddress, RunAddress
from tidelog.syncd.hub.web.body import Body
from tidelog.syncd.hub.web.turns import Turns
from tidelog.syncd.protocol import UPLOAD_COMPLETE, Range, encode_boolean

T = TypeVar("T")


class OnArrival(Protocol):
    """Is told, in the event loop, of each thing that was stored; it must be quick."""

    def __call__(self, run: RunAddress, size_bytes: int, *, is_file: bool) -> None:
        """Take note that so many bytes arrived for a run, of a log or of files."""


def nobody(run: RunAddress, size_bytes: int, *, is_file: bool) -> None:
    """Take no note."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A part of a large file: where it starts, how long the file is, and whether it ends it."""

    sha256: str
    offset: int
    length: int
    is_last: bool


class Store:
    """One data folder. What a call did is on the disk when it returns."""

    def __init__(
        self,
        data: StrPath,
        *,
        disk: Disk | None = None,
        clock: Clock | None = None,
        limits: HubLimits,
        quota_of: QuotaOf = lambda _account: None,
    ) -> None:
        disk, clock = disk or Disk(), clock or Clock()
        self._replica = Replica(data, disk=disk)
        self._reserve = Reserve(data, disk=disk, clock=clock, keep_free_bytes=limits.keep_free_bytes)
        self._quotas = Quotas(data, disk=disk, clock=clock, quota_of=quota_of)
        self._limits = limits
        self._clock = clock
        self._locks = Locks()
        self._gate = RunGate()
        self.tombstones = Tombstones(data, disk=disk)
        self.trash = Trash(data, disk=disk)
        # Rows wait behind nobody's files, and processor time not for the disk.
        self._appends = Turns(limits.syncs_max, limits, of="turns to append")
        self._writers = ThreadPoolExecutor(limits.writers_max, thread_name_prefix="hub-write")
        self._syncers = ThreadPoolExecutor(limits.syncs_max, thread_name_prefix="hub-sync")
        self._filings = Turns(limits.filers_max, limits, of="turns to put files")
        self._filers = ThreadPoolExecutor(limits.filers_max, thread_name_prefix="hub-file")
        self._proofs = Turns(
            limits.provers_max,
            limits,
            of="turns to read what is held again",
            share=limits.provers_per_account_max,
        )
        self._provers = ThreadPoolExecutor(limits.provers_max, thread_name_prefix="hub-prove")
        self._readers = ThreadPoolExecutor(limits.readers_max, thread_name_prefix="hub-read")
        self.arrived: OnArrival = nobody

    def __repr__(self) -> str:
        return f"<Store of {self._replica!r}>"

    def close(self) -> None:
        """Wait for what is being written."""
        for threads in (self._writers, self._syncers, self._filers, self._provers, self._readers):
            threads.shutdown()

    # -- logs ------------------------------------------------------------------------------------

    async def held_log(self, address: LogAddress, *, by: str) -> HeldLog | None:
        """Return how far a log is held; `by` is the account that asks."""
        async with self._gate.use(_run_of(address)), self._locks.hold(address), self._appends.take(by):
            return await _in(self._writers, lambda: self._replica.logs.held(*address))

    async def append(
        self,
        address: LogAddress,
        body: Body,
        *,
        offset: int,
        log_id: bytes,
        damage: tuple[Range, ...],
    ) -> int:
        """Append the chunks of a body and return how far the log is held then."""

        def write() -> Callable[[], int]:
            with self._admitted(address, body) as data:
                sync = self._replica.logs.write(
                    *address, offset=offset, data=data, log_id=log_id, damage=damage
                )
            return partial(int, sync()) if len(data) > self._limits.synced_aside_bytes_max else sync

        async with (
            self._writing_to(address),
            self._locks.hold(address),
            self._appends.take(body.account),
        ):
            # Many wait in the second line at one time: the file system commits their bytes together.
            sync = await _in(self._writers, write)
            held = await _in(self._syncers, sync)
        if held > offset:
            self.arrived(_run_of(address), held - offset, is_file=False)
        return held

    def read_log(self, address: LogAddress, *, end: int) -> AsyncIterator[bytes]:
        """Yield the first `end` bytes of a log."""
        return self._each(self._replica.logs.read(*address, end=end))

    # -- files -----------------------------------------------------------------------------------

    async def missing_files(self, address: RunAddress, body: Body) -> list[str]:
        """Return the paths of those files of a list that are not held."""

        def missing() -> list[str]:
            limits = self._limits.wire
            entries = decode_missing(body.decode(limits), files_max=limits.missing_files_max)
            return self._replica.files.missing(*address, entries)

        # The turn first, here and below: who waits for it keeps nobody from deleting the run.
        async with self._proofs.take(body.account), self._writing_to(address):
            return await _in(self._provers, missing)

    async def put_files(self, address: RunAddress, body: Body) -> list[str]:
        """Put the files of a batch in their places and return their paths."""

        def put() -> list[str]:
            limits = self._limits.wire
            with self._admitted(address, body) as data:
                files = decode_batch(data, files_max=limits.batch_files_max)
                self._replica.files.put(*address, files)
            return [file.path for file in files]

        async with self._writing_to(address), self._filings.take(body.account):
            paths = await _in(self._filers, put)
        self.arrived(address, len(body.sent), is_file=True)
        return paths

    async def held_file(self, address: FileAddress, *, sha256: str, by: str) -> HeldFile | None:
        """Return how much is held of one version of a file; `by` is the account that asks."""
        async with (
            self._proofs.take(by),
            self._gate.use(_run_of(address)),
            self._locks.hold(address),
        ):
            return await _in(self._provers, lambda: self._replica.files.held(*address, sha256=sha256))

    async def put_part(self, address: FileAddress, body: Body, part: FilePart) -> HeldFile:
        """Add a part to a large file; the last one lets it appear."""
        async with (
            self._writing_to(address),
            self._locks.hold(address),
            self._filings.take(body.account),
        ):
            held = await _in(self._filers, lambda: self._put_part(address, body, part))
        self.arrived(_run_of(address), len(body.sent), is_file=True)
        return held

    async def file_size(self, address: FileAddress) -> int | None:
        """Return a file's size in bytes, None where it is not held."""
        return await self._read(lambda: self._replica.files.size(*address))

    def read_file(self, address: FileAddress) -> AsyncIterator[bytes]:
        """Yield the bytes of a file."""
        return self._each(self._replica.files.read(*address))

    def _put_part(self, address: FileAddress, body: Body, part: FilePart) -> HeldFile:
        # Its digest first: of a body that was cut on the way nothing else is worth saying.
        with self._admitted(address, body) as data:
            _check_part(part, len(data))
            files = self._replica.files
            held = files.held(*address, sha256=part.sha256)
            if held is not None and held.is_complete:
                return held
            offset = files.stage(*address, data, sha256=part.sha256, offset=part.offset)
            if part.is_last:
                files.complete(*address, sha256=part.sha256, size=part.length)
            return HeldFile(offset, part.is_last)

    @contextmanager
    def _admitted(self, address: RunAddress | LogAddress | FileAddress, body: Body) -> Iterator[bytes]:
        """Give the bytes of a body that there is room for, to be stored in the block. Slow.

        Raises 507 where there is none, and what its sender is told who may no longer send it.
        """
        body.check_sender()
        run, data = _run_of(address), body.decode(self._limits.wire)
        self._reserve.take(len(data))
        self._quotas.charge(run, len(data), by=body.account)
        yield data
        self._quotas.stored(run, len(data), by=body.account)

    # -- what is there ---------------------------------------------------------------------------

    async def held_runs(self, project: str, body: Body) -> list[HeldRun]:
        """Return what is held of some runs, by names, sizes and times alone.

        Of as many of them, from the first on, as were looked at within `held_look_s`.
        """

        def look() -> list[HeldRun]:
            limits = self._limits
            asked = decode_asked_runs(
                body.decode(limits.wire),
                bytes_max=limits.wire.held_bytes_max,
                runs_max=limits.wire.held_runs_max,
                logs_max=limits.wire.held_logs_max,
            )
            end, held = self._clock.monotonic() + limits.held_look_s, list[HeldRun]()
            for run in asked:
                if held and self._clock.monotonic() >= end:
                    break
                held.append(self._held_run(project, run))
            return held

        async with self._proofs.take(body.account):
            return await _in(self._provers, look)

    def _held_run(self, project: str, asked: AskedRun) -> HeldRun:
        address = RunAddress(project, asked.run)
        try:
            missing = self._replica.shorter_logs(*address, asked.logs)
            files = self._replica.files_mark(*address)
        except FileNotFoundError:
            # Deleted while it was looked at.
            missing, files = list(asked.logs), ""
        # A tombstone is set before a run moves: it is looked for last.
        return HeldRun(asked.run, missing, files, is_deleted=self.tombstones.has(address))

    async def listing(self, address: RunAddress, *, by: str) -> RunListing | None:
        """Return what is held of a run, read again from the disk now; None where there is none.

        Each log is locked only while it is asked how far it is held, so that a long listing keeps
        nobody from appending. `by` is the account that asks.
        """
        names = await self._read(lambda: self._replica.log_names(*address))
        if names is None:
            return None
        logs = []
        try:
            async with self._proofs.take(by):
                for name in names:
                    log = LogAddress(*address, name)
                    held = await self.held_log(log, by=by)
                    if held is not None:
                        read = partial(self._replica.list_log, *log, end=held.offset)
                        logs.append(await _in(self._provers, read))
                files = await _in(self._provers, lambda: self._replica.list_files(*address))
        except FileNotFoundError:
            # Deleted while it was read: whoever asks a moment later hears the same.
            return None
        return RunListing(*address, tuple(logs), tuple(files))

    # -- a run as a whole ------------------------------------------------------------------------

    async def alone(self, run: RunAddress, work: Callable[[], T]) -> T:
        """Do blocking work on a run while nobody else uses it."""
        async with self._gate.alone(run):
            done = await self._read(work)
        # It may have come or gone: whoever keeps an index looks.
        self.arrived(run, 0, is_file=True)
        return done

    async def blocking(self, work: Callable[[], T]) -> T:
        """Do blocking work about the folder where nobody waits for the event loop."""
        return await self._read(work)

    @asynccontextmanager
    async def _writing_to(self, address: RunAddress | LogAddress | FileAddress) -> AsyncIterator[None]:
        """Keep a run in its place while it is written to; raise 410 where it was deleted."""
        run = _run_of(address)
        async with self._gate.use(run):
            self.tombstones.check(run)
            yield

    # -- threads ---------------------------------------------------------------------------------

    async def _read(self, work: Callable[[], T]) -> T:
        return await _in(self._readers, work)

    async def _each(self, blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
        while block := await self._read(lambda: next(blocks, b"")):
            yield block


async def _in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)


def _run_of(address: RunAddress | LogAddress | FileAddress) -> RunAddress:
    return RunAddress(address.project, address.run)


def _check_part(part: FilePart, size: int) -> None:
    """Refuse a part that says of itself what cannot be."""
    end = part.offset + size
    if end > part.length or part.is_last != (end == part.length):
        raise ProblemError(
            BAD_REQUEST,
            f"the part ends at {end} of {part.length} bytes, and {UPLOAD_COMPLETE} says "
            f"{encode_boolean(value=part.is_last)}",
        )
