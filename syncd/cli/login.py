"""`syncd login`: save the hub's address and an API key."""

import asyncio
import os
import sys
from collections.abc import Mapping

import click

from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import PROFILE_VARIABLE, read_settings
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.agent.plan.retry import Course, SetbackError
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.credentials import FILE, Address, parse_address
from tidelog.syncd.agent.target.profiles import Profile, store_profile
from tidelog.syncd.cli.console import PARKED, say
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.protocol import DEFAULT_HUB

KEY_CHARS_MAX = 512

EPILOG = """\b
Examples:
  syncd login --hub https://hub.lab
  syncd login --hub https://hub.lab --profile ci      one more account on this machine
  TIDELOG_PROFILE=ci syncd sync runs/                 ... and its use
  syncd login --hub https://hub.lab --keyring         the key in the system's keyring
  syncd key create laptop --data hub/ | syncd login --hub http://127.0.0.1:7070 --key-file -
\b
TIDELOG_HUB and TIDELOG_API_KEY win over what is stored.
Exit code: 0 stored, 1 the hub refuses the key, 2 bad usage, or a keyring that does not work.
"""


@click.command("login", epilog=EPILOG)
@click.option("--hub", metavar="URL", help=f"The hub's address; {DEFAULT_HUB} where none is known.")
@click.option(
    "--key-file",
    metavar="FILE",
    shell_complete=complete_path,
    help="Read the key from a file, - for standard input.",
)
@click.option(
    "--profile",
    metavar="NAME",
    envvar=PROFILE_VARIABLE,
    default="",
    help="Store it under this name, beside other logins; TIDELOG_PROFILE says which is used.",
)
@click.option(
    "--keyring",
    "in_keyring",
    is_flag=True,
    help="Keep the key in the system's keyring, not in a file; needs tidelog[keyring].",
)
def command(hub: str | None, key_file: str | None, profile: str, *, in_keyring: bool) -> None:
    """Save the hub's address and an API key, readable by this account alone.

    The key is asked for without echo and tried at the hub; a hub that is out of reach only warns.
    """
    disk = Disk()
    address = parse_address(hub or _known_hub(profile, disk))
    if address.scheme == FILE:
        raise CannotStartError(f"{address.url} needs no key: say `--to {address.url}`")
    key = _checked(_read_key(key_file, address, disk))
    try:
        asyncio.run(_try_key(address, key))
    except SetbackError as error:
        if error.setback.course is Course.REFUSED:
            say(f"syncd: {address.url} refuses this key; nothing was stored")
            raise SystemExit(PARKED) from None
        say(f"warning: the key could not be tried: {error}")
    stored = store_profile(profile, address.url, key, os.environ, disk, in_keyring=in_keyring)
    say(f"stored the key for {address.url} in {stored.place}; next: {_next_step(stored, os.environ)}")
    _tell_daemon(address, disk)


def _known_hub(profile: str, disk: Disk) -> str:
    """Return the hub of the settings; of a profile that is to be made, those say nothing."""
    environ = {**os.environ, PROFILE_VARIABLE: profile}
    known = read_settings(environ, disk=disk, on_fault=lambda _: None).get("hub")
    return known.value if known else DEFAULT_HUB


def _next_step(stored: Profile, environ: Mapping[str, str]) -> str:
    if stored.name and environ.get(PROFILE_VARIABLE) != stored.name:
        return f"set {PROFILE_VARIABLE}={stored.name} where it is to be used"
    return "`syncd start` or `syncd sync PATH`"


def _tell_daemon(address: Address, disk: Disk) -> None:
    """Let a daemon that the hub refused try the new key; one for other hubs goes on with those."""
    directory = state_directory(os.environ)
    daemon = ask_daemon(directory, {"command": "status"}, disk=disk)
    if daemon is None:
        return
    pid, held = daemon["pid"], {target["target"]: target["state"] for target in daemon["targets"]}
    if address.url not in held:
        say(f"warning: daemon {pid} uploads to {', '.join(held)} until you stop it: `kill {pid}`")
    elif held[address.url] == Course.REFUSED.value:
        ask_daemon(directory, {"command": "retry", "parked": False}, disk=disk)
        say(f"daemon {pid}, which the hub has refused, tries again now")


async def _try_key(address: Address, key: str) -> None:
    # Only this needs the HTTP client.
    from tidelog.syncd.agent.target.hub_client import HubClient

    client = HubClient(
        address.url, read_key=lambda: key, settings=AgentSettings(answer_timeout_s=10.0), clock=Clock()
    )
    try:
        await client.check()
    finally:
        await client.close()


def _read_key(key_file: str | None, address: Address, disk: Disk) -> str:
    if key_file == "-":
        return sys.stdin.readline()
    if key_file is not None:
        try:
            return disk.read(key_file).decode()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CannotStartError(f"{key_file} cannot be read: {reason}") from error
    if not sys.stdin.isatty():
        raise CannotStartError("no terminal to ask for the key: say `--key-file -` and pipe it in")
    answer: str = click.prompt(f"API key for {address.url}", hide_input=True, err=True)
    return answer


def _checked(text: str) -> str:
    key = text.strip()
    if not key or len(key) > KEY_CHARS_MAX or not key.isascii() or not key.isprintable() or " " in key:
        raise CannotStartError(
            "that is no API key: it is one line without spaces; `syncd key create NAME --data DIR` on "
            "the hub's machine prints one"
        )
    return key
