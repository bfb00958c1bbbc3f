"""Does a daemon run and answer, is it as new as this command, will it be there after a logout."""

import getpass
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.datastore.process import is_pid_alive
from tidelog.datastore.text import duration_text
from tidelog.syncd.agent.daemon.lock import Holder
from tidelog.syncd.agent.doctor.finding import Finding, ok, problem, warning

NAME = "daemon"
LINGER = Path("/var/lib/systemd/linger")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def judge_daemon(
    answer: Mapping[str, Any] | None, holder: Holder | None, *, version: str, is_alive: bool
) -> Finding:
    """Say how the daemon is, from its answer to `status` and from who has the state."""
    if answer is None and holder is not None and is_alive:
        text = f"process {holder.pid} has the state and does not answer"
        return problem(NAME, text, f"`syncd logs`, then `kill {holder.pid}`; `kill -9` loses nothing")
    if answer is None:
        return warning(NAME, "none runs", "`syncd start`, or `syncd install --now` for good")
    who = f"process {answer['pid']}, up {duration_text(answer['uptime_s'])}"
    running = answer.get("version")
    if running != version:
        text = f"{who}, is of version {running or 'unknown'}, this command of {version}"
        return warning(NAME, text, f"stop it with `kill {answer['pid']}` and start it again")
    return ok(NAME, f"{who}, version {version}")


def look_at_daemon(
    answer: Mapping[str, Any] | None, holder: Holder | None, *, version: str
) -> Iterator[Finding]:
    """Look at the daemon of this state."""
    is_alive = holder is not None and is_pid_alive(holder.pid)
    yield judge_daemon(answer, holder, version=version, is_alive=is_alive)


def look_at_linger(unit: Path, disk: Disk) -> Iterator[Finding]:
    """Look whether a user's service goes on when its user has left; nothing where there is none."""
    if not disk.is_there(unit):
        return
    account = getpass.getuser()
    if disk.is_there(LINGER / account):
        yield ok("service", f"{unit.name} goes on after {account} has logged out")
    else:
        text = f"{unit.name} ends when {account} logs out"
        yield warning("service", text, f"`loginctl enable-linger {account}`")


def look_at_proxies(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Name the proxies that the environment sets: a service started elsewhere has none of them."""
    found = {
        name: environ.get(name) or environ.get(name.upper(), "")
        for name in PROXIES
        if environ.get(name) or environ.get(name.upper())
    }
    if found:
        # A proxy's address may hold a password.
        shown = ", ".join(f"{name}={value.rpartition('@')[2]}" for name, value in found.items())
        yield ok("proxies", f"{shown}; hubs on other machines are asked through them")
