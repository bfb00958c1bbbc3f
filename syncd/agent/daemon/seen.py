"""What a report is written of: copies, made in the loop, so that it can be written beside the loop."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from tidelog.datastore.scan import Damage, TornTail
from tidelog.datastore.text import counted
from tidelog.syncd.agent.plan.file_filter import FileFilter
from tidelog.syncd.agent.plan.gate import Closed
from tidelog.syncd.agent.plan.planner import Outage
from tidelog.syncd.agent.plan.retry import Setback
from tidelog.syncd.agent.task import Run, Task
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.lag import Behind
from tidelog.syncd.agent.upload.telling import LastError
from tidelog.syncd.agent.watch.lookouts import Lookouts


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
    folders: Sequence[dict[str, str]]
    sweeps: int
    sweep_s: float
    event_overflows: int
    metrics: str | None
    runs: int
    runs_awake: int
    live: Sequence[tuple[Run, str]]
    silent_folders: Collection[str]
    targets: Sequence[SeenTarget]
    events: Sequence[tuple[float, str]]


def see(agent: Agent, now: float) -> SeenTarget:
    """Copy what there is to tell of one target. Only in the thread of the loop."""
    planner = agent.planner
    return SeenTarget(
        name=agent.target.name,
        outage=planner.outage,
        next_try=planner.next_try,
        last_error=agent.telling.last_error,
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


def see_folders(lookouts: Lookouts, entries_max: int) -> list[dict[str, str]]:
    """List the folders that the roots mean, and how a change in each is noticed."""
    return [
        {"folder": folder.path, "root": folder.root, "way": folder.way}
        for folder in islice(lookouts.folders, entries_max)
    ]


def see_problems(lookouts: Lookouts, wall: float, *, answer_s: float) -> dict[str, str]:
    """Return what cannot be looked at, and why; first the roots that do not answer, and since when."""
    silent = {
        root: f"it has not answered since {_moment_text(wall - waited_s)}"
        for root, waited_s in lookouts.unanswered(for_s=answer_s).items()
    }
    others = lookouts.problems.items()
    return {**silent, **{path: why for path, why in others if path not in silent}}


def in_one_line(lookouts: Lookouts, agents: Sequence[Agent], closed: Closed | None) -> str:
    """Return what a service manager shows beside the daemon's name."""
    live = len({run for run, _ in lookouts.live})
    facts = [counted(len(lookouts.roots), "root"), counted(lookouts.run_count, "run"), f"{live} live"]
    if closed is not None:
        facts.append(closed.reason)
    for agent in agents:
        outage = agent.planner.outage
        facts.append(f"{agent.target.name} {'works' if outage is None else 'does not work'}")
    return ", ".join(facts)


def _moment_text(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")
