"""`syncd resume`: end a pause."""

import click

from tidelog.syncd.cli.console import print_json, say
from tidelog.syncd.cli.daemon_answer import answer_of_daemon, held_words
from tidelog.syncd.cli.options import json_option

EPILOG = """\b
Exit code: 0 the daemon is not paused, 3 no daemon runs.
"""


@click.command("resume", epilog=EPILOG)
@json_option
def command(*, is_json: bool) -> None:
    """Let the daemon send again, after `syncd pause`. Quiet hours hold it back all the same."""
    answer = answer_of_daemon(
        {"command": "resume"}, is_json=is_json, without="`syncd start` starts one; a pause outlasts it"
    )
    if is_json:
        print_json(answer)
    else:
        say(f"{'resumed' if answer['was_paused'] else 'it was not paused'}; {held_words(answer)}")
