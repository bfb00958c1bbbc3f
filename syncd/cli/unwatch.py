"""`syncd unwatch`: let the daemon watch folders no more."""

import os

import click

from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.disk import Disk
from tidelog.datastore.text import on_one_line
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.agent.daemon.roots import Changed, unwatch_root
from tidelog.syncd.cli.console import BAD_USAGE, print_json, say
from tidelog.syncd.cli.options import json_option

SHOWN_MAX = 20

EPILOG = """\b
Examples:
  syncd unwatch ~/runs
  syncd unwatch '/scratch/*/tidelog'     the pattern as it was given, quoted
\b
Exit code: 0 they are watched no more, 2 one of them was not watched, or the state cannot be written.
"""


@click.command("unwatch", epilog=EPILOG)
@click.argument("roots", nargs=-1, required=True, metavar="DIR...", shell_complete=complete_path)
@json_option
def command(roots: tuple[str, ...], *, is_json: bool) -> None:
    """Watch folders no more. Nothing is deleted, here or at the target.

    What was found before is still uploaded.
    """
    disk, directory = Disk(), state_directory(os.environ)
    changes = [unwatch_root(root, directory, disk, tell=say) for root in roots]
    if is_json:
        print_json(_document(changes))
    else:
        for change in changes:
            _tell(change)
    if not all(change.is_changed for change in changes):
        raise SystemExit(BAD_USAGE)


def _tell(change: Changed) -> None:
    root = on_one_line(change.root)
    if change.is_changed:
        say(f"watches {root} no more")
        if change.is_configured:
            say("  the configuration names it, so it comes back with the next start")
        return
    say(f"syncd: {root} is no root that is watched; these are:")
    for known in change.roots[:SHOWN_MAX]:
        say(f"  {on_one_line(known)}")
    if len(change.roots) > SHOWN_MAX:
        say(f"  and {len(change.roots) - SHOWN_MAX} more: `syncd status`")
    if not change.roots:
        say("  none")


def _document(changes: list[Changed]) -> dict[str, object]:
    return {
        "type": "unwatch",
        "running": changes[-1].is_running,
        "unwatched": [{"root": change.root, "was_watched": change.is_changed} for change in changes],
        "roots": changes[-1].roots,
    }
