"""Answers what the daemon does: copies what changes in the loop, and writes the document beside it."""

import asyncio
import os
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.config import Config
from tidelog.syncd.agent.daemon.depth import Depth, count_rows, lagging_logs, queued_files
from tidelog.syncd.agent.daemon.report import report
from tidelog.syncd.agent.daemon.seen import Seen, see, see_folders, see_problems
from tidelog.syncd.agent.plan.gate import Gate
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.task import Task
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.state import LmdbState
from tidelog.syncd.agent.upload.unsent import Unsent
from tidelog.syncd.agent.watch.lookouts import Lookouts

RowCounts = dict[str, dict[Task, Unsent]]

EVENTS_MAX = 50
"""So many of the last lines that were told are in a status."""


class Reporting:
    """Writes statuses until `close`. `about` are further members, read each time."""

    def __init__(
        self,
        lookouts: Lookouts,
        gate: Gate,
        state: LmdbState,
        *,
        disk: Disk,
        clock: Clock,
        threads: Executor,
        about: Mapping[str, Any],
    ) -> None:
        self._lookouts = lookouts
        self._gate = gate
        self._state = state
        self._disk = disk
        self._clock = clock
        self._threads = threads
        self._about = about
        self._started = clock.monotonic()
        self._events: deque[tuple[float, str]] = deque(maxlen=EVENTS_MAX)
        self._writing: set[asyncio.Future[dict[str, Any]]] = set()
        self._stuck: set[asyncio.Future[None]] = set()
        """Counts that wait for a disk. While there are some no other is begun, lest they pile up."""

    def note(self, line: str) -> None:
        """Remember a line that was told."""
        self._events.append((self._clock.now(), line))

    async def status(
        self, agents: Sequence[Agent], config: Config, *, metrics: str | None
    ) -> dict[str, Any]:
        """Return what the daemon does, as one JSON document. `metrics` is where they are served."""
        seen = self._see(agents, config, metrics)
        # Whoever asked may go away; a thread cannot be called back.
        writing = asyncio.ensure_future(self._write(seen, config.settings))
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
        now, wall, settings = self._clock.monotonic(), self._clock.now(), config.settings
        return Seen(
            now=now,
            wall=wall,
            closed=self._gate.closed(wall),
            files=config.files,
            limit_rate_bytes=config.limit_rate_bytes,
            roots=self._lookouts.roots,
            folders=see_folders(self._lookouts, settings.status_entries_max),
            problems=see_problems(self._lookouts, wall, answer_s=settings.answer_s),
            sweeps=self._lookouts.sweeps,
            sweep_s=self._lookouts.sweep_s,
            event_overflows=self._lookouts.overflows,
            metrics=metrics,
            runs=self._lookouts.run_count,
            runs_awake=self._lookouts.awake_count,
            live=self._lookouts.live,
            silent_folders=self._lookouts.silent_folders(for_s=settings.lend_s),
            targets=[see(agent, now) for agent in agents],
            events=list(self._events),
        )

    async def _write(self, seen: Seen, settings: AgentSettings) -> dict[str, Any]:
        unsent = await self._count_rows(seen, settings)
        return await asyncio.to_thread(self._document, seen, unsent, settings)

    async def _count_rows(self, seen: Seen, settings: AgentSettings) -> RowCounts:
        """Count what live logs lack, as far as their disks answer: what came before a hang is kept."""
        counts: RowCounts = {target.name: {} for target in seen.targets}
        if not self._stuck:
            bytes_max = settings.status_bytes_max
            logs = await asyncio.to_thread(lagging_logs, seen, self._state, bytes_max=bytes_max)
            count = partial(count_rows, logs, counts, disk=self._disk, bytes_max=bytes_max)
            counting = asyncio.get_running_loop().run_in_executor(self._threads, count)
            _, stuck = await asyncio.wait([counting], timeout=settings.lend_s)
            self._stuck |= stuck
            counting.add_done_callback(self._stuck.discard)
        return {target: dict(found) for target, found in counts.items()}

    def _document(self, seen: Seen, unsent: RowCounts, settings: AgentSettings) -> dict[str, Any]:
        files, are_exact = queued_files(seen, self._state, settings=settings)
        return report(seen, Depth(unsent, files, are_exact), entries_max=settings.status_entries_max)
