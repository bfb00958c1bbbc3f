"""What a report is written of: copies, made in the loop, so that it can be written beside the loop."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tidelog.datastore.scan import Damage, TornTail
from tidelog.syncd.agent.plan.file_filter import FileFilter
from tidelog.syncd.agent.plan.gate import Closed
from tidelog.syncd.agent.plan.planner import Outage
from tidelog.syncd.agent.plan.retry import Setback
from tidelog.syncd.agent.task import Run, Task
from tidelog.syncd.agent.upload.agent import Agent, LastError
from tidelog.syncd.agent.upload.lag import Behind


class SeenTarget(NamedTuple):
    """One target as it was at a moment; times as in what they were copied from."""

    name: str
    outage: Outage | None
    next_try: float | None
    last_error: LastError | None
    wanted: int
    under_way: Sequence[Task]
    behind: Mapping[Task, Behind]
    waiting: Mapping[Task, Setback]
    parked: Mapping[Task, str]
    damaged: Sequence[tuple[Task, Damage]]
    torn: Sequence[tuple[Task, TornTail]]
    twins: Mapping[Task, str]
    rate_bytes_s: float
    history: Sequence[int]
    chunks_sent: int
    bytes_sent: int


class Seen(NamedTuple):
    """The daemon as it was at a moment: `now` is monotonic, `wall` in seconds since the epoch."""

    now: float
    wall: float
    closed: Closed | None
    files: FileFilter
    limit_rate_bytes: float | None
    roots: Sequence[str]
    problems: Mapping[str, str]
    scan_s: Mapping[str, float]
    metrics: str | None
    runs: int
    live: Sequence[tuple[Run, str]]
    targets: Sequence[SeenTarget]
    events: Sequence[tuple[float, str]]


def see(agent: Agent, now: float) -> SeenTarget:
    """Copy what there is to tell of one target. Only in the thread of the loop."""
    planner = agent.planner
    return SeenTarget(
        name=agent.target.name,
        outage=planner.outage,
        next_try=planner.next_try,
        last_error=agent.last_error,
        wanted=planner.wanted,
        under_way=planner.under_way,
        behind=dict(agent.lag.behind),
        waiting=planner.waiting,
        parked=dict(planner.parked),
        damaged=agent.losses.damaged,
        torn=agent.losses.torn,
        twins=dict(agent.twins),
        rate_bytes_s=agent.rate.bytes_per_s(now),
        history=agent.rate.history(now),
        chunks_sent=agent.progress.chunks,
        bytes_sent=agent.progress.bytes_sent,
    )
