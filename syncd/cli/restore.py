"""`syncd restore`: take back that runs were deleted at a hub."""

import click

from tidelog.syncd.agent.target.hub_runs import HubRuns
from tidelog.syncd.cli.options import json_option, to_option
from tidelog.syncd.cli.runs_at_hub import (
    NamedRun,
    NotThereError,
    act_on,
    end,
    parse_runs,
    runs_argument,
)

EPILOG = """\b
Examples:
  syncd restore mnist/run-1
  syncd retry                 on the machine whose agent parked it
\b
Exit code: 0 restored, 1 the hub has not deleted such a run or refuses, 2 bad usage,
3 the hub is unreachable.
"""


@click.command("restore", epilog=EPILOG)
@runs_argument
@to_option
@json_option
def command(runs: tuple[str, ...], to: str | None, *, is_json: bool) -> None:
    """Take back that runs were deleted at a hub; needs a key that is admin of their projects.

    For a week they come back from the trash. Later the hub only forgets that they were deleted, so that
    an agent which still has such a run may upload it again: `syncd sync PATH` there.
    """
    end(act_on(parse_runs(runs), to, _restore), "restore", is_json=is_json)


async def _restore(hub: HubRuns, run: NamedRun) -> str:
    is_back = await hub.restore(*run)
    if is_back is None:
        raise NotThereError(f"{hub.url} has deleted no such run, or none that this key may see")
    return "restored" if is_back else "no longer in the trash; it may be uploaded again"
