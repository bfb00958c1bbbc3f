"""`syncd watch`: let the daemon watch more folders of runs."""

import os

import click

from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.disk import Disk
from tidelog.datastore.text import on_one_line
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.agent.daemon.roots import Changed, watch_root
from tidelog.syncd.agent.watch.selection import look_for_no_root
from tidelog.syncd.cli.console import BAD_USAGE, print_json, say
from tidelog.syncd.cli.options import json_option

EPILOG = """\b
Examples:
  syncd watch ~/runs                     from now on, and after every start
  syncd watch '/scratch/*/tidelog'       quoted: the folders of whoever comes later are watched too
  syncd watch '/data/**/tidelog'         at most four folders deep
\b
A pattern has *, ?, [...] or ** in it; a folder of exactly that name counts first. Without a daemon the
roots are written down for the next `syncd start`.
\b
Exit code: 0 they are watched, or will be; 2 the state cannot be written, or bad usage.
"""


@click.command("watch", epilog=EPILOG)
@click.argument("roots", nargs=-1, required=True, metavar="DIR...", shell_complete=complete_path)
@json_option
def command(roots: tuple[str, ...], *, is_json: bool) -> None:
    """Watch folders of runs: what is in them is uploaded, and what comes into them.

    A root holds projects, and these hold runs, as ./tidelog does where a script trains. It need not be
    there yet.
    """
    disk, directory = Disk(), state_directory(os.environ)
    for root in roots:
        _refuse_what_is_no_root(root, disk)
    changes = [watch_root(root, directory, disk, tell=say) for root in roots]
    if is_json:
        print_json(_document(changes))
        return
    for change in changes:
        root = on_one_line(change.root)
        if not change.is_running:
            say(f"{root}: no daemon runs; the next `syncd start` watches it")
        else:
            say(f"watches {root}" if change.is_changed else f"watches {root} already")


def _document(changes: list[Changed]) -> dict[str, object]:
    return {
        "type": "watch",
        "running": changes[-1].is_running,
        "watched": [{"root": change.root, "is_new": change.is_changed} for change in changes],
        "roots": changes[-1].roots,
    }


def _refuse_what_is_no_root(root: str, disk: Disk) -> None:
    """What is taken for a root and is none is looked into at the wrong depth, and has no runs."""
    if disk.is_there(root) and not disk.is_directory(root):
        say(f"syncd: {on_one_line(root)} is no folder")
        raise SystemExit(BAD_USAGE)
    no_root = look_for_no_root(root, disk)
    if no_root is not None:
        say(f"syncd: {no_root.advice}")
        raise SystemExit(BAD_USAGE)
