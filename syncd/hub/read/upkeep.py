"""Keeps the index true: looks at a run when something of it arrived, and at all of them now and then.

Bounded: one thread, which rests as long as it worked; runs that take long to read are looked at beside
it, one at a time.
What fails is tried again; receiving goes on meanwhile, as the index is no part of it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple, TypeVar

import lmdb
import msgspec

from tidelog.datastore.clock import Clock
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.read.appraisal import SCANNED, Appraisal, Arrived
from tidelog.syncd.hub.read.changes import Changes
from tidelog.syncd.hub.read.documents import brief_of
from tidelog.syncd.hub.read.entry import Entry, Known
from tidelog.syncd.hub.read.index import Index, key_of, run_of_key
from tidelog.syncd.hub.read.long_looks import LongLooks
from tidelog.syncd.hub.read.look import Look
from tidelog.syncd.hub.read.paced_disk import TakesLongError, within
from tidelog.syncd.hub.read.run_state import REMOVED, STATE, news_of, silent_since
from tidelog.syncd.hub.web.address import RunAddress

logger = logging.getLogger("tidelog.hub")

T = TypeVar("T")


class News(NamedTuple):
    """What became of a run: an event's kind, and its entry, the last one of a run that is gone."""

    kind: str
    entry: Entry


class Change(NamedTuple):
    """What is known of a run, before and now."""

    run: RunAddress
    before: Entry | None
    after: Known | Entry | None


