"""`syncd start`: watch folders of runs and upload what is new."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import read_settings
from tidelog.syncd.agent.daemon.control import ask_daemon, socket_path
from tidelog.syncd.agent.daemon.lock import Holder, Lock, acquire, holder_of, state_directory
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.connect import open_target
from tidelog.syncd.agent.target.credentials import Address, find_address
from tidelog.syncd.cli.console import BAD_USAGE, say
from tidelog.syncd.cli.options import to_option
from tidelog.syncd.errors import CannotStartError

DEFAULT_ROOT = "tidelog"
LOG_NAME = "daemon.log"
LOG_BYTES_MAX = 1024 * 1024
START_TIMEOUT_S = 20.0
START_POLL_S = 0.05

EPILOG = """\b
Examples:
  syncd start                                watch ./tidelog and the roots of before
  syncd start --root runs/ --to https://hub.lab
  syncd start --background --root runs/      return once a daemon watches it
\b
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
@to_option
@click.option("--background", is_flag=True, help="Hand the roots to the daemon that runs, or start one.")
@click.option(
    "--retry-max",
    "retry_max_s",
    type=click.FloatRange(min=0.01),
    default=AgentSettings().backoff_max_s,
    show_default=True,
    metavar="SECONDS",
    help="The longest wait between two tries.",
)
def command(roots: tuple[str, ...], to: str | None, *, background: bool, retry_max_s: float) -> None:
    """Watch roots and upload what is new in them, until SIGTERM.

    Outages of any length are waited out. What a hub refuses is parked and shown by `syncd status`.
    One daemon runs per account; a second one says which has the state.
    """
    disk, directory = Disk(), state_directory(os.environ)
    watched = [os.path.realpath(root) for root in roots]
    if background:
        _start_in_background(watched, to, directory, disk, retry_max_s)
        return
    address = find_address(to, os.environ, disk)
    lock = _take(directory, disk)
    try:
        settings = replace(AgentSettings(), backoff_max_s=retry_max_s)
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
        asyncio.run(_serve(address, watched, directory, disk, lock, settings))
    finally:
        lock.release()


async def _serve(
    address: Address,
    roots: Sequence[str],
    directory: Path,
    disk: Disk,
    lock: Lock,
    settings: AgentSettings,
) -> None:
    # The commands that only ask a daemon need neither LMDB nor the watcher.
    from tidelog.syncd.agent.daemon.service import Service
    from tidelog.syncd.agent.upload.state import LmdbState

    log = logging.getLogger("tidelog.syncd")
    clock = Clock()
    socket = socket_path(directory, os.environ)
    with LmdbState(directory, disk=disk, bytes_max=settings.state_bytes_max) as state:
        target = open_target(
            address, environ=os.environ, disk=disk, clock=clock, settings=settings, begun=state
        )
        service = Service(
            target,
            state,
            socket=socket,
            disk=disk,
            clock=clock,
            settings=settings,
            tell=log.warning,
        )
        for root in roots or state.roots() or [_default_root(disk)]:
            service.add_root(root)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stop)
        lock.announce(Holder(os.getpid(), str(socket)))
        log.info("daemon %d uploads to %s", os.getpid(), address.url)
        await service.run()
        log.info("daemon %d stopped", os.getpid())


def _take(directory: Path, disk: Disk) -> Lock:
    try:
        lock = acquire(directory, disk)
    except OSError as error:
        raise _no_state(directory, error) from error
    if lock is None:
        holder = holder_of(directory, disk)
        who = f"process {holder.pid}" if holder is not None else "another process"
        say(f"syncd: {who} is the daemon of {directory} already; `syncd status` asks it")
        raise SystemExit(BAD_USAGE)
    return lock


def _no_state(directory: Path, error: OSError) -> CannotStartError:
    return CannotStartError(
        f"the state cannot be kept in {directory}: {error.strerror}; set XDG_STATE_HOME to a folder "
        "that you can write"
    )


def _default_root(disk: Disk) -> str:
    setting = read_settings(os.environ, disk=disk).get("dir")
    return os.path.realpath(setting.value if setting else DEFAULT_ROOT)


def _start_in_background(
    roots: Sequence[str], to: str | None, directory: Path, disk: Disk, retry_max_s: float
) -> None:
    """Hand the roots to a daemon; where none answers, start one and hand them over to that."""
    if _hand_over(roots, to, directory, disk):
        return
    # Said here, where a person can read it, and not in the daemon's log.
    address = find_address(to, os.environ, disk)
    open_target(address, environ=os.environ, disk=disk, clock=Clock(), settings=AgentSettings())
    try:
        process = _detach(roots, address, directory, disk, retry_max_s)
    except OSError as error:
        raise _no_state(directory, error) from error
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if _hand_over(roots, to, directory, disk):
            return
        if process.poll() not in (None, BAD_USAGE):
            break  # With exit code 2 another daemon was faster: it will answer.
        time.sleep(START_POLL_S)
    raise CannotStartError(f"the daemon did not start; {directory / LOG_NAME} says why")


def _hand_over(roots: Sequence[str], to: str | None, directory: Path, disk: Disk) -> bool:
    answer = ask_daemon(directory, {"command": "status"}, disk=disk)
    if answer is None:
        return False
    is_named = to is not None or "hub" in read_settings(os.environ, disk=disk)
    target, pid = answer.get("target"), answer.get("pid")
    if is_named and (wanted := find_address(to, os.environ, disk).url) != target:
        raise CannotStartError(
            f"process {pid} is the daemon of {directory} and uploads to {target}, not to {wanted}: "
            f"stop it with `kill {pid}`, then run the command again"
        )
    return all(
        ask_daemon(directory, {"command": "watch", "root": root}, disk=disk) is not None
        for root in roots
    )


def _detach(
    roots: Sequence[str], address: Address, directory: Path, disk: Disk, retry_max_s: float
) -> "subprocess.Popen[bytes]":
    disk.make_directory(directory, mode=0o700)
    path = directory / LOG_NAME
    if disk.is_file(path) and disk.stat(path).st_size > LOG_BYTES_MAX:
        disk.rename(path, directory / f"{LOG_NAME}.1")
    log = disk.open_append(path, mode=0o600)
    try:
        arguments = [argument for root in roots for argument in ("--root", root)]
        return subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "tidelog.syncd", "start", "--to", address.url),
                *("--retry-max", str(retry_max_s), *arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    finally:
        disk.close(log)
