"""`syncd retry`: try again now what waits or is parked."""

import os

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.cli.console import UNREACHABLE, print_json, say
from tidelog.syncd.cli.options import json_option

EPILOG = """\b
Exit code: 0 the daemon tries again, 3 no daemon runs.
"""


@click.command("retry", epilog=EPILOG)
@click.option(
    "--all/--waiting",
    "is_all",
    default=True,
    help="Also what is parked (the default), or only what waits for its next try.",
)
@json_option
def command(*, is_all: bool, is_json: bool) -> None:
    """Try again now: what waits for its turn after a failure, and what was parked.

    Parked is what the hub refused for good reason, a file that is gone or was changed, or a log whose
    bytes differ from the hub's. See `syncd status` for the reasons.
    """
    request = {"command": "retry", "parked": is_all}
    answer = ask_daemon(state_directory(os.environ), request, disk=Disk())
    if answer is None:
        if is_json:
            print_json({"type": "retry", "running": False})
        say("no daemon runs; `syncd sync PATH` tries everything again")
        raise SystemExit(UNREACHABLE)
    if is_json:
        print_json(answer)
    else:
        say(f"trying {counted(answer.get('tasks', 0), 'item')} again")