class Upkeep:
    """The background work on one index, between `start` and `stop`."""

    def __init__(
        self,
        index: Index,
        look: Look,
        changes: Changes,
        *,
        clock: Clock,
        limits: HubLimits,
        is_wanted: Callable[[], bool] = lambda: False,
        is_done: Callable[[], None] = lambda: None,
    ) -> None:
        """`is_wanted` tells whether somebody asks for a new index; `is_done` that it is made."""
        self._index = index
        self._look = look
        self._appraisal = Appraisal(look, clock=clock, silence_s=limits.silence_s)
        self._changes = changes
        self._clock = clock
        self._limits = limits
        self._is_wanted = is_wanted
        self._is_done = is_done
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hub-index")
        self._dirty: dict[RunAddress, Arrived] = {}
        self._long = LongLooks(self._appraisal, clock=clock, limits=limits)
        self._too_long: dict[RunAddress, Arrived] = {}
        """What this turn could not read in time. The thread's alone, until it is handed over."""
        self._running: dict[RunAddress, float] = {}
        """Since when each running run is silent. The thread's alone: none goes while it is judged."""
        self._wake = asyncio.Event()
        self._asked = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._started = clock.now()
        self._next_scan = 0.0
        self.is_complete = False
        """Whether every run was looked at since the start."""
        self._is_scanned = self._is_asked = False
        self.scan_s = 0.0
        self.scans = 0
        self.fault: str | None = None

    def __repr__(self) -> str:
        return f"<Upkeep of {self._index!r}, {len(self._dirty)} to look at>"

    @property
    def waiting(self) -> int:
        """How many runs are to be looked at."""
        return len(self._dirty)

    def arrived(self, run: RunAddress, *, is_file: bool = False) -> None:
        """Note that something of a run arrived or went. In the event loop, and quick."""
        before = self._dirty.get(run, Arrived(was_file=False))
        self._dirty[run] = Arrived(was_file=is_file or before.was_file, number=before.number + 1)
        self._wake.set()

    async def start(self) -> None:
        """Judge the states anew, then work in the background."""
        await self._work(self._resume)
        work = (self._run(), self._listen(), self._long.run(self._take_long))
        self._tasks = [asyncio.create_task(each) for each in work]

    async def stop(self) -> None:
        """End the work."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._long.stop()
        await asyncio.to_thread(self._thread.shutdown)

    async def see_new(self) -> None:
        """Look at runs that came or went, so that what was acknowledged is listed, and nothing else.

        Not for long: where many are new, or the thread is busy, the list is a little behind.
        """
        if not self._dirty:
            return
        dirty = dict(islice(self._dirty.items(), self._limits.refresh_batch_max))
        with contextlib.suppress(TimeoutError, OSError, lmdb.Error):
            async with asyncio.timeout(self._limits.new_runs_wait_s):
                await self._do(lambda: self._look_at_new(dirty))

    # -- the loop --------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            began = self._clock.monotonic()
            try:
                await self._turn()
                self.fault = None
            except (OSError, lmdb.Error) as error:
                await self._recover(error)
            rest = max(self._limits.refresh_interval_s, self._clock.monotonic() - began)
            if self.fault is None:
                await _wait(self._asked, rest)
            else:
                await asyncio.sleep(rest)
            await _wait(self._wake, self._limits.tick_s)

    async def _listen(self) -> None:
        """Let a person who asks for a new index wait for no rest."""
        while True:
            await asyncio.sleep(self._limits.request_look_s)
            if not self._is_asked and self._is_wanted():
                self._asked.set()
                self._wake.set()

    async def _turn(self) -> None:
        is_asked = await self._work(self._is_wanted) and not self._is_asked
        if is_asked or not await self._work(self._index.is_in_place):
            await self._work(self._index.start_over)
            self.is_complete = self._is_scanned = False
            self._is_asked, self._next_scan = self._is_asked or is_asked, 0.0
        await self._refresh()
        await self._judge_silence()
        if self._clock.monotonic() >= self._next_scan:
            await self._scan()
            self._asked.clear()
            await self._complete()

    async def _complete(self) -> None:
        """Note that every run was looked at, those that take long included."""
        if not self._is_scanned or len(self._long):
            return
        self.is_complete = True
        if self._is_asked:
            self._is_asked = False
            await self._work(self._is_done)

    async def _recover(self, error: Exception) -> None:
        """Make a broken index anew, and go on; a disk that is full is tried again."""
        if self.fault is None:
            logger.warning("the index of runs cannot be kept, receiving goes on: %s", error)
        self.fault = str(error)
        if not isinstance(error, (OSError, lmdb.MapFullError, lmdb.DiskError)):
            with contextlib.suppress(OSError, lmdb.Error):
                await self._work(self._index.start_over)
        self._next_scan = self._clock.monotonic() + self._limits.index_retry_s

    # -- runs of which something arrived -----------------------------------------------------------

    async def _refresh(self) -> None:
        self._wake.clear()
        put_off = {run: self._dirty[run] for run in self._dirty if self._long.has(run)}
        if put_off:
            await self._do(lambda: self._hear(put_off))
        due = [run for run in self._dirty if run not in put_off]
        batch = {run: self._dirty[run] for run in due[: self._limits.refresh_batch_max]}
        if not batch:
            return
        await self._do(lambda: self._look_at(batch))
        for run, arrived in batch.items():
            # What arrived meanwhile is looked at once more.
            if self._dirty.get(run) == arrived:
                del self._dirty[run]
        if self._dirty:
            self._wake.set()

    def _look_at(self, batch: dict[RunAddress, Arrived]) -> list[News]:
        changes: list[Change] = []
        for run, arrived in batch.items():
            before = self._index.entry(run)
            try:
                changes.append(Change(run, before, self._appraised(run, before, arrived)))
            except OSError as error:
                # Out of reach for now, which is not gone; a scan looks at it again.
                logger.debug("run %s of %s cannot be looked at: %s", run.run, run.project, error)
        return self._store(changes)

    def _appraised(
        self, run: RunAddress, before: Entry | None, arrived: Arrived
    ) -> Known | Entry | None:
        """Return what is known of a run after a short look."""
        if before is not None and self._long.has(run):
            return before
        try:
            pause = within(self._limits.short_look_bytes)
            return self._appraisal.known(run, before, arrived, pause=pause)
        except TakesLongError:
            self._too_long[run] = arrived
            return self._appraisal.unread(run, before, arrived)

    def _hear(self, runs: dict[RunAddress, Arrived]) -> list[News]:
        """Note now and then that runs live whose turn to be read has not come."""
        limit = self._clock.now() - self._limits.silence_s / 4
        changes: list[Change] = []
        for run, arrived in runs.items():
            before = self._index.entry(run)
            if before is not None and before.heard < limit:
                changes.append(Change(run, before, self._appraisal.unread(run, before, arrived)))
        return self._store(changes)

    async def _take_long(self, run: RunAddress, found: Known | Entry | None) -> None:
        """Take in what is known of a run that took long."""

        def take() -> list[News]:
            before, after = self._index.entry(run), found
            if before is not None and isinstance(after, Known):
                heard = max(before.heard, after.entry.heard)  # It may have been heard meanwhile.
                entry = msgspec.structs.replace(after.entry, heard=heard)
                after = msgspec.structs.replace(after, entry=self._appraisal.judged(entry))
            return self._store([Change(run, before, after)])

        await self._do(take)
        await self._complete()

    def _store(self, changes: Iterable[Change]) -> list[News]:
        known: list[Known | Entry] = []
        news: list[News] = []
        gone: list[RunAddress] = []
        for run, before, after in changes:
            if after is None:
                gone += [run] if before is not None else []
                news += [News(REMOVED, before)] if before is not None else []
                self._running.pop(run, None)
            elif after is not before:
                known.append(after)
                entry = after.entry if isinstance(after, Known) else after
                kind = news_of(before.state if before else None, entry.state)
                news += [News(kind, entry)] if kind is not None else []
                self._follow(entry)
        if known or gone:
            self._index.store(known, gone=gone)
        return news

    def _look_at_new(self, dirty: dict[RunAddress, Arrived]) -> list[News]:
        # Or that went: a run that was deleted is listed no more.
        return self._look_at(
            {r: a for r, a in dirty.items() if not self._index.has(r) or not self._look.sizes(r)}
        )

    # -- states ------------------------------------------------------------------------------------

    def _follow(self, entry: Entry) -> None:
        if entry.state == "running":
            self._running[entry.address] = entry.heard
        else:
            self._running.pop(entry.address, None)

    def _resume(self) -> None:
        """Take up the runs that ran when the hub was stopped: it could not hear them since."""
        for entry in self._index.entries():
            if entry.state == "running":
                self._running[entry.address] = silent_since(
                    entry.heard, state=entry.state, started=self._started
                )

    async def _judge_silence(self) -> None:
        await self._do(self._declare_silent)

    def _declare_silent(self) -> list[News]:
        limit = self._clock.now() - self._limits.silence_s
        runs = [run for run, since in self._running.items() if since <= limit]
        changed: list[Entry] = []
        for run in runs:
            since = self._running.pop(run)
            entry = self._index.entry(run)
            if entry is not None:
                judged = self._appraisal.judged(entry, since=since)
                changed += [judged] if judged is not entry else []
        if changed:
            self._index.store(changed)
        return [News(STATE, entry) for entry in changed]

    # -- all runs ----------------------------------------------------------------------------------

    async def _scan(self) -> None:
        """Compare every run with its entry; entries of runs that are gone go as well."""
        began = self._clock.monotonic()
        left = await self._work(self._index.keys)
        runs = self._look.runs()
        while batch := await self._work(lambda: self._next_of(runs)):
            left.difference_update(map(key_of, batch))
            worked = self._clock.monotonic()
            await self._do(lambda: self._look_at(batch))
            await _wait(self._asked, self._clock.monotonic() - worked)
            await self._refresh()
        gone = dict.fromkeys(map(run_of_key, left), SCANNED)
        if gone:
            await self._do(lambda: self._look_at(gone))
        self.scan_s = self._clock.monotonic() - began
        self.scans += 1
        self._is_scanned = True
        rest = max(self._limits.scan_interval_s, self._limits.scan_rest * self.scan_s)
        self._next_scan = self._clock.monotonic() + rest

    def _next_of(self, runs: Iterator[RunAddress]) -> dict[RunAddress, Arrived]:
        return dict.fromkeys(islice(runs, self._limits.refresh_batch_max), SCANNED)

    async def _do(self, work: Callable[[], list[News]]) -> None:
        """Work on the index, tell what came of it, and hand over what takes long."""
        self._tell(await self._work(work))
        while self._too_long:
            self._long.add(*self._too_long.popitem())

    def _tell(self, news: Iterable[News]) -> None:
        for each in news:
            brief = msgspec.json.encode(brief_of(each.entry))
            self._changes.publish(each.entry.project, each.kind, brief)

    async def _work(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Return when something has happened, or after so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
