"""`syncd start`: watch folders of runs and upload what is new."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.config import Config, Wishes, read_config
from tidelog.syncd.agent.daemon.control import socket_path
from tidelog.syncd.agent.daemon.last_resort import end_at_the_latest
from tidelog.syncd.agent.daemon.lock import Holder, Lock, acquire, holder_of, state_directory
from tidelog.syncd.agent.daemon.log_place import log_place
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.connect import open_target
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.credentials import FILE, find_addresses
from tidelog.syncd.agent.target.root_target import refuse_nested
from tidelog.syncd.agent.watch.roots import absolute_root
from tidelog.syncd.agent.watch.selection import look_for_no_root
from tidelog.syncd.cli.background import default_root, start_in_background
from tidelog.syncd.cli.console import BAD_USAGE, say
from tidelog.syncd.cli.options import log_options, sending_options, targets_option
from tidelog.syncd.log_file import LOG_NAME
from tidelog.syncd.log_lines import JSON
from tidelog.syncd.logging_setup import set_up_logging, teller
from tidelog.syncd.notify import Notifier

if TYPE_CHECKING:
    from tidelog.syncd.agent.daemon.service import Service

GRACE_S = 2.0
"""Beyond the time in which requests under way may end."""

EPILOG = """\b
Examples:
  syncd start                                watch ./tidelog and the roots of before
  syncd start --root runs/ --to https://hub.lab
  syncd start --to https://hub.lab --to file:///mnt/copy
  syncd start --limit-rate 2M --quiet-hours 'mon-fri 08:00-18:00'
  syncd start --background --root runs/      return once a daemon watches it
  syncd start --log-format json 2>> syncd.jsonl
