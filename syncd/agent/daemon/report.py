"""What a daemon tells about itself: the document behind `syncd status`. Reads, and changes nothing."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tidelog.datastore.text import counted
from tidelog.syncd.agent.plan.gate import Closed
from tidelog.syncd.agent.plan.planner import Outage
from tidelog.syncd.agent.task import Task
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.watch.inventory import Inventory
from tidelog.syncd.agent.watch.lookout import Lookout

LISTED_MAX = 1000


def report(
    inventory: Inventory,
    lookout: Lookout,
    agents: Sequence[Agent],
    closed: Closed | None,
    now: float,
) -> dict[str, Any]:
    """Return roots, runs, and for each target what is under way, behind, waiting and parked.

    `now` is monotonic. Lists have at most LISTED_MAX entries; the counts beside them are whole.
    """
    return {
        "held": None if closed is None else _held(closed),
        "roots": list(inventory.roots),
        "folders": _folders(inventory, lookout),
        "problems": dict(list(inventory.problems.items())[:LISTED_MAX]),
        "runs": inventory.run_count,
        "runs_awake": inventory.awake_count,
        "event_overflows": lookout.overflows,
        "sweeps": lookout.sweeps,
        "sweep_s": round(lookout.sweep_s, 3),
        "targets": [_target(agent, now) for agent in agents],
    }


def in_one_line(inventory: Inventory, agents: Sequence[Agent], closed: Closed | None) -> str:
    """Return what a service manager shows beside the daemon's name."""
    facts = [counted(len(inventory.roots), "root"), counted(inventory.run_count, "run")]
    if closed is not None:
        facts.append(closed.reason)
    for agent in agents:
        outage = agent.planner.outage
        facts.append(f"{agent.target.name} {'works' if outage is None else 'does not work'}")
    return ", ".join(facts)


def _folders(inventory: Inventory, lookout: Lookout) -> list[dict[str, str]]:
    """List the folders that the roots mean, and how a change in each is noticed."""
    places = inventory.folders
    meant = [(root, folder) for root, found in inventory.roots.items() for folder in found]
    return [
        {"folder": folder, "root": root, "way": lookout.way_to(places[folder])}
        for root, folder in meant[:LISTED_MAX]
        if folder in places
    ]


def _held(closed: Closed) -> dict[str, Any]:
    until = None if math.isinf(closed.until) else closed.until
    return {"reason": closed.reason, "until": until}


def _target(agent: Agent, now: float) -> dict[str, Any]:
    planner = agent.planner
    return {
        "target": agent.target.name,
        "state": "up" if planner.outage is None else planner.outage.setback.course.value,
        "outage": None if planner.outage is None else _outage(planner.outage, now),
        "wanted": planner.wanted,
        "under_way": [str(task) for task in planner.under_way],
        "behind": _behind(agent, now),
        "waiting": _with_reasons({task: s.reason for task, s in planner.waiting.items()}),
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


def _outage(outage: Outage, now: float) -> dict[str, Any]:
    return {
        "reason": outage.setback.reason,
        "lasts_s": round(now - outage.since, 3),
        "tries": outage.attempt,
        "next_try_in_s": round(max(0.0, outage.until - now), 3),
    }


def _behind(agent: Agent, now: float) -> list[dict[str, Any]]:
    """List the logs of which the target lacks something, those that wait longest first."""
    behind = sorted(agent.lag.behind.items(), key=lambda item: item[1].since)
    return [
        {
            "project": task.run.project,
            "run": task.run.name,
            "log": task.name,
            "is_live": log.is_live,
            "bytes": log.lag_bytes,
            "lasts_s": round(now - log.since, 3),
        }
        for task, log in behind[:LISTED_MAX]
    ]


def _with_reasons(tasks: Mapping[Task, str]) -> list[dict[str, str]]:
    return [
        {"project": task.run.project, "run": task.run.name, "item": task.name, "reason": reason}
        for task, reason in list(tasks.items())[:LISTED_MAX]
    ]
