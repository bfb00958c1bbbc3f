"""`syncd audit`: what was done about the keys, accounts and runs of a hub, and by whom."""

from datetime import UTC, datetime

import click

from tidelog.datastore.clock import Clock
from tidelog.syncd.cli.console import print_json, say
from tidelog.syncd.cli.hub_folder import data_option, in_words, print_table
from tidelog.syncd.cli.options import Span, json_option
from tidelog.syncd.hub.guard.key_file import KeyFile

EPILOG = """\b
Examples:
  syncd audit --data hub/
  syncd audit --data hub/ --since 7d --what run
  syncd audit --data hub/ --json | jq .account
\b
Exit code: 0 shown, 2 bad usage, or a log that cannot be read.
"""
SHOWN = ("time", "what", "on", "account", "key", "address")


@click.command("audit", epilog=EPILOG)
@data_option
@click.option("--since", type=Span(), metavar="SPAN", help="Only what is younger, like 7d.")
@click.option("--what", metavar="KIND", help="Only these: key, account, run, or one like key.revoked.")
@json_option
def command(data: str, since: float | None, what: str | None, *, is_json: bool) -> None:
    """Show the audit log: one line for each event, oldest first.

    With --json one object per line, with all that was recorded.
    """
    first = ""
    if since is not None:
        first = datetime.fromtimestamp(Clock().now() - since, UTC).isoformat()
    with in_words(f"the audit log of {data} cannot be read"):
        entries = [
            entry
            for entry in KeyFile(data).audit.entries(since=first)
            if _is_asked_for(str(entry.get("what")), what)
        ]
    if is_json:
        for entry in entries:
            print_json({"type": "audit", **entry})
    elif entries:
        rows = [tuple(str(entry.get(name) or "-") for name in SHOWN) for entry in entries]
        print_table([("TIME", "WHAT", "ON", "BY", "KEY", "FROM"), *rows])
    else:
        say("nothing was recorded yet" if first == "" and what is None else "nothing like that")


def _is_asked_for(found: str, what: str | None) -> bool:
    return what is None or found == what or found.startswith(f"{what}.")
