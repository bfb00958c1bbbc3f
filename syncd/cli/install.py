"""`syncd install`: let the agent, or a hub, run as a service of the system."""

import os
import sys
from collections.abc import Sequence

import click

from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.cli.console import PARKED, say
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.install.account import Account, find_account
from tidelog.syncd.install.manager import Manager, choose_manager
from tidelog.syncd.install.planning import missing_keys, plan_agent, plan_hub
from tidelog.syncd.install.run_commands import ManagerError, run_all, words_of
from tidelog.syncd.install.service import Service
from tidelog.syncd.install.unit_file import is_ours, write_unit

EPILOG = """\b
Examples:
  syncd install --now                          for this account; watches ./tidelog
  syncd install --root ~/runs --root /scratch/$USER/runs --now
  sudo syncd install --system --now            for the account that called sudo
  syncd install --print                        show the unit, write nothing
  syncd install --hub --data ~/hub --now       a hub instead of the agent
\b
`syncd uninstall` undoes it.
Exit code: 0 installed, 1 the service manager could not start it, 2 bad usage, or a unit that somebody
else wrote, or another daemon has the state, 130 interrupted.
"""


@click.command("install", epilog=EPILOG)
@click.option(
    "--user/--system",
    "is_user",
    default=True,
    help="A service of this account (the default), or of the machine, from its boot on.",
)
@click.option("--account", metavar="NAME", help="With --system: whose service; else who called sudo.")
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="DIR",
    shell_complete=complete_path,
    help="As of `syncd start`; may be repeated.",
)
@click.option(
    "--to", "targets", multiple=True, metavar="URL", help="As of `syncd start`; may be repeated."
)
@click.option("--hub", "is_hub", is_flag=True, help="Install `syncd serve` instead of the agent.")
@click.option("--data", metavar="DIR", shell_complete=complete_path, help="With --hub: its data folder.")
@click.option("--listen", metavar="HOST:PORT", help="With --hub: where it listens.")
@click.option("--now", "is_started", is_flag=True, help="Start it as well, now and after every boot.")
@click.option("--print", "is_printed", is_flag=True, help="Print the unit and change nothing.")
def command(
    roots: tuple[str, ...],
    targets: tuple[str, ...],
    account: str | None,
    data: str | None,
    listen: str | None,
    *,
    is_user: bool,
    is_hub: bool,
    is_started: bool,
    is_printed: bool,
) -> None:
    """Write a unit for systemd, or for launchd on macOS, that runs the agent without you.

    It is restarted when it fails or hangs, may write nothing but its state and targets, and stands
    behind training for processor, disk and memory. Settings and key come from `syncd login`: a
    service has nothing of your shell.
    """
    _check_usage(is_user=is_user, is_hub=is_hub, account=account, data=data, listen=listen, roots=roots)
    disk, owner = Disk(), find_account(account, os.environ, is_user=is_user)
    if is_hub:
        service = plan_hub(data or "", listen, owner, is_user=is_user)
    else:
        service = plan_agent(roots, targets, owner, disk, is_user=is_user)
    manager = choose_manager(
        sys.platform, owner.environ, home=owner.home, user_id=owner.user_id, is_system=not is_user
    )
    if is_printed:
        click.echo(manager.unit(service), nl=False)
        return
    try:
        _install(service, manager, owner, disk, is_started=is_started)
    except ManagerError as error:
        say(f"syncd: {error}")
        raise SystemExit(PARKED) from None


def _check_usage(
    *,
    is_user: bool,
    is_hub: bool,
    account: str | None,
    data: str | None,
    listen: str | None,
    roots: Sequence[str],
) -> None:
    if account is not None and is_user:
        raise click.UsageError("--account goes with --system: a service of your own is always yours")
    if is_hub and data is None:
        raise click.UsageError("--hub needs its data folder: --data DIR")
    if is_hub and roots:
        raise click.UsageError("--root goes with the agent, not with --hub")
    if not is_hub and (data, listen) != (None, None):
        raise click.UsageError("--data and --listen go with --hub")


def _install(
    service: Service, manager: Manager, owner: Account, disk: Disk, *, is_started: bool
) -> None:
    path = manager.path(service.name)
    was_there = is_ours(path, disk)
    if is_started and was_there:
        run_all(manager.stopping(service.name), is_failure_fine=True)
    if is_started and service.is_agent:
        _refuse_beside_another(owner, disk)
    owner.make_folder(service.writable[0], disk)
    write_unit(path, manager.unit(service), disk)
    say(f"{'replaced' if was_there else 'wrote'} {path}")
    for missing in missing_keys(service, owner, disk) if service.is_agent else ():
        say(f"warning: {missing}; a service knows nothing of this shell")
    if service.account is None and owner.is_sent_home(disk):
        say(f"it ends when you log out, unless: loginctl enable-linger {owner.name}")
    if is_started:
        run_all(manager.starting(service.name))
        say(f"{service.name} runs, now and after every boot")
    else:
        commands = " && ".join(words_of(command) for command in manager.starting(service.name))
        say(f"next: {commands}")


def _refuse_beside_another(owner: Account, disk: Disk) -> None:
    """A daemon that was started by hand, or by a training script, has the state."""
    answer = ask_daemon(state_directory(owner.environ), {"command": "status"}, disk=disk)
    if answer is not None:
        pid = answer["pid"]
        raise CannotStartError(
            f"process {pid} is the daemon already: end it with `kill {pid}` (it finishes what is under "
            "way), then run the command again"
        )