\b
What the flags say can stand in [sync] of config.toml as well; SIGHUP reads it again.
Exit code: 0 stopped by SIGTERM or SIGINT, 2 cannot start.
"""


@click.command("start", epilog=EPILOG)
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="A root to watch, now and after every start; say it as often as needed.",
)
@targets_option
@sending_options
@click.option(
    "--quiet-hours",
    multiple=True,
    metavar="HOURS",
    help="Send nothing then, like 08:00-18:00 or 'mon-fri 22:00-06:00'; local time.",
)
@click.option("--background", is_flag=True, help="Hand the roots to the daemon that runs, or start one.")
@click.option(
    "--metrics",
    envvar="TIDELOG_METRICS",
    metavar="HOST:PORT",
    help="Answer Prometheus at http://HOST:PORT/metrics, to whoever can connect, like 127.0.0.1:9464.",
)
@click.option(
    "--retry-max",
    "retry_max_s",
    type=click.FloatRange(min=0.01),
    metavar="SECONDS",
    help=f"The longest wait between two tries, {AgentSettings().backoff_max_s:g} if nothing is said.",
)
@log_options
def command(
    roots: tuple[str, ...],
    to: tuple[str, ...],
    quiet_hours: tuple[str, ...],
    retry_max_s: float | None,
    metrics: str | None,
    log_format: str,
    log_file: str | None,
    *,
    background: bool,
    **sending: Any,
) -> None:
    """Watch roots and upload what is new in them, until SIGTERM.

    Outages of any length are waited out. What a hub refuses is parked and shown by `syncd status`.
    One daemon runs per account; a second one says which has the state.
    """
    disk, directory = Disk(), state_directory(os.environ)
    watched = [absolute_root(root, disk) for root in roots]
    wishes = Wishes(
        targets=list(to) or None,
        quiet_hours=list(quiet_hours) or None,
        retry_max=retry_max_s,
        metrics=metrics,
        **sending,
    )
    if background:
        start_in_background(watched, wishes, directory, disk)
        return
    read_config(wishes, os.environ, disk)
    lock = _take(directory, disk)
    try:
        set_up_logging(log_format, log_file, os.environ, disk)
        asyncio.run(_serve(wishes, watched, directory, disk, lock, log_file))
    finally:
        lock.release()


async def _serve(
    wishes: Wishes,
    roots: Sequence[str],
    directory: Path,
    disk: Disk,
    lock: Lock,
    log_file: str | None,
) -> None:
    # The commands that only ask a daemon need neither LMDB nor the watcher.
    from tidelog.syncd.agent.daemon.service import Service
    from tidelog.syncd.agent.upload.state import LmdbState

    log = logging.getLogger("tidelog.syncd")
    clock = Clock()
    socket = socket_path(directory, os.environ)
    bytes_max = AgentSettings().state_bytes_max
    with LmdbState(directory, disk=disk, bytes_max=bytes_max, tell=log.warning) as state:

        def open_targets(config: Config) -> list[Target]:
            addresses = find_addresses(config.targets, os.environ, disk)
            for address in addresses:
                if address.scheme == FILE:
                    watched = [*roots, *config.roots, *state.roots()]
                    refuse_nested(address.path, watched, disk=disk)
            return [
                open_target(
                    address,
                    environ=os.environ,
                    disk=disk,
                    clock=clock,
                    settings=config.settings,
                    begun=state,
                )
                for address in addresses
            ]

        about = {"version": version("tidelog"), "log": log_place(log_file, os.environ, disk)}
        service = Service(
            open_targets,
            lambda: read_config(wishes, os.environ, disk),
            state,
            socket=socket,
            disk=disk,
            clock=clock,
            tell=teller(log),
            notifier=Notifier.from_environment(os.environ, pid=os.getpid()),
            about=about,
        )
        # Those of the state and of the configuration are known; what is added here is kept.
        is_new = not (state.roots() or service.config.roots)
        for root in roots or ([default_root(disk)] if is_new else []):
            service.add_root(root)
        has_terminal = log_file is None and sys.stderr.isatty()

        def hang_up() -> None:
            if has_terminal and not sys.stderr.isatty():
                about["log"] = _outlive_terminal(directory, disk, log)
            else:
                service.reload()

        _heed_signals(service, hang_up, log)
        lock.announce(Holder(os.getpid(), str(socket)))
        log.info("daemon %d uploads to %s", os.getpid(), ", ".join(service.target_names))
        # A thread that nobody waits for: the disk of a root may not answer.
        meant = [*service.config.roots, *state.roots()]
        threading.Thread(target=_warn_of_no_roots, args=(meant, disk, log), daemon=True).start()
        await service.run()
        log.info("daemon %d stopped", os.getpid())


def _heed_signals(service: "Service", hang_up: Callable[[], None], log: logging.Logger) -> None:
    loop = asyncio.get_running_loop()

    def end() -> None:
        service.stop()
        end_at_the_latest(service.config.settings.drain_s + GRACE_S, tell=log.warning)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, hang_up)


def _outlive_terminal(directory: Path, disk: Disk, log: logging.Logger) -> dict[str, Any]:
    """Its end is no wish for another configuration, nor for no uploads; return where the log goes on."""
    path = str(directory / LOG_NAME)
    set_up_logging(JSON, path, os.environ, disk)
    log.info("the terminal was closed, daemon %d goes on: `kill %d` ends it", os.getpid(), os.getpid())
    return log_place(path, os.environ, disk)


def _warn_of_no_roots(roots: Sequence[str], disk: Disk, log: logging.Logger) -> None:
    """No reason not to start: other roots are served, and a folder of runs may become a root."""
    for root in roots:
        if no_root := look_for_no_root(root, disk):
            log.warning("%s", no_root.advice)


def _take(directory: Path, disk: Disk) -> Lock:
    lock = acquire(directory, disk)
    if lock is None:
        holder = holder_of(directory, disk)
        who = f"process {holder.pid}" if holder is not None else "another process"
        say(f"syncd: {who} is the daemon of {directory} already; `syncd status` asks it")
        raise SystemExit(BAD_USAGE)
    return lock
