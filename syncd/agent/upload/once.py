"""Upload some logs once: until all of it is acknowledged or parked, or the target stays away.

Keeps no state: what the target holds, it is asked. So it may run beside a daemon.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from enum import Enum

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.plan.retry import Course
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.watch.inventory import FoundLog
from tidelog.syncd.agent.watch.selection import SelectedLog


class Ending(Enum):
    """How a one-shot upload ended; the value is the word in JSON."""

    WHOLE = "whole"
    PARKED = "parked"
    DAMAGED = "damaged"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    STUCK = "stuck"


async def upload_once(
    agent: Agent,
    logs: Iterable[SelectedLog],
    *,
    disk: Disk,
    clock: Clock,
    timeout_s: float,
    tick_s: float,
    on_tick: Callable[[], None],
) -> Ending:
    """Upload the logs and their files. `on_tick` is called every so often, for a progress bar."""
    agent.found(_found(log, disk) for log in logs)
    uploading = asyncio.ensure_future(agent.run(until_idle=True))
    given_up: Ending | None = None
    try:
        while given_up is None:
            finished, _ = await asyncio.wait([uploading], timeout=tick_s)
            on_tick()
            if finished:
                break
            given_up = _reason_to_give_up(agent, clock.monotonic(), timeout_s)
    finally:
        uploading.cancel()
        await asyncio.gather(uploading, return_exceptions=True)
        await agent.target.close()
    if given_up is not None:
        return given_up
    uploading.result()
    if agent.planner.parked or agent.runs_lost:
        return Ending.PARKED
    return Ending.DAMAGED if agent.losses.damaged else Ending.WHOLE


def _reason_to_give_up(agent: Agent, now: float, timeout_s: float) -> Ending | None:
    outage = agent.outage
    if outage is not None:
        if outage.setback.course is Course.REFUSED:
            return Ending.REFUSED
        return Ending.UNREACHABLE if now - outage.since >= timeout_s else None
    is_stuck = not agent.planner.under_way and bool(agent.planner.waiting)
    if is_stuck and now - agent.last_acknowledged >= timeout_s:
        return Ending.STUCK
    return None


def _found(log: SelectedLog, disk: Disk) -> FoundLog:
    size = disk.stat(os.path.join(log.run.path, log.name)).st_size
    return FoundLog(log.run, log.name, size, is_live=False)
