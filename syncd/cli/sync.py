"""`syncd sync`: upload runs once, until all of it is acknowledged."""

import asyncio
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted, size_text
from tidelog.syncd.agent.config import Config, Wishes, read_config
from tidelog.syncd.agent.plan.pace import Pace
from tidelog.syncd.agent.proof.verify import logs_by_run
from tidelog.syncd.agent.target.connect import open_target
from tidelog.syncd.agent.target.credentials import FILE, Address, find_address
from tidelog.syncd.agent.target.root_target import refuse_nested
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.once import Ending, upload_once
from tidelog.syncd.agent.upload.state import MemoryState
from tidelog.syncd.agent.watch.selection import SelectedLog
from tidelog.syncd.cli.console import INTERRUPTED, PARKED, UNREACHABLE, WHOLE, print_json, say
from tidelog.syncd.cli.options import Seconds, json_option, paths_argument, sending_options, to_option
from tidelog.syncd.cli.progress_bar import make_display
from tidelog.syncd.cli.receipt import Receipts, give_receipts, on_sticks
from tidelog.syncd.cli.selected import Selected

EPILOG = """\b
Examples:
  syncd sync tidelog/latest                      the run that was started last
  syncd sync tidelog/ --to https://hub.lab       every run of a root
  syncd sync runs/mnist --to file:///mnt/stick   to another root
  syncd sync /mnt/stick --to https://hub.lab     and on from there
\b
Exit code: 0 all of it is acknowledged, 1 something is parked or damaged,
2 bad usage, 3 the target was unreachable for --timeout, 130 interrupted.
"""
EXIT_CODES = {
    Ending.WHOLE: WHOLE,
    Ending.PARKED: PARKED,
    Ending.DAMAGED: PARKED,
    Ending.REFUSED: PARKED,
    Ending.STUCK: PARKED,
    Ending.UNREACHABLE: UNREACHABLE,
}
REACHED = (Ending.WHOLE, Ending.PARKED, Ending.DAMAGED)


