"""`syncd logs`: show what the daemon has told, wherever that goes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.text import on_one_line
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.agent.daemon.log_reading import LogReading
from tidelog.syncd.cli.console import UNREACHABLE, say
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.install.manager import choose_manager
from tidelog.syncd.install.service import AGENT
from tidelog.syncd.log_file import LOG_NAME
from tidelog.syncd.log_lines import entry_in, text_of
from tidelog.syncd.logging_setup import is_coloured

LINES = 100
UNIT_SUFFIX = ".service"
FOLLOW_INTERVAL_S = 0.2
ASK_TIMEOUT_S = 3.0

EPILOG = """\b
Examples:
  syncd logs              the last 100 lines
  syncd logs -f           and what comes, until Ctrl-C
  syncd logs -n 1000 --json | jq 'select(.level != "info")'
\b
Exit code: 0 shown, 2 bad usage, 3 there is no log: no daemon has run, or it tells a terminal,
130 interrupted.
"""


@click.command("logs", epilog=EPILOG)
@click.option(
    "-f", "--follow", "is_following", is_flag=True, help="Go on with what is told from now on."
)
@click.option(
    "-n",
    "--lines",
    "count",
    type=click.IntRange(min=0),
    default=LINES,
    show_default=True,
    metavar="N",
    help="The last so many lines.",
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object per line.")
def command(count: int, *, is_following: bool, is_json: bool) -> None:
    """Show what the daemon has told: from its file, or from the journal where systemd runs it."""
    disk, directory = Disk(), state_directory(os.environ)
    answer = ask_daemon(directory, {"command": "status"}, disk=disk, timeout_s=ASK_TIMEOUT_S)
    place = _place(answer, directory / LOG_NAME, disk)
    if place["to"] == "journal":
        raise SystemExit(_show_journal(place, count, is_following=is_following, is_json=is_json))
    if place["to"] == "stderr":
        say(f"the daemon tells the terminal, or the program, that started it: stderr is {place['path']}")
        raise SystemExit(UNREACHABLE)
    if not disk.is_there(place["path"]):
        say("there is no log yet: no daemon has run in the background, or as a service")
        raise SystemExit(UNREACHABLE)
    _show_file(Path(place["path"]), count, disk, is_following=is_following, is_json=is_json)


def _place(answer: Mapping[str, Any] | None, path: Path, disk: Disk) -> Mapping[str, Any]:
    """Return where the running daemon's log goes, else where one is that has ended."""
    if answer is not None:
        place: Mapping[str, Any] = answer["log"]
        return place
    if not disk.is_there(path):
        for is_user in (True, False):
            unit = choose_manager(
                sys.platform, os.environ, home=Path.home(), user_id=os.getuid(), is_system=not is_user
            ).path(AGENT)
            if disk.is_there(unit) and unit.suffix == UNIT_SUFFIX:
                return {"to": "journal", "unit": unit.name, "is_user": is_user}
    return {"to": "file", "path": str(path)}


def _show_file(path: Path, count: int, disk: Disk, *, is_following: bool, is_json: bool) -> None:
    with LogReading(path, disk=disk) as reading:
        lines = reading.new_lines()
        _print(lines[max(0, len(lines) - count) :], is_json=is_json)
        while is_following:
            time.sleep(FOLLOW_INTERVAL_S)
            _print(reading.new_lines(), is_json=is_json)


def _print(lines: list[str], *, is_json: bool) -> None:
    has_colour = not is_json and is_coloured(sys.stdout, os.environ)
    for line in lines:
        click.echo(_shown(line, is_json=is_json, has_colour=has_colour), color=has_colour)


def _shown(line: str, *, is_json: bool, has_colour: bool) -> str:
    """Return a line as it was asked for; what is no event, such as a crash's traceback, stays a line."""
    entry = entry_in(line)
    if is_json:
        return line if entry is not None else json.dumps({"message": line}, ensure_ascii=False)
    return on_one_line(line) if entry is None else text_of(entry, is_coloured=has_colour)


def _show_journal(place: Mapping[str, Any], count: int, *, is_following: bool, is_json: bool) -> int:
    unit = place["unit"] or AGENT + UNIT_SUFFIX
    command = ["journalctl", "--unit", unit, "--lines", str(count), "--no-pager"]
    if place.get("is_user"):
        command[1:2] = ["--user-unit"]
    command += ["--follow"] * is_following + ["--output", "json" if is_json else "short-iso"]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    except FileNotFoundError as error:
        raise CannotStartError("the log is in systemd's journal, and there is no journalctl") from error
