"""The runs that take long to look at: one after the other, beside the thread that keeps the index.

A log that is damaged near its end has to be read whole, and a gigabyte takes minutes. Each look rests as
long as it works, and its run waits for the next one many times as long.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import lmdb

from tidelog.datastore.clock import Clock
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.read.appraisal import Appraisal, Arrived
from tidelog.syncd.hub.read.entry import Entry, Known
from tidelog.syncd.hub.read.paced_disk import TakesLongError, at_ease
from tidelog.syncd.hub.web.address import RunAddress

logger = logging.getLogger("tidelog.hub")

Taken = Callable[[RunAddress, Known | Entry | None], Awaitable[None]]


class LongLooks:
    """Runs that wait for such a look. In the event loop, but for `has`."""

    def __init__(self, appraisal: Appraisal, *, clock: Clock, limits: HubLimits) -> None:
        self._appraisal = appraisal
        self._clock = clock
        self._limits = limits
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hub-index-long")
        self._ending = threading.Event()
        self._waiting: dict[RunAddress, Arrived] = {}
        self._not_before: dict[RunAddress, float] = {}
        self._wake = asyncio.Event()

    def __repr__(self) -> str:
        return f"<LongLooks: {len(self._waiting)} runs wait>"

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, run: RunAddress, arrived: Arrived) -> None:
        """Let a run be looked at."""
        self._waiting[run] = arrived
        self._wake.set()

    def has(self, run: RunAddress) -> bool:
        """Tell whether a run waits for its look, is being looked at, or rests after that."""
        return run in self._waiting or self._not_before.get(run, 0.0) > self._clock.monotonic()

    async def run(self, take: Taken) -> None:
        """Look at one run after the other until cancelled; `take` is given what is known of each."""
        while True:
            await self._wake.wait()
            run, arrived = next(iter(self._waiting.items()))
            began = self._clock.monotonic()
            try:
                found = await asyncio.get_running_loop().run_in_executor(
                    self._thread, partial(self._look, run, arrived)
                )
                self._rest(run, self._clock.monotonic() - began)
                await take(run, found)
            except (OSError, lmdb.Error) as error:
                # Out of reach for now: a scan looks at it again.
                self._rest(run, self._clock.monotonic() - began)
                logger.debug("run %s of %s cannot be looked at: %s", run.run, run.project, error)

    async def stop(self) -> None:
        """End the look that is under way."""
        self._ending.set()
        await asyncio.to_thread(self._thread.shutdown)

    def _look(self, run: RunAddress, arrived: Arrived) -> Known | Entry | None:
        try:
            return self._appraisal.known(run, None, arrived, pause=at_ease(self._clock, self._ending))
        except TakesLongError as error:
            raise OSError("the hub is being stopped") from error

    def _rest(self, run: RunAddress, cost_s: float) -> None:
        del self._waiting[run]
        if not self._waiting:
            self._wake.clear()
        now = self._clock.monotonic()
        self._not_before = {other: until for other, until in self._not_before.items() if until > now}
        self._not_before[run] = now + self._limits.long_look_rest * cost_s
