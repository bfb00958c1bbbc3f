"""Keeps the index true: looks at a run when something of it arrived, and at all of them now and then.

Bounded: one thread, which rests as long as it worked; a run that takes long to read waits longer.
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
from tidelog.syncd.hub.read.look import Look
from tidelog.syncd.hub.read.run_state import REMOVED, STATE, news_of, silent_since
from tidelog.syncd.hub.web.address import RunAddress

logger = logging.getLogger("tidelog.hub")

T = TypeVar("T")


class News(NamedTuple):
    """What became of a run: an event's kind, and its entry, the last one of a run that is gone."""

    kind: str
    entry: Entry


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
        self._not_before: dict[RunAddress, float] = {}
        self._running: dict[RunAddress, float] = {}
        """Since when each running run is silent. The thread's alone: none goes while it is judged."""
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._started = clock.now()
        self._next_scan = 0.0
        self.is_complete = False
        """Whether every run was looked at since the start."""
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
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End the work."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
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
                self._tell(await self._work(lambda: self._look_at_new(dirty)))

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
            await asyncio.sleep(rest)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.tick_s):
                    await self._wake.wait()

    async def _turn(self) -> None:
        if await self._work(lambda: self._is_wanted() or not self._index.is_in_place()):
            await self._work(self._index.start_over)
            self.is_complete, self._next_scan = False, 0.0
        await self._refresh()
        await self._judge_silence()
        if self._clock.monotonic() >= self._next_scan:
            await self._scan()

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
        now = self._clock.monotonic()
        due = [run for run in self._dirty if self._not_before.get(run, 0.0) <= now]
        batch = {run: self._dirty[run] for run in due[: self._limits.refresh_batch_max]}
        if not batch:
            return
        self._tell(await self._work(lambda: self._look_at(batch)))
        for run, arrived in batch.items():
            # What arrived meanwhile is looked at once more.
            if self._dirty.get(run) == arrived:
                del self._dirty[run]
        if self._dirty:
            self._wake.set()

    def _look_at(self, batch: dict[RunAddress, Arrived]) -> list[News]:
        known: list[Known | Entry] = []
        news: list[News] = []
        gone: list[RunAddress] = []
        for run, arrived in batch.items():
            began = self._clock.monotonic()
            before = self._index.entry(run)
            try:
                after = self._appraisal.known(run, before, arrived)
            except OSError as error:
                # Out of reach for now, which is not gone; a scan looks at it again.
                logger.debug("run %s of %s cannot be looked at: %s", run.run, run.project, error)
                continue
            self._note_cost(run, self._clock.monotonic() - began)
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

    def _note_cost(self, run: RunAddress, cost_s: float) -> None:
        """Let a run that took long to read wait, so that it does not keep others waiting."""
        if cost_s > self._limits.costly_look_s:
            until = self._clock.monotonic() + self._limits.costly_look_rest * cost_s
            self._not_before[run] = until
        else:
            self._not_before.pop(run, None)

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
        self._tell(await self._work(self._declare_silent))

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
            self._tell(await self._work(lambda: self._look_at(batch)))
            await asyncio.sleep(self._clock.monotonic() - worked)
            await self._refresh()
        gone = dict.fromkeys(map(run_of_key, left), SCANNED)
        if gone:
            self._tell(await self._work(lambda: self._look_at(gone)))
        self.scan_s = self._clock.monotonic() - began
        self.scans += 1
        self.is_complete = True
        rest = max(self._limits.scan_interval_s, self._limits.scan_rest * self.scan_s)
        self._next_scan = self._clock.monotonic() + rest
        await self._work(self._is_done)

    def _next_of(self, runs: Iterator[RunAddress]) -> dict[RunAddress, Arrived]:
        return dict.fromkeys(islice(runs, self._limits.refresh_batch_max), SCANNED)

    def _tell(self, news: Iterable[News]) -> None:
        for each in news:
            brief = msgspec.json.encode(brief_of(each.entry))
            self._changes.publish(each.entry.project, each.kind, brief)

    async def _work(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
