"""`syncd account`: the people and services of a hub, and what each may do."""

from collections import Counter
from collections.abc import Callable, Iterable

import click

from tidelog.datastore.clock import Clock
from tidelog.syncd.cli.console import print_json, say
from tidelog.syncd.cli.hub_folder import at_console, data_option, in_words, moment, print_table
from tidelog.syncd.cli.options import json_option
from tidelog.syncd.errors import KeyNameError
from tidelog.syncd.hub.guard.accounts import PERSON, SERVICE, Account
from tidelog.syncd.hub.guard.grants import Grant, parse_grant
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.quantities import parse_amount, shown_amount

EPILOG = """\b
Examples:
  syncd account create ada --data hub/ --grant 'write:team-a*' --grant 'read:*'
  syncd account create bob --data hub/ --email bob@example.org --grant 'read:*'
  syncd account create ci --service --data hub/ --grant 'write:team-a*'
  syncd key create ci-2026 --account ci --data hub/
  syncd account grant ada 'admin:team-b*' --data hub/
  syncd account ungrant ada 'read:*' --data hub/
  syncd account quota ada 100G --data hub/           her runs take no more than that
  syncd account email ada ada@example.org --data hub/    who proves to have it signs in as ada
  syncd account disable ada --data hub/              all her keys open nothing from now on
\b
A grant is a role (read, write, admin), a colon, and a pattern of projects.
Exit code: 0 done, 2 bad usage, a name that is taken or unknown, or a folder that cannot be written.
"""
grants_argument = click.argument("grants", nargs=-1, required=True, metavar="GRANT...")


@click.group("account", epilog=EPILOG)
def command() -> None:
    """Create and list accounts, and say what they may do.

    A person has keys of his own; a service is a machine or a pipeline that nobody owns. No key of an
    account may more than the account. Changes count at once, also while the hub runs.
    """


@command.command("create", epilog=EPILOG, short_help="Create an account; it has no keys yet.")
@click.argument("name")
@data_option
@click.option("--service", "is_service", is_flag=True, help="It is no person: a machine or a pipeline.")
@click.option("--grant", "grants", multiple=True, metavar="GRANT", help="Like write:mnist*; repeat it.")
@click.option("--email", metavar="ADDRESS", help="Whoever proves at single sign-on to have it is in.")
def create(
    name: str, data: str, grants: tuple[str, ...], email: str | None, *, is_service: bool
) -> None:
    """Create an account. It has no keys yet: `syncd key create KEY --account NAME`."""
    if email is not None and is_service:
        raise KeyNameError(f"a service has no address; {email!r} is a person's")
    address = "" if email is None else _address(email)
    kind = SERVICE if is_service else PERSON
    with in_words(f"the accounts of {data} cannot be written"):
        made = KeyFile(data).create_account(name, kind, _parsed(grants), email=address, by=at_console())
    say(f"created {made.kind} {made.name}: {_may(made)}")


@command.command("list", short_help="List the accounts and what they may do.")
@data_option
@json_option
def list_accounts(data: str, *, is_json: bool) -> None:
    """List the accounts: what they may do, and how many keys of theirs are good."""
    with in_words(f"the accounts of {data} cannot be read"):
        book = KeyFile(data).book()
    now = Clock().now()
    good = Counter(key.account for key in book.keys if key.is_active(now))
    if is_json:
        entries = [_document(account, good[account.name]) for account in book.accounts]
        print_json({"type": "accounts", "accounts": entries})
        return
    if not book.accounts:
        say(f"no accounts yet: syncd account create NAME --data {data}")
        return
    rows = [
        (
            account.name,
            account.kind,
            _may(account),
            str(good[account.name]),
            _amount(account.quota_bytes),
            "active" if account.disabled is None else "disabled",
            moment(account.created),
        )
        for account in book.accounts
    ]
    print_table([("NAME", "KIND", "MAY", "KEYS", "QUOTA", "STATE", "CREATED"), *rows])


@command.command("grant", epilog=EPILOG, short_help="Let an account do more.")
@click.argument("name")
@grants_argument
@data_option
def grant(name: str, grants: tuple[str, ...], data: str) -> None:
    """Add grants to an account; keys that are not narrowed may the same at once."""
    more = _parsed(grants)
    _set(data, name, lambda have: (*have, *more))


