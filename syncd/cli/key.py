"""`syncd key`: create, list, rotate and revoke the API keys of a hub, whether it runs or not."""

import sys

import click

from tidelog.datastore.clock import Clock
from tidelog.syncd.cli.console import print_json, say
from tidelog.syncd.cli.hub_folder import at_console, data_option, in_words, moment, print_table
from tidelog.syncd.cli.options import Span, json_option
from tidelog.syncd.errors import KeyNameError
from tidelog.syncd.hub.guard.grants import EVERY_PROJECT, ROLES, WRITE
from tidelog.syncd.hub.guard.key_document import key_document, reach_of
from tidelog.syncd.hub.guard.key_file import OVERLAP_S, KeyFile

EPILOG = """\b
Examples:
  syncd key create laptop --data hub/
  syncd key create ci --data hub/ --project 'mnist*' --expires 30d
  syncd key create night --data hub/ --account ci    one more key of the account ci
  syncd key list --data hub/
  syncd key rotate ci --data hub/ --overlap 2h       the old one stays good for two hours
  syncd key revoke laptop --data hub/
\b
Exit code: 0 done, 2 bad usage, a name that is taken or unknown, or a folder that cannot be written.
"""


@click.group("key", epilog=EPILOG)
def command() -> None:
    """Create, list, rotate and revoke the API keys of a hub.

    A key counts, and a revoked one stops counting, at once, also while the hub runs. A key belongs to an
    account (`syncd account`) and never reaches beyond it.
    """


@command.command("create", epilog=EPILOG, short_help="Create a key and print it, this one time.")
@click.argument("name")
@data_option
@click.option(
    "--role",
    type=click.Choice(ROLES),
    help=f"What the key allows: write also reads, admin does everything; {WRITE} for a new account, "
    "else all that the account may.",
)
@click.option(
    "--project",
    metavar="PATTERN",
    help="The projects that the key is for; * and ? stand for any characters. "
    f"{EVERY_PROJECT} for a new account, else all that the account may.",
)
@click.option(
    "--account",
    metavar="ACCOUNT",
    help="Whose key it is; without it the service of the key's name, made where it is missing.",
)
@click.option("--expires", type=Span(), metavar="SPAN", help="For how long it is good, like 30d.")
def create(
    name: str,
    data: str,
    role: str | None,
    project: str | None,
    account: str | None,
    expires: float | None,
) -> None:
    """Create a key and print it: the key alone, on stdout, this one time."""
    with in_words(f"the keys of {data} cannot be written"):
        secret = KeyFile(data).create(
            name, role=role, project=project, account=account, expires_in_s=expires, by=at_console()
        )
    _print_secret(secret)


@command.command("list", short_help="List the keys, what they allow, and when they were used last.")
@data_option
@json_option
def list_keys(data: str, *, is_json: bool) -> None:
    """List the keys: what they allow and whether they still do, never the keys themselves."""
    with in_words(f"the keys of {data} cannot be read"):
        file = KeyFile(data)
        book, used, now = file.book(), file.last_use.times(), Clock().now()
    if is_json:
        entries = [key_document(book, key, now=now, last_used=used.get(key.id)) for key in book.keys]
        print_json({"type": "keys", "keys": entries})
        return
    if not book.keys:
        say(f"no keys yet: syncd key create NAME --data {data}")
        return
    heads = ("NAME", "ID", "ACCOUNT", "MAY", "STATE", "LAST USED", "CREATED", "EXPIRES")
    rows = [
        (
            key.name,
            key.id,
            key.account,
            " ".join(map(str, reach_of(book, key))) or "nothing",
            key.state(now),
            moment(used.get(key.id)),
            moment(key.created),
            moment(key.expires),
        )
        for key in book.keys
    ]
    print_table([heads, *rows])


@command.command("rotate", epilog=EPILOG, short_help="Print a new key in the place of another.")
@click.argument("name")
@data_option
@click.option(
    "--overlap",
    type=Span(),
    default=f"{OVERLAP_S / 86400:g}d",
    show_default=True,
    metavar="SPAN",
    help="For how long the old key stays good, so that nothing stops while you hand out the new one.",
)
def rotate(name: str, data: str, overlap: float) -> None:
    """Print a new key that may the same; the old one of this name (or id) ends after the overlap."""
    with in_words(f"the keys of {data} cannot be written"):
        file = KeyFile(data)
        book = file.book()
        old = book.newest_key(name, Clock().now()) or book.key_by_id(name)
        if old is None:
            raise KeyNameError(f"there is no key {name!r} that is good; `syncd key list` shows them")
        secret = file.rotate(old.id, overlap_s=overlap, by=at_console())
    _print_secret(secret)


@command.command("revoke")
@click.argument("name")
@data_option
def revoke(name: str, data: str) -> None:
    """Revoke every key of this name, or the one with this id: from now on it opens nothing."""
    with in_words(f"the keys of {data} cannot be written"):
        KeyFile(data).revoke(name, by=at_console())
    say(f"revoked {name}")


def _print_secret(secret: str) -> None:
    click.echo(secret)
    if sys.stdout.isatty():
        say("Keep it now: the hub knows only its digest.")
