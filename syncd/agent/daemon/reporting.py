"""Answers what the daemon does: copies what changes in the loop, and writes the document beside it."""

import asyncio
import os
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.config import Config
from tidelog.syncd.agent.daemon.depth import sound_out
from tidelog.syncd.agent.daemon.report import report
from tidelog.syncd.agent.daemon.seen import Seen, see, see_folders
from tidelog.syncd.agent.plan.gate import Gate
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.state import LmdbState
from tidelog.syncd.agent.watch.inventory import Inventory
from tidelog.syncd.agent.watch.lookout import Lookout

EVENTS_MAX = 50
"""So many of the last lines that were told are in a status."""


class Reporting:
    """Writes statuses until `close`. `about` are further members, read each time."""

    def __init__(
        self,
        inventory: Inventory,
        lookout: Lookout,
        gate: Gate,
        state: LmdbState,
        *,
        disk: Disk,
        clock: Clock,
        about: Mapping[str, Any],
    ) -> None:
        self._inventory = inventory
        self._lookout = lookout
        self._gate = gate
        self._state = state
        self._disk = disk
        self._clock = clock
        self._about = about
        self._started = clock.monotonic()
        self._events: deque[tuple[float, str]] = deque(maxlen=EVENTS_MAX)
        self._writing: set[asyncio.Future[dict[str, Any]]] = set()

    def note(self, line: str) -> None:
        """Remember a line that was told."""
        self._events.append((self._clock.now(), line))

    async def status(
        self, agents: Sequence[Agent], config: Config, *, metrics: str | None
    ) -> dict[str, Any]:
        """Return what the daemon does, as one JSON document. `metrics` is where they are served."""
        seen = self._see(agents, config, metrics)
        # Whoever asked may go away; a thread cannot be called back.
        writing = asyncio.ensure_future(asyncio.to_thread(self._write, seen, config.settings))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        return {
            "type": "status",
            "running": True,
            "pid": os.getpid(),
            "uptime_s": round(seen.now - self._started, 3),
            **self._about,
            **await asyncio.shield(writing),
        }

    async def close(self) -> None:
        """Return once nothing is being written: it reads the state, which is closed after us."""
        if self._writing:
            await asyncio.wait(self._writing)

    def _see(self, agents: Sequence[Agent], config: Config, metrics: str | None) -> Seen:
        now, wall = self._clock.monotonic(), self._clock.now()
        return Seen(
            now=now,
            wall=wall,
            closed=self._gate.closed(wall),
            files=config.files,
            limit_rate_bytes=config.limit_rate_bytes,
            roots=list(self._inventory.roots),
            folders=see_folders(self._inventory, self._lookout, config.settings.status_entries_max),
            problems=dict(self._inventory.problems),
            sweeps=self._lookout.sweeps,
            sweep_s=self._lookout.sweep_s,
            event_overflows=self._lookout.overflows,
            metrics=metrics,
            runs=self._inventory.run_count,
            runs_awake=self._inventory.awake_count,
            live=self._inventory.live,
            targets=[see(agent, now) for agent in agents],
            events=list(self._events),
        )

    def _write(self, seen: Seen, settings: AgentSettings) -> dict[str, Any]:
        depth = sound_out(seen, self._state, disk=self._disk, settings=settings)
        return report(seen, depth, entries_max=settings.status_entries_max)
