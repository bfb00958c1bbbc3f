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

    def add_root(self, path: str) -> bool:
        """Watch a root, also after the next start. Returns False where it is watched already."""
        is_new = self._inventory.add_root(path)
        if is_new:
            self._state.add_root(path)
        self._lookout.look_now()
        return is_new

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
        if command == "watch" and isinstance(request.get("root"), str):
            root = os.path.realpath(request["root"])
            return {"type": "watch", "root": root, "is_new": self.add_root(root)}
        return {"type": "error", "detail": f"the daemon does not know the request {command!r}"}

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
            "roots": self._inventory.roots,
            "problems": dict(list(self._inventory.problems.items())[:LISTED_MAX]),
            "runs": len(self._inventory.runs),
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


def _with_reasons(tasks: Mapping[Task, str]) -> list[dict[str, str]]:
    return [
        {"project": task.run.project, "run": task.run.name, "item": task.name, "reason": reason}
        for task, reason in list(tasks.items())[:LISTED_MAX]
    ]
