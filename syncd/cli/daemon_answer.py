"""Ask the daemon to do something, and say what to do where none runs."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import holder_of, state_directory
from tidelog.syncd.cli.console import UNREACHABLE, print_json, say
from tidelog.syncd.cli.status_text import held_text
from tidelog.syncd.errors import CannotStartError

_OUTDATED = "; it may be of another version: restart it with `syncd start`"


def answer_of_daemon(request: Mapping[str, Any], *, is_json: bool, without: str) -> dict[str, Any]:
    """Return the daemon's answer; where none runs, say `without` and exit with 3.

    Raises CannotStartError where the daemon that runs does not know the request.
    """
    directory, disk = state_directory(os.environ), Disk()
    answer = ask_daemon(directory, request, disk=disk)
    if answer is None:
        if is_json:
            print_json({"type": request["command"], "running": False})
        say(why_no_answer(directory, disk, without=without))
        raise SystemExit(UNREACHABLE)
    if answer.get("type") == "error":
        raise CannotStartError(str(answer["detail"]) + ("" if answer.get("is_failure") else _OUTDATED))
    return answer


def why_no_answer(directory: Path, disk: Disk, *, without: str) -> str:
    """Say that no daemon runs, or which one does and is silent: it is busy, stopped, or hangs."""
    return silence_of(directory, disk) or f"no daemon runs; {without}"


def silence_of(directory: Path, disk: Disk) -> str:
    """Say which daemon runs, once it did not answer; "" where none does."""
    holder = holder_of(directory, disk)
    if holder is None or not _is_daemon(holder.pid, disk):
        return ""
    return (
        f"process {holder.pid} is the daemon and does not answer; if that stays so, end it with "
        f"`kill -9 {holder.pid}` and start it again: nothing is lost by that"
    )


def _is_daemon(pid: int, disk: Disk) -> bool:
    """Tell whether a process is what it was: the number of one that was killed may be another's now."""
    try:
        return b"syncd" in disk.read(f"/proc/{pid}/cmdline")
    except OSError:
        return False


def held_words(answer: Mapping[str, Any]) -> str:
    """Return whether anything is sent now, and what waits for that."""
    waiting = counted(answer["wanted"] - answer["under_way"], "item")
    if answer["held"] is None:
        return f"{waiting} to send"
    ending = ""
    if answer["under_way"]:
        ending = f", after {counted(answer['under_way'], 'upload')} under way"
    return f"nothing is sent{ending}: {held_text(answer['held'])}; {waiting} to send then"