@click.command("sync", epilog=EPILOG)
@paths_argument
@to_option
@click.option(
    "--timeout",
    "timeout_s",
    type=Seconds(min=0.1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up when the target has not worked for so long.",
)
@sending_options
@json_option
def command(
    paths: tuple[str, ...], to: str | None, timeout_s: float, *, is_json: bool, **sending: Any
) -> None:
    """Upload runs once, until the target has acknowledged all of it.

    PATH is a run, a project, a root, or a single log. Run it as often as you like, also while a
    daemon runs: what the target holds already is not sent again. Of runs on a stick, which
    `syncd sync --to file://...` filled, a receipt is left there: what the target says that it holds.
    """
    disk = Disk()
    config = read_config(Wishes(**sending), os.environ, disk)
    address = find_address(to, os.environ, disk)
    if address.scheme == FILE:
        refuse_nested(address.path, map(disk.real_path, paths), disk=disk)
    selected = Selected(paths, disk)
    logs = selected.logs
    try:
        ending, agent = asyncio.run(_sync(address, config, logs, disk, timeout_s))
    except KeyboardInterrupt:
        say("interrupted; what was acknowledged stays, run the command again to go on")
        raise SystemExit(INTERRUPTED) from None
    # Of a run whose media was held back nothing could be proven.
    is_provable = ending in REACHED and not agent.held_back()
    runs = on_sticks(logs_by_run(logs), disk) if is_provable else {}
    receipts = asyncio.run(give_receipts(to, runs, disk)) if runs else Receipts()
    if is_json:
        print_json(
            {**_document(ending, agent), "receipt": receipts.document(), "left_out": selected.left_out}
        )
    _report(ending, agent, paths, to)
    receipts.tell()
    selected.tell()
    has_problem = bool(receipts.problems or selected.left_out)
    raise SystemExit(EXIT_CODES[ending] or (PARKED if has_problem else WHOLE))


async def _sync(
    address: Address, config: Config, logs: Sequence[SelectedLog], disk: Disk, timeout_s: float
) -> tuple[Ending, Agent]:
    defaults, clock = config.settings, Clock()
    settings = replace(
        defaults,
        connect_timeout_s=min(timeout_s, defaults.connect_timeout_s),
        answer_timeout_s=min(timeout_s, defaults.answer_timeout_s),
        backoff_max_s=min(timeout_s / 4, defaults.backoff_max_s),
    )
    target = open_target(address, environ=os.environ, disk=disk, clock=clock, settings=settings)
    agent = Agent(
        target,
        MemoryState(),
        disk=disk,
        clock=clock,
        settings=settings,
        chance=random.random,
        tell=lambda line: display.tell(line),
        pace=Pace(config.limit_rate_bytes),
        files=config.files,
    )
    runs = len({log.run for log in logs})
    display = make_display(agent.progress, clock=clock, is_terminal=sys.stderr.isatty())
    display.tell(f"syncing {counted(runs, 'run')} to {address.url}")
    with display:
        ending = await upload_once(
            agent,
            logs,
            disk=disk,
            clock=clock,
            timeout_s=timeout_s,
            tick_s=display.tick_s,
            on_tick=display.update,
        )
    return ending, agent


def _report(ending: Ending, agent: Agent, paths: Sequence[str], to: str | None) -> None:
    progress = agent.progress
    for task, tail in agent.losses.torn:
        say(f"{task}: the last {counted(tail.length, 'byte')} are no whole chunk and stay here")
    for task, damage in agent.losses.damaged:
        say(
            f"{task}: damaged from byte {damage.offset} on for {counted(damage.length, 'byte')} "
            f"({counted(damage.chunks, 'chunk')} lost)"
        )
    waiting = {task: setback.reason for task, setback in agent.planner.waiting.items()}
    if ending is Ending.STUCK:
        for task, reason in waiting.items():
            say(f"{task}: {reason}")
    held_back = agent.held_back()
    if held_back:
        size = size_text(sum(entry.size for entry in held_back))
        say(f"{counted(len(held_back), 'file')} ({size}) were held back as you asked")
    arguments = " ".join(paths) + (f" --to {to}" if to else "")
    facts = (
        f"{progress.runs_done} of {counted(progress.runs, 'run')}, "
        f"{progress.files_done} of {counted(progress.files, 'file')}, "
        f"{counted(progress.chunks, 'record')}, {size_text(progress.bytes_sent)} sent"
    )
    outage = agent.outage
    reason = f": {outage.setback.reason}" if outage else ""
    endings = {
        Ending.WHOLE: f"all of it is acknowledged: {facts}; `syncd verify {arguments}` proves it",
        Ending.DAMAGED: f"all that is whole is acknowledged: {facts}; the damage was there before",
        Ending.PARKED: f"not all of it could be sent: {facts}; mend what is parked, then sync again",
        Ending.STUCK: f"not all of it could be sent: {facts}",
        Ending.REFUSED: f"the target refuses the key{reason}",
        Ending.UNREACHABLE: f"the target was not reached in time{reason}; {facts}",
    }
    say(endings[ending])


def _document(ending: Ending, agent: Agent) -> dict[str, Any]:
    progress, outage = agent.progress, agent.outage
    return {
        "type": "sync",
        "target": agent.target.name,
        "state": ending.value,
        "reason": outage.setback.reason if outage else None,
        "runs": progress.runs,
        "runs_done": progress.runs_done,
        "files": progress.files,
        "files_done": progress.files_done,
        "files_held_back": len(agent.held_back()),
        "chunks": progress.chunks,
        "bytes": progress.bytes_total,
        "bytes_done": progress.bytes_done,
        "bytes_sent": progress.bytes_sent,
        "parked": [
            {"project": t.run.project, "run": t.run.name, "item": t.name, "reason": reason}
            for t, reason in agent.planner.parked.items()
        ],
        "waiting": [
            {"project": t.run.project, "run": t.run.name, "item": t.name, "reason": s.reason}
            for t, s in agent.planner.waiting.items()
        ],
        "damaged": [
            {"project": t.run.project, "run": t.run.name, **damage._asdict()}
            for t, damage in agent.losses.damaged
        ],
        "torn_tails": [
            {"project": t.run.project, "run": t.run.name, **tail._asdict()}
            for t, tail in agent.losses.torn
        ],
    }
