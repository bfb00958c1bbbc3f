"""Looks at the roots again and again, sooner where a hint came, and tells what has changed.

A hint is never believed: it only brings the next look forward.
"""

import asyncio
import contextlib
from collections.abc import Callable

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.watch.hints import Hints
from tidelog.syncd.agent.watch.inventory import FoundLog, Inventory, Look


class Lookout:
    """Calls `found` with what is new, from the loop's thread, until `stop`."""

    def __init__(
        self,
        inventory: Inventory,
        found: Callable[[list[FoundLog]], None],
        *,
        disk: Disk,
        clock: Clock,
        settings: AgentSettings,
        tell: Callable[[str], None],
    ) -> None:
        self._inventory = inventory
        self._found = found
        self._disk = disk
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._dirty = asyncio.Event()
        self._is_stopping = False
        self._next_runs = self._next_sweep = 0.0
        self.took_s: dict[str, float] = {}
        self._told = ""
        self._is_all_told = True

    def look_now(self) -> None:
        """Let the next look come at once: a root was added, or a person asked."""
        self._dirty.set()

    def tell_all(self) -> None:
        """Tell of every log again with the next look, which is a sweep: somebody new listens."""
        self._is_all_told = False
        self._dirty.set()

    def stop(self) -> None:
        """Let `run` return."""
        self._is_stopping = True
        self._dirty.set()

    async def run(self) -> None:
        """Look until `stop`."""
        hints = Hints(self._dirty, disk=self._disk)
        try:
            while not self._is_stopping:
                look = self._next_look()
                self._dirty.clear()
                await self._look(look, hints)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.tail_interval_s):
                        await self._dirty.wait()
        finally:
            await asyncio.to_thread(hints.close)

    def _next_look(self) -> Look:
        now, settings, look = self._clock.monotonic(), self._settings, Look.TAIL
        if now >= self._next_runs or self._dirty.is_set():
            look, self._next_runs = Look.RUNS, now + settings.runs_interval_s
        if not self._is_all_told:
            self._inventory.report_all()
            self._is_all_told, self._next_sweep = True, now
        if now >= self._next_sweep:
            look, self._next_sweep = Look.SWEEP, now + settings.sweep_interval_s
        return look

    async def _look(self, look: Look, hints: Hints) -> None:
        began = self._clock.monotonic()
        try:
            self._found(await asyncio.to_thread(self._inventory.look, look))
            self.took_s[look.name.lower()] = self._clock.monotonic() - began
            hints.watch([*self._inventory.roots, *self._inventory.projects])
            self._told = ""
        except Exception as error:  # noqa: BLE001 - one bad look must not end the daemon
            problem = f"the roots cannot be looked at: {type(error).__name__}: {error}"
            if problem != self._told:
                self._tell(f"{problem}; trying again")
            # What this look had found was told to nobody.
            self._told, self._is_all_told = problem, False
