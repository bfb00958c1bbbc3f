"""The daemon: looks at the roots, lets an agent for each target upload, answers on the control socket.

It runs until `stop`; what is under way is then finished within a bound, and nothing else begins. A
changed configuration ends the agents in the same way and starts others: they need nothing but the state.
"""

import asyncio
import math
import os
import random
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.config import Config
from tidelog.syncd.agent.daemon.control import ControlServer
from tidelog.syncd.agent.daemon.depth import sound_out
from tidelog.syncd.agent.daemon.metrics_server import MetricsServer
from tidelog.syncd.agent.daemon.report import held, report
from tidelog.syncd.agent.daemon.seen import Seen, see
from tidelog.syncd.agent.plan.gate import Gate
from tidelog.syncd.agent.plan.pace import Pace
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.task import Task
from tidelog.syncd.agent.upload.agent import Agent, Tell
from tidelog.syncd.agent.upload.progress import Progress
from tidelog.syncd.agent.upload.state import LmdbState
from tidelog.syncd.agent.watch.inventory import FoundLog, Inventory
from tidelog.syncd.agent.watch.lookout import Lookout
from tidelog.syncd.errors import SyncdError

EVENTS_MAX = 50
"""So many of the last lines that were told are in a status."""


class Service:
    """One daemon for one state, and for as many targets as the configuration names."""

    def __init__(
        self,
        open_targets: Callable[[Config], list[Target]],
        read_config: Callable[[], Config],
        state: LmdbState,
        *,
        socket: Path,
        disk: Disk,
        clock: Clock,
        tell: Tell,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Raises what `read_config` and `open_targets` raise."""
        self._open_targets = open_targets
        self._read_config = read_config
        self._state = state
        self._disk = disk
        self._clock = clock
        self._tell_person = tell
        self._told_damage: set[tuple[Task, int]] = set()
        self._progress: dict[str, Progress] = {}
        self._reporting: set[asyncio.Future[dict[str, Any]]] = set()
        self._events: deque[tuple[float, str]] = deque(maxlen=EVENTS_MAX)
        self._chance = chance
        self._started = clock.monotonic()
        self.config = read_config()
        self._targets = open_targets(self.config)
        self._gate = Gate(self.config.quiet_hours, paused_until=state.paused_until())
        settings = self.config.settings
        self._inventory = Inventory(disk=disk, clock=clock, settings=settings)
        self._agents: list[Agent] = []
        self._control = ControlServer(
            socket, self._handle, disk=disk, line_bytes_max=settings.control_line_bytes_max
        )
        self._lookout = Lookout(
            self._inventory, self._found, disk=disk, clock=clock, settings=settings, tell=self._tell
        )
        self._metrics = MetricsServer(self.status, clock=clock, tell=self._tell)
        self._ending = asyncio.Event()
        self._is_stopping = False

    @property
    def target_names(self) -> list[str]:
        """The addresses that are uploaded to."""
        return [target.name for target in self._targets]

    def add_root(self, path: str) -> bool:
        """Watch a root, also after the next start. Returns False where it is watched already."""
        is_new = self._inventory.add_root(path)
        if is_new:
            self._state.add_root(path)
        self._lookout.look_now()
        return is_new

    def stop(self) -> None:
        """Finish what is under way, then let `run` return."""
        self._is_stopping = True
        self._lookout.stop()
        self._ending.set()

    def reload(self) -> None:
        """Read the configuration again, and go on with that; the old one stays where it is not sound."""
        try:
            config = self._read_config()
            targets = self._open_targets(config)
        except SyncdError as error:
            self._tell(f"the configuration stays as it was: {error}")
            return
        self.config, self._targets = config, targets
        self._tell(f"the configuration was read again; uploading to {', '.join(self.target_names)}")
        self._ending.set()

    def pause(self, until: float) -> None:
        """Let nothing more begin until a moment (seconds since the epoch), also after a restart."""
        self._state.pause(until)
        self._gate.paused_until = until
        for agent in self._agents:
            agent.wake()

    async def run(self) -> None:
        """Watch and upload until `stop`."""
        self._watch_all()
        await self._control.start()
        try:
            async with asyncio.TaskGroup() as group:
                looking = group.create_task(self._lookout.run())
                while not self._is_stopping:
                    await self._upload()
                await looking
        finally:
            await self._metrics.close()
            await self._control.close()
            if self._reporting:
                await asyncio.wait(self._reporting)  # They read the state, which is closed after us.

    # -- targets ---------------------------------------------------------------------------------

    def _watch_all(self) -> None:
        for root in (*self.config.roots, *self._state.roots()):
            self._inventory.add_root(os.path.realpath(root))

    async def _upload(self) -> None:
        """Upload to every target until the daemon ends or has another configuration."""
        config, targets = self.config, self._targets
        self._ending.clear()
        self._gate.quiet_hours = config.quiet_hours
        pace = Pace(config.limit_rate_bytes)
        self._agents = [self._make_agent(target, config, pace) for target in targets]
        for agent in self._agents:
            agent.resume()
        self._watch_all()
        self._lookout.tell_all()
        await self._metrics.listen(config.metrics)
        try:
            async with asyncio.TaskGroup() as group:
                uploading = [group.create_task(agent.run()) for agent in self._agents]
                if not self._is_stopping:
                    await self._ending.wait()
                for agent in self._agents:
                    agent.stop()
                await asyncio.wait(uploading, timeout=config.settings.drain_s)
                for task in uploading:
                    task.cancel()
        finally:
            for target in targets:
                await target.close()

    def _make_agent(self, target: Target, config: Config, pace: Pace) -> Agent:
        return Agent(
            target,
            self._state,
            disk=self._disk,
            clock=self._clock,
            settings=config.settings,
            chance=self._chance,
            tell=self._tell,
            gate=self._gate,
            pace=pace,
            files=config.files,
            on_final=self._inventory.note_final,
            progress=self._progress.setdefault(target.name, Progress(keeps_items=False)),
            told_damage=self._told_damage,
        )

    def _found(self, logs: list[FoundLog]) -> None:
        for agent in self._agents:
            agent.found(logs)

    # -- control ---------------------------------------------------------------------------------

    async def _handle(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        command = request.get("command")
        if command == "status":
            return await self.status()
        if command == "retry":
            is_parked_too = bool(request.get("parked", True))
            tasks = sum(agent.retry(parked=is_parked_too) for agent in self._agents)
            return {"type": "retry", "tasks": tasks, **self._held()}
        if command == "watch" and isinstance(request.get("root"), str):
            root = await asyncio.to_thread(os.path.realpath, request["root"])
            return {"type": "watch", "root": root, "is_new": self.add_root(root)}
        if command == "pause" and (for_s := _span_of(request)) is not None:
            self.pause(self._clock.now() + for_s)
            return {"type": "pause", **self._held()}
        if command == "resume":
            was_paused = self._clock.now() < self._gate.paused_until
            self.pause(0.0)
            return {"type": "resume", "was_paused": was_paused, **self._held()}
        return {"type": "error", "detail": f"the daemon does not know the request {command!r}"}

    def _held(self) -> dict[str, Any]:
        """Return whether anything is sent now, and what waits for that and what goes on to its end."""
        closed = self._gate.closed(self._clock.now())
        return {
            "held": None if closed is None else held(closed),
            "wanted": sum(agent.planner.wanted for agent in self._agents),
            "under_way": sum(len(agent.planner.under_way) for agent in self._agents),
        }

    async def status(self) -> dict[str, Any]:
        """Return what the daemon does, as one JSON document; the disk is read beside the loop."""
        seen = self._see()
        # Whoever asked may go away; a thread cannot be called back.
        writing = asyncio.ensure_future(asyncio.to_thread(self._report, seen))
        self._reporting.add(writing)
        writing.add_done_callback(self._reporting.discard)
        return {
            "type": "status",
            "running": True,
            "pid": os.getpid(),
            "uptime_s": round(seen.now - self._started, 3),
            **await asyncio.shield(writing),
        }

    def _see(self) -> Seen:
        now, wall = self._clock.monotonic(), self._clock.now()
        return Seen(
            now=now,
            wall=wall,
            closed=self._gate.closed(wall),
            files=self.config.files,
            limit_rate_bytes=self.config.limit_rate_bytes,
            roots=self._inventory.roots,
            problems=dict(self._inventory.problems),
            scan_s=dict(self._lookout.took_s),
            metrics=self._metrics.url,
            runs=len(self._inventory.runs),
            live=self._inventory.live,
            targets=[see(agent, now) for agent in self._agents],
            events=list(self._events),
        )

    def _report(self, seen: Seen) -> dict[str, Any]:
        settings = self.config.settings
        depth = sound_out(seen, self._state, disk=self._disk, settings=settings)
        return report(seen, depth, entries_max=settings.status_entries_max)

    def _tell(self, line: str) -> None:
        self._events.append((self._clock.now(), line))
        self._tell_person(line)


def _span_of(request: Mapping[str, Any]) -> float | None:
    """Return for how many seconds a pause is asked, without end unless it is said; None for nonsense."""
    for_s = request.get("for_s", math.inf)
    return float(for_s) if isinstance(for_s, (int, float)) and for_s > 0 else None
