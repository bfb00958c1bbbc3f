"""Looks at roots in tests, with clocks that are moved by hand."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from waiting import PATIENCE_S

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.watch.inventory import FoundLog, Inventory, Look
from tidelog.syncd.agent.watch.lookout import Lookout


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
    found = Inventory(disk=disk or Disk(), clock=clock or MovedClock(), settings=AgentSettings())
    found.add_root(str(root))
    return found


def found_by(inventory: Inventory, look: Look) -> list[FoundLog]:
    return [log for logs in inventory.look(look) for log in logs]


def names_by(inventory: Inventory, look: Look) -> list[str]:
    return sorted(f"{log.run}/{log.name}" for log in found_by(inventory, look))


WATCHING = AgentSettings(tail_interval_s=0.02, runs_interval_s=3600.0, sweep_interval_s=3600.0)


class Watch:
    """A lookout over one root, and what it found: for each log the moments at which it was told."""

    def __init__(
        self, root: Path, *, settings: AgentSettings = WATCHING, disk: Disk | None = None
    ) -> None:
        disk, clock = disk or Disk(), MovedClock()
        self.told: list[str] = []
        self.gone: list[str] = []
        self.found: dict[str, list[float]] = {}
        self.inventory = Inventory(disk=disk, clock=clock, settings=settings)
        self.inventory.add_root(str(root))
        self.lookout = Lookout(
            self.inventory,
            self._found,
            lambda run: self.gone.append(str(run)),
            disk=disk,
            clock=clock,
            settings=settings,
            tell=self.told.append,
        )
        self._news = asyncio.Event()

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
            looking = asyncio.create_task(self.lookout.run())
            await work()
            self.lookout.stop()
            async with asyncio.timeout(PATIENCE_S):
                await looking

        asyncio.run(run())
