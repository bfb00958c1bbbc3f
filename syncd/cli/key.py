"""`syncd key`: create, list and revoke the API keys of a hub, whether it runs or not."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from tidelog.datastore.clock import Clock
from tidelog.syncd.cli.options import Span
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.guard.keys import EVERY_PROJECT, ROLES, WRITE, Key

EPILOG = """\b
Examples:
  syncd key create laptop --data hub/
  syncd key create ci --data hub/ --project 'mnist*' --expires 30d
  syncd key create page --data hub/ --role read
  syncd key list --data hub/
  syncd key revoke laptop --data hub/
\b
Exit code: 0 done, 2 bad usage, a name that is taken or unknown, or a folder that cannot be written.
"""
data_option = click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False),
    help="The hub's data folder, as `syncd serve` has it.",
)


@click.group("key", epilog=EPILOG)
def command() -> None:
    """Create, list and revoke the API keys of a hub.

    A key counts, and a revoked one stops counting, at once, also while the hub runs.
    """


@command.command("create", epilog=EPILOG, short_help="Create a key and print it, this one time.")
@click.argument("name")
@data_option
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default=WRITE,
    show_default=True,
    help="What the key allows: write also reads, admin does everything.",
)
@click.option(
    "--project",
    metavar="PATTERN",
    default=EVERY_PROJECT,
    show_default=True,
    help="The projects that the key is for; * and ? stand for any characters.",
)
@click.option("--expires", type=Span(), metavar="SPAN", help="For how long it is good, like 30d.")
def create(name: str, data: str, role: str, project: str, expires: float | None) -> None:
    """Create a key and print it: the key alone, on stdout, this one time."""
    try:
        secret = KeyFile(data).create(name, role=role, project=project, expires_in_s=expires)
    except OSError as error:
        raise _cannot_write(data, error) from error
    click.echo(secret)
    if sys.stdout.isatty():
        click.echo("Keep it now: the hub knows only its digest.", err=True)


@command.command("list", short_help="List the keys and what they allow.")
@data_option
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")
def list_keys(data: str, *, is_json: bool) -> None:
    """List the keys: what they allow and whether they still do, never the keys themselves."""
    try:
        keys = KeyFile(data).keys()
    except OSError as error:
        raise CannotStartError(f"the keys of {data} cannot be read: {error.strerror}") from error
    now = Clock().now()
    if is_json:
        entries = [_document(key, now) for key in keys]
        click.echo(json.dumps({"type": "keys", "keys": entries}, ensure_ascii=False))
        return
    if not keys:
        click.echo(f"no keys yet: syncd key create NAME --data {data}", err=True)
        return
    heads = ("NAME", "ROLE", "PROJECT", "STATE", "CREATED", "EXPIRES")
    rows = [
        (key.name, key.role, key.project, key.state(now), _when(key.created), _when(key.expires))
        for key in keys
    ]
    _print_table([heads, *rows])


@command.command("revoke")
@click.argument("name")
@data_option
def revoke(name: str, data: str) -> None:
    """Revoke a key: from now on it opens nothing."""
    try:
        KeyFile(data).revoke(name)
    except OSError as error:
        raise _cannot_write(data, error) from error
    click.echo(f"revoked {name}", err=True)


def _cannot_write(data: str, error: OSError) -> CannotStartError:
    return CannotStartError(f"the keys of {data} cannot be written: {error.strerror}")


def _document(key: Key, now: float) -> dict[str, object]:
    return {
        "name": key.name,
        "role": key.role,
        "project": key.project,
        "state": key.state(now),
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
    }


def _when(time: float | None) -> str:
    return "never" if time is None else datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%MZ")


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
