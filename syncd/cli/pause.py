"""`syncd pause`: let the daemon send nothing for a while."""

import click

from tidelog.syncd.cli.console import print_json, say
from tidelog.syncd.cli.daemon_answer import answer_of_daemon, held_words
from tidelog.syncd.cli.options import Span, json_option

EPILOG = """\b
Examples:
  syncd pause             until `syncd resume`, also over restarts
  syncd pause --for 2h    a demo over a thin line
\b
Exit code: 0 the daemon is paused, 3 no daemon runs.
"""


@click.command("pause", epilog=EPILOG)
@click.option("--for", "for_s", type=Span(), metavar="SPAN", help="Go on by itself after 30m, 2h, 1d.")
@json_option
def command(for_s: float | None, *, is_json: bool) -> None:
    """Let the daemon send nothing more, until `syncd resume`.

    What is under way ends first. Runs are recorded and found as before, and nothing of them is lost.
    """
    request = {"command": "pause"} if for_s is None else {"command": "pause", "for_s": for_s}
    answer = answer_of_daemon(request, is_json=is_json, without="nothing is sent")
    if is_json:
        print_json(answer)
    else:
        say(held_words(answer))
