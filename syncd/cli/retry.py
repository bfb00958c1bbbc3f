"""`syncd retry`: try again now what waits or is parked."""

import click

from tidelog.datastore.text import counted
from tidelog.syncd.cli.console import print_json, say
from tidelog.syncd.cli.daemon_answer import answer_of_daemon, held_words
from tidelog.syncd.cli.options import json_option

EPILOG = """\b
Examples:
  syncd retry              after what was refused or gone has been mended
  syncd retry --waiting    the network is back: do not wait for the next try
\b
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
    answer = answer_of_daemon(
        {"command": "retry", "parked": is_all},
        is_json=is_json,
        without="`syncd sync PATH` tries everything again",
    )
    if is_json:
        print_json(answer)
        return
    say(f"trying {counted(answer['tasks'], 'item')} again")
    if answer["held"] is not None:
        say(held_words(answer))
