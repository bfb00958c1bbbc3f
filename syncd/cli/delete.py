"""`syncd delete`: delete runs at a hub."""

import sys

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted
from tidelog.syncd.agent.target.hub_runs import HubRuns
from tidelog.syncd.cli.console import INTERRUPTED, say
from tidelog.syncd.cli.options import json_option, to_option
from tidelog.syncd.cli.runs_at_hub import (
    NamedRun,
    NotThereError,
    act_on,
    end,
    hub_of,
    parse_runs,
    runs_argument,
)
from tidelog.syncd.errors import CannotStartError

EPILOG = """\b
Examples:
  syncd delete mnist/20261123-042233-k3v9q2
  syncd delete mnist/run-1 mnist/run-2 --yes --to https://hub.lab
  syncd restore mnist/run-1                 takes it back, within a week
\b
Exit code: 0 deleted, 1 the hub has no such run or refuses, 2 bad usage, 3 the hub is unreachable.
"""


@click.command("delete", epilog=EPILOG)
@runs_argument
@to_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def command(runs: tuple[str, ...], to: str | None, *, yes: bool, is_json: bool) -> None:
    """Delete runs at a hub; needs a key that is admin of their projects.

    They lie in the hub's trash for a week, from where `syncd restore` takes them back. Agents that still
    have such a run do not upload it again: they park it. What is on this machine's disk stays.
    """
    wanted = parse_runs(runs)
    url = hub_of(to, Disk())
    if not yes:
        if not sys.stdin.isatty():
            raise CannotStartError("no terminal to ask whether to delete: say --yes")
        if not click.confirm(f"Delete {counted(len(wanted), 'run')} at {url}?", err=True):
            say("nothing was deleted")
            raise SystemExit(INTERRUPTED)
    end(act_on(wanted, to, _delete), "delete", is_json=is_json)


async def _delete(hub: HubRuns, run: NamedRun) -> str:
    if not await hub.delete(*run):
        raise NotThereError(f"{hub.url} has no such run, or none that this key may see")
    return "deleted"
