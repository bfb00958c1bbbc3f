"""The daemon: looks at the roots, lets the agent upload, answers on the control socket.

It runs until `stop`; what is under way is then finished within a bound, and nothing else begins.
"""

import asyncio
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.control import ControlServer
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.task import Task
from tidelog.syncd.agent.upload.agent import Agent, Tell
from tidelog.syncd.agent.upload.progress import Progress
from tidelog.syncd.agent.upload.state import LmdbState
from tidelog.syncd.agent.watch.inventory import Inventory
from tidelog.syncd.agent.watch.lookout import Lookout
from tidelog.syncd.agent.watch.roots import absolute_root

LISTED_MAX = 1000


class Service:
    """One daemon for one state and one target."""

    def __init__(
        self,
        target: Target,
        state: LmdbState,
        *,
        socket: Path,
        disk: Disk,
        clock: Clock,
        settings: AgentSettings,
        tell: Tell,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._state = state
        self._disk = disk
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._started = clock.monotonic()
        self._inventory = Inventory(disk=disk, clock=clock, settings=settings)
        self._agent = Agent(
            target,
            state,
            disk=disk,
            clock=clock,
            settings=settings,
            chance=chance,
            tell=tell,
            on_final=self._inventory.note_final,
            progress=Progress(keeps_items=False),
        )
        self._control = ControlServer(
            socket, self._handle, disk=disk, line_bytes_max=settings.control_line_bytes_max
        )
        self._lookout = Lookout(
            self._inventory,
            self._agent.found,
            disk=disk,
            clock=clock,
            settings=settings,
            tell=tell,
        )
        self._stopping = asyncio.Event()

    def add_root(self, root: str) -> bool:
        """Watch a root, also after the next start. Returns False where it is watched already."""
        is_new = self._inventory.add_root(root)
        if is_new:
            self._state.add_root(root)
        self._lookout.look_now()
        return is_new

    def remove_root(self, root: str) -> bool:
        """Watch a root no more, nor after the next start. Returns False where it was not watched."""
        was_watched = self._inventory.remove_root(root)
        if was_watched:
            self._state.remove_root(root)
        self._lookout.look_now()
        return was_watched

    def stop(self) -> None:
        """Finish what is under way, then let `run` return."""
        self._stopping.set()
        self._lookout.stop()
        self._agent.stop()

    async def run(self) -> None:
        """Watch and upload until `stop`."""
        for root in self._state.roots():
            self._inventory.add_root(root)
        self._agent.resume()
        await self._control.start()
        try:
            async with asyncio.TaskGroup() as group:
                uploading = group.create_task(self._agent.run())
                group.create_task(self._lookout.run())
                await self._stopping.wait()
                await asyncio.wait([uploading], timeout=self._settings.drain_s)
                uploading.cancel()
        finally:
            await self._control.close()
            await self._agent.target.close()

    # -- control ---------------------------------------------------------------------------------

    def _handle(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        command = request.get("command")
        if command == "status":
            return self.status()
        if command == "retry":
            count = self._agent.retry(parked=bool(request.get("parked", True)))
            return {"type": "retry", "tasks": count}
        if command in ("watch", "unwatch") and isinstance(request.get("root"), str):
            return self._handle_root(command, request["root"])
        return {"type": "error", "detail": f"the daemon does not know the request {command!r}"}

    def _handle_root(self, command: str, text: str) -> dict[str, Any]:
        """Answer with the roots that are watched afterwards, for those who asked for an unknown one."""
        known = self._inventory.roots
        root = text if text in known else absolute_root(text, self._disk)
        changed = self.add_root(root) if command == "watch" else self.remove_root(root)
        is_new = "is_new" if command == "watch" else "was_watched"
        return {"type": command, "root": root, is_new: changed, "roots": list(self._inventory.roots)}

    def status(self) -> dict[str, Any]:
        """Return what the daemon does, as one JSON document."""
        agent, planner, now = self._agent, self._agent.planner, self._clock.monotonic()
        outage = planner.outage
        return {
            "type": "status",
            "running": True,
            "pid": os.getpid(),
            "uptime_s": round(now - self._started, 3),
            "target": agent.target.name,
            "state": "up" if outage is None else outage.setback.course.value,
            "outage": None
            if outage is None
            else {
                "reason": outage.setback.reason,
                "lasts_s": round(now - outage.since, 3),
                "tries": outage.attempt,
                "next_try_in_s": round(max(0.0, outage.until - now), 3),
            },
            "roots": list(self._inventory.roots),
            "folders": self._folders(),
            "problems": dict(list(self._inventory.problems.items())[:LISTED_MAX]),
            "runs": self._inventory.run_count,
            "runs_awake": self._inventory.awake_count,
            "sweeps": self._lookout.sweeps,
            "sweep_s": round(self._lookout.sweep_s, 3),
            "wanted": planner.wanted,
            "under_way": [str(task) for task in planner.under_way],
            "waiting": _with_reasons({t: s.reason for t, s in planner.waiting.items()}),
            "parked": _with_reasons(planner.parked),
            "damaged": [
                {"log": str(task), "offset": d.offset, "length": d.length, "chunks": d.chunks}
                for task, d in agent.losses.damaged[:LISTED_MAX]
            ],
            "torn_tails": [
                {"log": str(task), "offset": tail.offset, "length": tail.length}
                for task, tail in agent.losses.torn[:LISTED_MAX]
            ],
            "sent": {"chunks": agent.progress.chunks, "bytes": agent.progress.bytes_sent},
        }

    def _folders(self) -> list[dict[str, str]]:
        """Return the folders that the roots mean, and how a change in each is noticed."""
        places = self._inventory.folders
        meant = [(root, f) for root, found in self._inventory.roots.items() for f in found]
        return [
            {"folder": folder, "root": root, "way": self._lookout.way_to(places[folder])}
            for root, folder in meant[:LISTED_MAX]
            if folder in places
        ]


def _with_reasons(tasks: Mapping[Task, str]) -> list[dict[str, str]]:
    return [
        {"project": task.run.project, "run": task.run.name, "item": task.name, "reason": reason}
        for task, reason in list(tasks.items())[:LISTED_MAX]
    ]
