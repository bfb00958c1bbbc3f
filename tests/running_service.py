"""A daemon inside the test's own event loop: the real service over real targets and a real state."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent_targets import SETTINGS
from waiting import PATIENCE_S

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.config import Config
from tidelog.syncd.agent.daemon.service import Service
from tidelog.syncd.agent.target.connect import open_target
from tidelog.syncd.agent.target.credentials import parse_address
from tidelog.syncd.agent.upload.state import LmdbState

SERVICE_SETTINGS = replace(SETTINGS, append_bytes=8192, backoff_max_s=0.2)


class RunningService:
    """What a test says to the daemon, and asks of it; `config` is what it reads at its next reload."""

    def __init__(self, place: Path, config: Config, key: str, disk: Disk) -> None:
        place.mkdir(exist_ok=True)
        self.place = place
        self.config = config
        self.told: list[str] = []
        self._key = key
        self._state = LmdbState(place, disk=Disk(), bytes_max=1 << 26)
        self.service = Service(
            self._open,
            lambda: self.config,
            self._state,
            socket=place / "s",
            disk=disk,
            clock=Clock(),
            tell=self.told.append,
        )
        self._running: asyncio.Future[None] | None = None

    def start(self) -> None:
        self._running = asyncio.ensure_future(self.service.run())

    async def stop(self) -> None:
        assert self._running is not None
        self.service.stop()
        await self._running
        self._state.close()

    def reload(self, **changes: Any) -> None:
        """Change the configuration, as SIGHUP makes the daemon see it."""
        self.config = replace(self.config, **changes)
        self.service.reload()

    async def ask(self, command: str, **members: Any) -> dict[str, Any]:
        return dict(await self.service._handle({"command": command, **members}))

    async def until(self, question: Callable[[], Any]) -> None:
        """Return once the answer is true, while the daemon runs."""
        assert self._running is not None
        async with asyncio.timeout(PATIENCE_S):
            while not question():
                assert not self._running.done(), self._running.result()
                await asyncio.sleep(0.01)

    async def status_with(self, question: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Return the first status for which the answer is true."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                status = await self.service.status()
                if question(status):
                    return status
                await asyncio.sleep(0.01)

    def _open(self, config: Config) -> list[Any]:
        return [
            open_target(
                parse_address(text),
                environ={"TIDELOG_API_KEY": self._key},
                disk=Disk(),
                clock=Clock(),
                settings=config.settings,
                begun=self._state,
            )
            for text in config.targets
        ]


@asynccontextmanager
async def running(
    place: Path,
    targets: Sequence[str],
    *roots: Path,
    key: str = "",
    disk: Disk | None = None,
    **config: Any,
) -> AsyncIterator[RunningService]:
    """A daemon that uploads some roots, on `disk`, to some targets; its state lies in `place`."""
    settings = config.pop("settings", SERVICE_SETTINGS)
    daemon = RunningService(
        place,
        Config(targets=tuple(targets), roots=tuple(map(str, roots)), settings=settings, **config),
        key,
        disk or Disk(),
    )
    daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop()
