"""What a daemon tells about itself: the document behind `syncd status`, `top` and `/metrics`. No I/O."""

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from tidelog.syncd.agent.daemon.depth import Depth
from tidelog.syncd.agent.daemon.seen import Seen, SeenTarget
from tidelog.syncd.agent.plan.file_filter import FileFilter
from tidelog.syncd.agent.plan.gate import Closed
from tidelog.syncd.agent.plan.planner import Outage
from tidelog.syncd.agent.task import LOG, Run, Task
from tidelog.syncd.agent.upload.backlog import Amount, Backlog
from tidelog.syncd.agent.upload.lag import Behind
from tidelog.syncd.agent.upload.unsent import NOT_LOOKED_AT, Unsent


def report(seen: Seen, depth: Depth, *, entries_max: int) -> dict[str, Any]:
    """Return roots, runs, and for each target what is under way, behind, waiting and parked.

    Lists have at most `entries_max` entries; the counts beside them are whole.
    """
    return {
        "time": round(seen.wall, 3),
        "held": None if seen.closed is None else held(seen.closed),
        "filter": None if seen.files.is_open else _filter(seen.files),
        "limit_rate_bytes": seen.limit_rate_bytes,
        "roots": list(seen.roots),
        "problems": dict(islice(seen.problems.items(), entries_max)),
        "problem_count": len(seen.problems),
        "folders": list(seen.folders),
        "runs_awake": seen.runs_awake,
        "event_overflows": seen.event_overflows,
        "sweeps": seen.sweeps,
        "sweep_s": round(seen.sweep_s, 3),
        "metrics": seen.metrics,
        "runs": seen.runs,
        "live_runs": len({run for run, _ in seen.live}),
        "targets": [_target(target, seen, depth, entries_max) for target in seen.targets],
        "events": [{"at": round(at, 3), "text": text} for at, text in seen.events],
    }


def held(closed: Closed) -> dict[str, Any]:
    """Return why nothing is sent, and until when (seconds since the epoch, None until told)."""
    until = None if math.isinf(closed.until) else closed.until
    return {"reason": closed.reason, "until": until, "is_pause": closed.is_pause}


def _filter(files: FileFilter) -> dict[str, Any]:
    return {"only": list(files.only), "media": files.has_media}


def _target(target: SeenTarget, seen: Seen, depth: Depth, entries_max: int) -> dict[str, Any]:
    live = _live(target, seen, depth.unsent[target.name])
    return {
        "target": target.name,
        "state": "up" if target.outage is None else target.outage.setback.course.value,
        "outage": None if target.outage is None else _outage(target.outage, seen.now),
        "next_try_in_s": _seconds(target.next_try, seen.now),
        "last_error": None if target.last_error is None else target.last_error._asdict(),
        "rate_bytes_s": round(target.rate_bytes_s, 1),
        "rate_history": list(target.history),
        "lag": _lag(target, live, seen.now),
        "live": live[:entries_max],
        "live_count": len(live),
        "queue": _queue(target, depth.files[target.name], are_exact=depth.are_files_exact),
        "wanted": target.wanted,
        "under_way": [str(task) for task in target.under_way],
        "behind": _behind(target.behind, seen.now, entries_max),
        "waiting": _with_reasons(((task, s.reason) for task, s in target.waiting.items()), entries_max),
        "waiting_count": len(target.waiting),
        "parked": _with_reasons(target.parked.items(), entries_max),
        "parked_count": len(target.parked),
        "damaged": [
            {"log": str(task), "offset": d.offset, "length": d.length, "chunks": d.chunks}
            for task, d in target.damaged[:entries_max]
        ],
        "damaged_count": len(target.damaged),
        "torn_tails": [
            {"log": str(task), "offset": tail.offset, "length": tail.length}
            for task, tail in target.torn[:entries_max]
        ],
        "twins": {str(task): twin for task, twin in islice(target.twins.items(), entries_max)},
        "sent": {"chunks": target.chunks_sent, "bytes": target.bytes_sent},
    }


