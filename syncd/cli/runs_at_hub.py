"""What `syncd delete` and `syncd restore` share: runs by name at a hub, and one call for each."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import click

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.names import check_name
from tidelog.syncd.agent.plan.retry import Course, SetbackError
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.credentials import FILE, find_address, find_key
from tidelog.syncd.agent.target.hub_client import HubClient
from tidelog.syncd.agent.target.hub_runs import HubRuns
from tidelog.syncd.cli.console import PARKED, UNREACHABLE, print_json, say
from tidelog.syncd.errors import CannotStartError

runs_argument = click.argument("runs", nargs=-1, required=True, metavar="PROJECT/RUN...")
Call = Callable[[HubRuns, "NamedRun"], Awaitable[str]]


class NamedRun(NamedTuple):
    """A run as a person names it at a hub."""

    project: str
    run: str

    def __str__(self) -> str:
        return f"{self.project}/{self.run}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one run: a word of success, or why not."""

    run: NamedRun
    done: str = ""
    reason: str = ""
    is_unreachable: bool = False


class NotThereError(Exception):
    """The hub has no such run."""


def parse_runs(texts: Sequence[str]) -> list[NamedRun]:
    """Return the runs that were named. Raises CannotStartError where one is no name."""
    runs = []
    for text in texts:
        project, slash, run = text.partition("/")
        if not slash:
            raise CannotStartError(f"{text!r} is no run at a hub: write PROJECT/RUN")
        runs.append(NamedRun(check_name("project", project), check_name("run", run)))
    return runs


def hub_of(to: str | None, disk: Disk) -> str:
    """Return the address of the hub. Raises CannotStartError where the target is none."""
    address = find_address(to, os.environ, disk)
    if address.scheme == FILE:
        raise CannotStartError(f"{address.url} is a folder: remove the run directory there")
    return address.url


def act_on(runs: Sequence[NamedRun], to: str | None, call: Call) -> list[Outcome]:
    """Make one call for each run; what is unreachable ends it."""
    return asyncio.run(_act_on(runs, to, call))


def end(outcomes: Sequence[Outcome], kind: str, *, is_json: bool) -> None:
    """Tell what became of each run, and leave with the exit code for it."""
    if is_json:
        entries = [
            {**one.run._asdict(), "outcome": one.done or None, "reason": one.reason or None}
            for one in outcomes
        ]
        print_json({"type": kind, "runs": entries})
    for one in outcomes:
        say(f"{one.run}: {one.done or one.reason}")
    if any(one.is_unreachable for one in outcomes):
        raise SystemExit(UNREACHABLE)
    if not all(one.done for one in outcomes):
        raise SystemExit(PARKED)


async def _act_on(runs: Sequence[NamedRun], to: str | None, call: Call) -> list[Outcome]:
    disk = Disk()
    url, address = hub_of(to, disk), find_address(to, os.environ, disk)
    key = find_key(address, os.environ, disk)
    client = HubClient(url, read_key=lambda: key, settings=AgentSettings(), clock=Clock())
    outcomes = []
    try:
        for run in runs:
            outcomes.append(await _outcome(HubRuns(client), run, call))
            if outcomes[-1].is_unreachable:
                break
    finally:
        await client.close()
    return outcomes


async def _outcome(hub: HubRuns, run: NamedRun, call: Call) -> Outcome:
    try:
        return Outcome(run, done=await call(hub, run))
    except NotThereError as error:
        return Outcome(run, reason=str(error))
    except SetbackError as error:
        is_unreachable = error.setback.course is Course.OUTAGE
        return Outcome(run, reason=str(error), is_unreachable=is_unreachable)
