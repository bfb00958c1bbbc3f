"""Ask the daemon to do something, and say what to do where none runs."""

import os
from collections.abc import Mapping
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.cli.console import UNREACHABLE, print_json, say
from tidelog.syncd.cli.status_text import held_text
from tidelog.syncd.errors import CannotStartError


def answer_of_daemon(request: Mapping[str, Any], *, is_json: bool, without: str) -> dict[str, Any]:
    """Return the daemon's answer; where none runs, say `without` and exit with 3.

    Raises CannotStartError where the daemon that runs does not know the request.
    """
    answer = ask_daemon(state_directory(os.environ), request, disk=Disk())
    if answer is None:
        if is_json:
            print_json({"type": request["command"], "running": False})
        say(f"no daemon runs; {without}")
        raise SystemExit(UNREACHABLE)
    if answer.get("type") == "error":
        raise CannotStartError(
            f"{answer['detail']}; it may be of another version: restart it with `syncd start`"
        )
    return answer


def held_words(answer: Mapping[str, Any]) -> str:
    """Return whether anything is sent now, and what waits for that."""
    waiting = counted(answer["wanted"] - answer["under_way"], "item")
    if answer["held"] is None:
        return f"{waiting} to send"
    ending = ""
    if answer["under_way"]:
        ending = f", after {counted(answer['under_way'], 'upload')} under way"
    return f"nothing is sent{ending}: {held_text(answer['held'])}; {waiting} to send then"
