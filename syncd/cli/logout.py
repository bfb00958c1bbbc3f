"""`syncd logout`: forget the hub and the key that `syncd login` stored."""

import os

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import PROFILE_VARIABLE
from tidelog.syncd.agent.target.profiles import forget_profile, known_profile
from tidelog.syncd.cli.console import say

EPILOG = """\b
Examples:
  syncd logout
  syncd logout --profile ci
\b
Exit code: 0 forgotten, 2 nothing was stored, or a keyring that does not work.
"""


@click.command("logout", epilog=EPILOG)
@click.option(
    "--profile",
    metavar="NAME",
    envvar=PROFILE_VARIABLE,
    default="",
    help="The login that was stored under this name.",
)
def command(profile: str) -> None:
    """Forget the hub and the key that were stored, on this machine alone.

    The key stays good: `syncd key revoke` on the hub's machine ends it.
    """
    disk = Disk()
    stored = known_profile(profile, os.environ, disk)
    forget_profile(stored, disk)
    say(f"forgot the key for {stored.hub}; it stays good until it is revoked there")
