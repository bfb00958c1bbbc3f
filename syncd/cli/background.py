"""Hand roots to the daemon that runs; where none does, start one that outlives the terminal."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import structs

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import read_settings
from tidelog.syncd.agent.config import Config, Wishes, read_config
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import no_state
from tidelog.syncd.agent.target.connect import open_target
from tidelog.syncd.agent.target.credentials import find_addresses
from tidelog.syncd.cli.console import BAD_USAGE
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.log_file import LOG_NAME

DEFAULT_ROOT = "tidelog"
ROOT_VARIABLE = "TIDELOG_DIR"
"""Tells a daemon, which runs in no folder, what the root of the caller's is."""
START_TIMEOUT_S = 20.0
START_POLL_S = 0.05
_FLAGS = {"targets": "to", "roots": "root"}
"""The others are called as in the settings file."""


def start_in_background(roots: Sequence[str], wishes: Wishes, directory: Path, disk: Disk) -> None:
    """Return once a daemon watches the roots. Raises CannotStartError where none can."""
    config = read_config(wishes, os.environ, disk)
    if _hand_over(roots, config, directory, disk):
        return
    # Said here, where a person can read it, and not in the daemon's log.
    addresses = find_addresses(config.targets, os.environ, disk)
    for address in addresses:
        open_target(address, environ=os.environ, disk=disk, clock=Clock(), settings=config.settings)
    try:
        # The daemon runs in no folder: a hub that this one's settings name is handed over by name.
        if not config.targets:
            wishes = structs.replace(wishes, targets=[address.url for address in addresses])
        process = _detach(roots, wishes, directory, disk)
    except OSError as error:
        raise no_state(directory, error) from error
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if _hand_over(roots, config, directory, disk):
            return
        if process.poll() not in (None, BAD_USAGE):
            break  # With exit code 2 another daemon was faster: it will answer.
        time.sleep(START_POLL_S)
    raise CannotStartError(f"the daemon did not start; {directory / LOG_NAME} says why: `syncd logs`")


def default_root(disk: Disk) -> str:
    """Return the root that is meant where nobody names one: a setting, else `./tidelog`."""
    setting = read_settings(os.environ, disk=disk).get("dir")
    return os.path.realpath(setting.value if setting else DEFAULT_ROOT)


def flags_of(wishes: Wishes) -> Iterator[str]:
    """Yield the flags of `syncd start` that mean these wishes, all of them."""
    for name, value in structs.asdict(wishes).items():
        flag = _FLAGS.get(name, name.replace("_", "-"))
        if isinstance(value, bool):
            yield f"--{flag}" if value else f"--no-{flag}"
        elif value is not None:
            for one in value if isinstance(value, list) else [value]:
                yield from (f"--{flag}", str(one))


def _hand_over(roots: Sequence[str], config: Config, directory: Path, disk: Disk) -> bool:
    answer = ask_daemon(directory, {"command": "status"}, disk=disk)
    if answer is None:
        return False
    is_named = config.targets or "hub" in read_settings(os.environ, disk=disk)
    held = [target["target"] for target in answer["targets"]]
    wanted = find_addresses(config.targets, os.environ, disk) if is_named else []
    for address in wanted:
        if address.url not in held:
            pid = answer["pid"]
            raise CannotStartError(
                f"process {pid} is the daemon of {directory} and uploads to {', '.join(held)}, not to "
                f"{address.url}: stop it with `kill {pid}`, then run the command again"
            )
    return all(
        ask_daemon(directory, {"command": "watch", "root": root}, disk=disk) is not None
        for root in roots
    )


def _detach(
    roots: Sequence[str], wishes: Wishes, directory: Path, disk: Disk
) -> "subprocess.Popen[bytes]":
    disk.make_directory(directory, mode=0o700)
    path = directory / LOG_NAME
    log = disk.open_append(path, mode=0o600)  # For what goes wrong before the daemon opens it itself.
    try:
        flags = flags_of(structs.replace(wishes, roots=list(roots)))
        return subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "tidelog.syncd", "start", "--log-file", str(path)),
                *flags,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={**os.environ, ROOT_VARIABLE: default_root(disk)},
        )
    finally:
        disk.close(log)
