"""`syncd uninstall`: end the service that `syncd install` made, and forget it."""

import os
import sys

import click

from tidelog.datastore.disk import Disk
from tidelog.syncd.cli.console import say
from tidelog.syncd.install.account import find_account
from tidelog.syncd.install.manager import choose_manager
from tidelog.syncd.install.run_commands import run_all
from tidelog.syncd.install.service import AGENT, HUB
from tidelog.syncd.install.unit_file import is_ours

EPILOG = """\b
Examples:
  syncd uninstall
  sudo syncd uninstall --system
  syncd uninstall --hub
\b
Runs, state, key and the hub's data stay as they are.
Exit code: 0 removed, or there was none, 2 bad usage, or a unit that somebody else wrote,
130 interrupted.
"""


@click.command("uninstall", epilog=EPILOG)
@click.option("--user/--system", "is_user", default=True, help="Which one: as of `syncd install`.")
@click.option("--hub", "is_hub", is_flag=True, help="The hub's service instead of the agent's.")
def command(*, is_user: bool, is_hub: bool) -> None:
    """Stop the service that `syncd install` made, and remove its unit."""
    disk, owner = Disk(), find_account(None, os.environ, is_user=is_user)
    manager = choose_manager(
        sys.platform, owner.environ, home=owner.home, user_id=owner.user_id, is_system=not is_user
    )
    name = HUB if is_hub else AGENT
    path = manager.path(name)
    if not is_ours(path, disk):
        say(f"there is no service of ours: {path} is not there")
        return
    run_all(manager.stopping(name), is_failure_fine=True)
    disk.remove(path)
    run_all(manager.forgetting(), is_failure_fine=True)
    say(f"removed {path}")