@command.command("ungrant", epilog=EPILOG, short_help="Let an account do less.")
@click.argument("name")
@grants_argument
@data_option
def ungrant(name: str, grants: tuple[str, ...], data: str) -> None:
    """Take grants away, as they were given; the keys of the account lose them at once."""
    less = _parsed(grants)

    def without(have: tuple[Grant, ...]) -> list[Grant]:
        missing = [one for one in less if one not in have]
        if missing:
            raise KeyNameError(
                f"{name!r} has not the grant {missing[0]}; it has {', '.join(map(str, have)) or 'none'}"
            )
        return [one for one in have if one not in less]

    _set(data, name, without)


@command.command("quota", epilog=EPILOG, short_help="Say how much the runs of an account may take.")
@click.argument("name")
@click.argument("amount", metavar="AMOUNT|none")
@data_option
def quota(name: str, amount: str, data: str) -> None:
    """Let the runs of an account take so much of the disk, like 100G; `none` takes the limit away.

    A run is of the account that wrote to it first. Agents wait for room, and go on by themselves.
    """
    try:
        quota_bytes = None if amount == "none" else parse_amount(amount)
    except ValueError as error:
        raise click.BadParameter(f"{error}, or `none`") from error
    with in_words(f"the accounts of {data} cannot be written"):
        KeyFile(data).set_quota(name, quota_bytes, by=at_console())
    say(f"the runs of {name} may take {_amount(quota_bytes)}")


@command.command("email")
@click.argument("name")
@click.argument("email", metavar="ADDRESS|none")
@data_option
def set_email(name: str, email: str, data: str) -> None:
    """Say by which address a person comes by single sign-on; `none` lets nobody come as this one.

    The provider's own name for the person is learnt anew with the next sign-in, as after a change of the
    provider.
    """
    address = "" if email == "none" else _address(email)
    with in_words(f"the accounts of {data} cannot be written"):
        KeyFile(data).set_email(name, address, by=at_console())
    say(f"{name} signs in by {address}" if address else f"nobody signs in as {name} by an address")


@command.command("disable")
@click.argument("name")
@data_option
def disable(name: str, data: str) -> None:
    """Let an account, with all its keys, open nothing from now on."""
    with in_words(f"the accounts of {data} cannot be written"):
        KeyFile(data).disable(name, by=at_console())
    say(f"disabled {name}")


@command.command("enable")
@click.argument("name")
@data_option
def enable(name: str, data: str) -> None:
    """Let a disabled account, and its keys that are good, open again what they did."""
    with in_words(f"the accounts of {data} cannot be written"):
        KeyFile(data).disable(name, is_disabled=False, by=at_console())
    say(f"enabled {name}")


def _set(data: str, name: str, change: Callable[[tuple[Grant, ...]], Iterable[Grant]]) -> None:
    with in_words(f"the accounts of {data} cannot be written"):
        account = KeyFile(data).set_grants(name, change, by=at_console())
    say(f"{account.kind} {account.name}: {_may(account)}")


def _parsed(grants: tuple[str, ...]) -> list[Grant]:
    return [parse_grant(text) for text in grants]


def _address(text: str) -> str:
    name, at, domain = text.partition("@")
    if not (name and at and domain) or not text.isprintable() or " " in text:
        raise KeyNameError(f"{text!r} is no mail address, like ada@example.org, or `none`")
    return text


def _may(account: Account) -> str:
    return " ".join(map(str, account.grants)) or "nothing"


def _amount(quota_bytes: int | None) -> str:
    return "any amount" if quota_bytes is None else shown_amount(quota_bytes)


def _document(account: Account, keys: int) -> dict[str, object]:
    return {
        "name": account.name,
        "kind": account.kind,
        "grants": [grant._asdict() for grant in account.grants],
        "keys": keys,
        "created": account.created,
        "disabled": account.disabled,
        "quota_bytes": account.quota_bytes,
        "issuer": account.issuer,
        "subject": account.subject,
        "email": account.email,
    }