def _outage(outage: Outage, now: float) -> dict[str, Any]:
    return {
        "reason": outage.setback.reason,
        "lasts_s": round(now - outage.since, 3),
        "tries": outage.attempt,
        "next_try_in_s": _seconds(outage.until, now),
    }


def _seconds(moment: float | None, now: float) -> float | None:
    return None if moment is None else round(max(0.0, moment - now), 3)


# -- lag ---------------------------------------------------------------------------------------------


class _LiveRun(NamedTuple):
    """The logs of a live run that a target is behind with."""

    run: Run
    logs: list[tuple[Behind, Unsent]]


def _live(target: SeenTarget, seen: Seen, unsent: Mapping[Task, Unsent]) -> list[dict[str, Any]]:
    """List the live runs, those that lag most first; one that is not behind lags by nothing."""
    runs: dict[Run, _LiveRun] = {}
    for run, name in seen.live:
        live = runs.setdefault(run, _LiveRun(run, []))
        log = target.behind.get(Task(run, LOG, name))
        if log is not None:
            live.logs.append((log, unsent.get(Task(run, LOG, name), NOT_LOOKED_AT)))
    lagging = [_live_run(live, seen) for live in runs.values()]
    return sorted(lagging, key=lambda run: (-run["lag_s"], -run["bytes"], run["project"], run["run"]))


def _live_run(live: _LiveRun, seen: Seen) -> dict[str, Any]:
    return {
        "project": live.run.project,
        "run": live.run.name,
        "rows": sum(unsent.rows for _, unsent in live.logs),
        "are_rows_exact": all(unsent.is_exact for _, unsent in live.logs),
        "bytes": sum(log.lag_bytes for log, _ in live.logs),
        "lag_s": max((_lag_s(log, unsent, seen) for log, unsent in live.logs), default=0.0),
    }


def _lag_s(log: Behind, unsent: Unsent, seen: Seen) -> float:
    """Return for how long the target lacks something: since we noticed, or since its row was logged."""
    noticed_s = seen.now - log.since
    logged_s = 0.0 if unsent.first_time is None else seen.wall - unsent.first_time
    return round(max(noticed_s, logged_s), 3)


def _lag(target: SeenTarget, live: list[dict[str, Any]], now: float) -> dict[str, Any]:
    """Sum up how far a target is behind: over live runs, and over all logs."""
    noticed_s = max((now - log.since for log in target.behind.values()), default=0.0)
    return {
        "rows": sum(run["rows"] for run in live),
        "are_rows_exact": all(run["are_rows_exact"] for run in live),
        "live_s": max((run["lag_s"] for run in live), default=0.0),
        "s": round(noticed_s, 3),
        "bytes": sum(log.lag_bytes for log in target.behind.values()),
    }


def _behind(behind: Mapping[Task, Behind], now: float, entries_max: int) -> list[dict[str, Any]]:
    """List the logs of which the target lacks something, those that wait longest first."""
    logs = sorted(behind.items(), key=lambda item: item[1].since)
    return [
        {
            "project": task.run.project,
            "run": task.run.name,
            "log": task.name,
            "is_live": log.is_live,
            "bytes": log.lag_bytes,
            "lasts_s": round(now - log.since, 3),
        }
        for task, log in logs[:entries_max]
    ]


# -- queue -------------------------------------------------------------------------------------------


def _queue(target: SeenTarget, files: Backlog, *, are_exact: bool) -> dict[str, Any]:
    logs = Amount(len(target.behind), sum(log.lag_bytes for log in target.behind.values()))
    return {
        "logs": _amount(logs),
        "small_files": _amount(files.small),
        "large_files": _amount(files.large),
        "held_back": _amount(files.held_back),
        "are_files_exact": are_exact,
    }


def _amount(amount: Amount) -> dict[str, int]:
    return {"count": amount.count, "bytes": amount.bytes}


def _with_reasons(tasks: Iterable[tuple[Task, str]], entries_max: int) -> list[dict[str, str]]:
    return [
        {"project": task.run.project, "run": task.run.name, "item": task.name, "reason": reason}
        for task, reason in islice(tasks, entries_max)
    ]
