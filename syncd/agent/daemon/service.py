"""The daemon: looks at the roots, lets an agent for each target upload, answers on the control socket.

It runs until `stop`; what is under way is then finished within a bound, and nothing else begins. A
changed configuration ends the agents in the same way and starts others: they need nothing but the state.
"""

import asyncio
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.config import Config
from tidelog.syncd.agent.daemon.control import ControlServer
from tidelog.syncd.agent.daemon.metrics_server import MetricsServer
from tidelog.syncd.agent.daemon.report import held
from tidelog.syncd.agent.daemon.reporting import Reporting
from tidelog.syncd.agent.daemon.requests import answer
from tidelog.syncd.agent.daemon.seen import in_one_line
from tidelog.syncd.agent.disk_threads import DiskThreads
from tidelog.syncd.agent.notice import Notice
from tidelog.syncd.agent.plan.gate import Gate
from tidelog.syncd.agent.plan.pace import Pace
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.root_target import RootTarget, refuse_nested
from tidelog.syncd.agent.task import Run, Task
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.progress import Progress
from tidelog.syncd.agent.upload.state import LmdbState
from tidelog.syncd.agent.upload.telling import Tell
from tidelog.syncd.agent.watch.inventory import FoundLog
from tidelog.syncd.agent.watch.lookouts import Lookouts
from tidelog.syncd.agent.watch.roots import absolute_root
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

        `about` are further members of `status`, read each time.
        """
        self._open_targets = open_targets
        self._read_config = read_config
        self._state = state
        self._disk = disk
        self._clock = clock
        self._tell_person = tell
        self._told_damage: set[tuple[Task, int]] = set()
        self._progress: dict[str, Progress] = {}
        self._chance = chance
        self._notifier = notifier or Notifier("")
        self.config = read_config()
        self.configured_roots: set[str] = set()
        self._targets = open_targets(self.config)
        self._gate = Gate(self.config.quiet_hours, paused_until=state.paused_until())
        settings = self.config.settings
        self._threads = DiskThreads(settings.disk_threads_max)
        self._agents: list[Agent] = []
        self._control = ControlServer(
            socket, self._handle, disk=disk, line_bytes_max=settings.control_line_bytes_max
        )
        self._lookouts = Lookouts(
            self._found,
            self._gone,
            disk=disk,
            clock=clock,
            settings=settings,
            tell=self._tell,
            threads=self._threads,
        )
        self._reporting = Reporting(
            self._lookouts,
            self._gate,
            state,
            disk=disk,
            clock=clock,
            threads=self._threads,
            about=about or {},
        )
        self._metrics = MetricsServer(self.status, clock=clock, tell=self._tell)
        self._ending = asyncio.Event()
        self._is_stopping = False

    @property
    def target_names(self) -> list[str]:
        """The addresses that are uploaded to."""
        return [target.name for target in self._targets]

    def add_root(self, root: str) -> bool:
        """Watch a root, also after the next start. Returns False where it is watched already.

        Raises CannotStartError where a target lies in it, or around it.
        """
        for target in self._targets:
            if isinstance(target, RootTarget):
                refuse_nested(target.path, [root], disk=self._disk)
        is_new = self._lookouts.add_root(root)
        if is_new:
            self._state.add_root(root)
        return is_new

    def remove_root(self, root: str) -> bool:
        """Watch a root no more, nor after the next start. Returns False where it was not watched."""
        was_watched = self._lookouts.remove_root(root)
        if was_watched:
            self._state.remove_root(root)
        return was_watched

    def stop(self) -> None:
        """Finish what is under way, then let `run` return."""
        self._notifier.stopping()
        self._is_stopping = True
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

    def pause(self, for_s: float) -> None:
        """Let nothing more begin for so many seconds, also after a restart; without end for infinity."""
        self._pause_until(self._clock.now() + for_s)

    def resume(self) -> bool:
        """End a pause. Returns False where there was none."""
        was_paused = self._clock.now() < self._gate.paused_until
        self._pause_until(0.0)
        return was_paused

    def retry(self, *, parked: bool) -> int:
        """Try again now what waits, and with `parked` also what is parked; return how many."""
        self._lookouts.sweep_now()
        return sum(agent.retry(parked=parked) for agent in self._agents)

    async def run(self) -> None:
        """Watch and upload until `stop`."""
        await self._control.start()
        self._notifier.ready()
        try:
            async with asyncio.TaskGroup() as group:
                beating = group.create_task(self._notifier.beat(self._in_one_line))
                looking = group.create_task(self._lookouts.run())
                while not self._is_stopping:
                    await self._upload()
                looking.cancel()
                beating.cancel()
        finally:
            await self._metrics.close()
            await self._control.close()
            await self._reporting.close()
            self._threads.close()

    # -- targets ---------------------------------------------------------------------------------

    async def _watch_all(self) -> None:
        named = self.config.roots
        self.configured_roots = set(await asyncio.gather(*map(self.root_of, named)))
        meant = {*self.configured_roots, *self._state.roots()}
        for root in set(self._lookouts.roots) - meant:
            self._lookouts.remove_root(root)
        for root in sorted(meant):
            self._lookouts.add_root(root)

    async def _upload(self) -> None:
        """Upload to every target until the daemon ends or has another configuration."""
        config, targets = self.config, self._targets
        self._ending.clear()
        self._gate.quiet_hours = config.quiet_hours
        pace = Pace(config.limit_rate_bytes)
        self._agents = [self._make_agent(target, config, pace) for target in targets]
        for agent in self._agents:
            agent.resume()
        await self._watch_all()
        self._lookouts.tell_all()
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
            on_final=self._lookouts.note_final,
            progress=self._progress.setdefault(target.name, Progress(keeps_items=False)),
            told_damage=self._told_damage,
            runs_after=self._lookouts.runs_after,
            threads=self._threads,
        )

    def _found(self, logs: list[FoundLog]) -> None:
        for agent in self._agents:
            agent.found(logs)

    def _gone(self, run: Run) -> None:
        for agent in self._agents:
            agent.gone(run)

    def _in_one_line(self) -> str:
        return in_one_line(self._lookouts, self._agents, self._gate.closed(self._clock.now()))

    def _tell(self, line: str) -> None:
        self._reporting.note(line)
        self._tell_person(line)

    def _pause_until(self, moment: float) -> None:
        self._state.pause(moment)
        self._gate.paused_until = moment
        for agent in self._agents:
            agent.wake()

    # -- answers ---------------------------------------------------------------------------------

    async def status(self) -> dict[str, Any]:
        """Return what the daemon does, as one JSON document."""
        return await self._reporting.status(self._agents, self.config, metrics=self._metrics.url)

    def held(self) -> dict[str, Any]:
        """Return whether anything is sent now, and what waits for that and what goes on to its end."""
        closed = self._gate.closed(self._clock.now())
        return {
            "held": None if closed is None else held(closed),
            "wanted": sum(agent.planner.wanted for agent in self._agents),
            "under_way": sum(len(agent.planner.under_way) for agent in self._agents),
        }

    def pending(self, path: str) -> list[str]:
        """Name what of a run is still to be sent, and to which target, as far as is known yet."""
        items = [
            f"{task} to {agent.target.name}"
            for agent in self._agents
            for task in agent.planner.pending(path)
        ]
        folder = os.path.dirname(os.path.dirname(path))
        if self._lookouts.has_swept(folder):
            return items
        return [*items, "what its first look at all runs finds"]

    @property
    def roots(self) -> list[str]:
        """The roots that are watched, as they were given."""
        return self._lookouts.roots

    async def root_of(self, text: str) -> str:
        """Return the root that a person means by a path or a pattern."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, absolute_root, text, self._disk)

    async def _handle(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        return await answer(self, request)
