"""Looks at roots in tests, with clocks that are moved by hand."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from waiting import PATIENCE_S

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.disk_threads import DiskThreads
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.watch.inventory import FoundLog, Inventory, Look
from tidelog.syncd.agent.watch.lookouts import Lookouts


class MovedClock(Clock):
    """The machine's clock, so many seconds ahead; its two times are moved apart or together."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s
        self.passed_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s + self.passed_s

    def monotonic(self) -> float:
        return super().monotonic() + self.passed_s


def inventory_of(root: Path, *, clock: Clock | None = None, disk: Disk | None = None) -> Inventory:
    disk, clock = disk or Disk(), clock or MovedClock()
    return Inventory(str(root), disk=disk, clock=clock, settings=AgentSettings())


def found_by(inventory: Inventory, look: Look) -> list[FoundLog]:
    return [log for logs in inventory.look(look) for log in logs]


def names_by(inventory: Inventory, look: Look) -> list[str]:
    return sorted(f"{log.run}/{log.name}" for log in found_by(inventory, look))


WATCHING = AgentSettings(tail_interval_s=0.02, runs_interval_s=3600.0, sweep_interval_s=3600.0)


class Watch:
    """Lookouts over one root or several, and what they found: for each log the moments it was told."""

    def __init__(
        self, *roots: Path, settings: AgentSettings = WATCHING, disk: Disk | None = None
    ) -> None:
        self.told: list[str] = []
        self.gone: list[str] = []
        self.found: dict[str, list[float]] = {}
        self.clock = MovedClock()
        self._threads = DiskThreads(settings.disk_threads_max)
        self.lookouts = Lookouts(
            self._found,
            lambda run: self.gone.append(str(run)),
            disk=disk or Disk(),
            clock=self.clock,
            settings=settings,
            tell=self.told.append,
            threads=self._threads,
        )
        for root in roots:
            self.lookouts.add_root(str(root))
        self._news = asyncio.Event()

    def way_to(self, path: Path) -> str:
        """Return how a change in a folder of a root is noticed, "" where no root means it."""
        return next((each.way for each in self.lookouts.folders if each.path == str(path)), "")

    def _found(self, logs: list[FoundLog]) -> None:
        for log in logs:
            self.found.setdefault(f"{log.run}/{log.name}", []).append(time.monotonic())
        self._news.set()

    async def until(self, question: Callable[[], object]) -> None:
        """Return once the answer is yes; asked again after each find, and twice in a tail's time."""
        async with asyncio.timeout(PATIENCE_S):
            while not question():
                self._news.clear()
                try:
                    async with asyncio.timeout(0.01):
                        await self._news.wait()
                except TimeoutError:
                    pass

    def do(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            looking = asyncio.create_task(self.lookouts.run())
            try:
                await work()
            finally:
                looking.cancel()
                await asyncio.wait([looking])
                self._threads.close()

        asyncio.run(run())
