"""Statuses for tests of screens: written by the daemon's own report, of what nobody had to wait for."""

from typing import Any

from tidelog.syncd.agent.daemon.depth import Depth
from tidelog.syncd.agent.daemon.report import report
from tidelog.syncd.agent.daemon.seen import Seen, SeenTarget
from tidelog.syncd.agent.plan.file_filter import EVERY_FILE
from tidelog.syncd.agent.plan.planner import Outage
from tidelog.syncd.agent.plan.retry import Course, Setback
from tidelog.syncd.agent.task import LARGE_FILE, LOG, Run, Task
from tidelog.syncd.agent.upload.backlog import Amount, Backlog
from tidelog.syncd.agent.upload.lag import Behind
from tidelog.syncd.agent.upload.unsent import Unsent

NOW, WALL = 1000.0, 1_795_000_000.0
HUB, USB = "https://hub.lab", "file:///media/usb"


def a_run(name: str, project: str = "mnist") -> Run:
    return Run(f"/root/{project}/{name}", project, name)


def a_target(name: str = HUB, **changes: Any) -> SeenTarget:
    """A target that works and lacks nothing."""
    target = SeenTarget(
        name=name,
        outage=None,
        next_try=None,
        last_error=None,
        wanted=0,
        under_way=(),
        behind={},
        waiting={},
        parked={},
        damaged=(),
        torn=(),
        twins={},
        rate_bytes_s=0.0,
        history=[0] * 59,
        chunks_sent=10,
        bytes_sent=5000,
    )
    return target._replace(**changes)


def an_outage(reason: str, *, course: Course = Course.OUTAGE) -> Outage:
    """One that has lasted two hours."""
    return Outage(Setback(course, reason), since=NOW - 7200, attempt=14, until=NOW + 12)


def behind(*runs: Run, rows: int = 12, is_exact: bool = True) -> tuple[dict[Task, Behind], Any]:
    """Logs of which a target lacks some kB each, and what stands in them."""
    logs = {
        Task(run, LOG, "main.0001.tlog"): Behind(5000 + at, 1000, NOW - 60 - at, is_live=True)
        for at, run in enumerate(runs)
    }
    unsent = {
        task: Unsent(rows + at, is_exact=is_exact, first_time=None) for at, task in enumerate(logs)
    }
    return logs, unsent


def a_file(run: Run, path: str) -> Task:
    return Task(run, LARGE_FILE, path)


def a_status(*targets: SeenTarget, live: Any = (), unsent: Any = None, **changes: Any) -> dict[str, Any]:
    """The document that `syncd status --json` prints."""
    backlog = changes.pop("backlog", Backlog())
    seen = Seen(
        now=NOW,
        wall=WALL,
        closed=None,
        files=EVERY_FILE,
        limit_rate_bytes=None,
        roots=["/root"],
        problems={},
        folders=(),
        sweeps=3,
        sweep_s=0.25,
        event_overflows=0,
        metrics=None,
        runs=12_345,
        runs_awake=3,
        live=[(run, "main.0001.tlog") for run in live],
        silent_folders=(),
        targets=targets,
        events=(),
    )
    seen = seen._replace(**changes)
    depth = Depth(
        {target.name: unsent or {} for target in targets},
        {target.name: backlog for target in targets},
        are_files_exact=True,
    )
    about = {"type": "status", "running": True, "pid": 4242, "uptime_s": 273_600.0}
    return {**about, **report(seen, depth, entries_max=1000)}


def an_amount(count: int, size_bytes: int) -> Amount:
    return Amount(count, size_bytes)
