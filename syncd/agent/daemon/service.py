"""The daemon: looks at the roots, lets an agent for each target upload, answers on the control socket.

It runs until `stop`; what is under way is then finished within a bound, and nothing else begins. A
changed configuration ends the agents in the same way and starts others: they need nothing but the state.
"""

import asyncio
import math
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.config import Config
from tidelog.syncd.agent.daemon.control import ControlServer
from tidelog.syncd.agent.daemon.report import in_one_line, report
from tidelog.syncd.agent.notice import Notice
from tidelog.syncd.agent.plan.gate import Gate
from tidelog.syncd.agent.plan.pace import Pace
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.upload.agent import Agent, Tell
from tidelog.syncd.agent.upload.progress import Progress
from tidelog.syncd.agent.upload.state import LmdbState
from tidelog.syncd.agent.watch.inventory import FoundLog, Inventory
from tidelog.syncd.agent.watch.lookout import Lookout
from tidelog.syncd.errors import SyncdError
from tidelog.syncd.notify import Notifier


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
        notifier: Notifier | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Raises what `read_config` and `open_targets` raise.

        `about` are members of `status` that stay the same while it runs.
        """
        self._open_targets = open_targets
        self._read_config = read_config
        self._state = state
        self._disk = disk
        self._clock = clock
        self._tell = tell
        self._chance = chance
        self._notifier = notifier or Notifier("")
        self._about = dict(about or {})
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
            self._inventory, self._found, disk=disk, clock=clock, settings=settings, tell=tell
        )
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
        self._notifier.stopping()
        self._is_stopping = True
        self._lookout.stop()
        self._ending.set()

    def reload(self) -> None:
        """Read the configuration again, and go on with that; the old one stays where it is not sound."""
        self._notifier.reloading()
        try:
            self._read_again()
        finally:
            self._notifier.ready()

    def _read_again(self) -> None:
        try:
            config = self._read_config()
            targets = self._open_targets(config)
        except SyncdError as error:
            self._tell(f"the configuration stays as it was: {error}")
            return
        self.config, self._targets = config, targets
        text = f"the configuration was read again; uploading to {', '.join(self.target_names)}"
        self._tell(Notice(text, is_good_news=True))
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
        self._notifier.ready()
        try:
            async with asyncio.TaskGroup() as group:
                beating = group.create_task(self._notifier.beat(self._in_one_line))
                looking = group.create_task(self._lookout.run())
                while not self._is_stopping:
                    await self._upload()
                await looking
                beating.cancel()
        finally:
            await self._control.close()

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
            progress=Progress(keeps_items=False),
        )

    def _found(self, logs: list[FoundLog]) -> None:
        for agent in self._agents:
            agent.found(logs)

    def _in_one_line(self) -> str:
        return in_one_line(self._inventory, self._agents, self._gate.closed(self._clock.now()))

    # -- control ---------------------------------------------------------------------------------

    def _handle(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        command = request.get("command")
        if command == "status":
            return self.status()
        if command == "retry":
            is_parked_too = bool(request.get("parked", True))
            return {"type": "retry", "tasks": sum(a.retry(parked=is_parked_too) for a in self._agents)}
        if command == "watch" and isinstance(request.get("root"), str):
            root = os.path.realpath(request["root"])
            return {"type": "watch", "root": root, "is_new": self.add_root(root)}
        if command == "pause" and isinstance(request.get("for_s", math.inf), (int, float)):
            self.pause(self._clock.now() + request.get("for_s", math.inf))
            return {"type": "pause"}
        if command == "resume":
            self.pause(0.0)
            return {"type": "resume"}
        return {"type": "error", "detail": f"the daemon does not know the request {command!r}"}

    def status(self) -> dict[str, Any]:
        """Return what the daemon does, as one JSON document."""
        now = self._clock.monotonic()
        return {
            "type": "status",
            "running": True,
            "pid": os.getpid(),
            "uptime_s": round(now - self._started, 3),
            **self._about,
            **report(self._inventory, self._agents, self._gate.closed(self._clock.now()), now),
        }
