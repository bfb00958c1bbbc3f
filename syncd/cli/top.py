"""`syncd top`: what the daemon does, as a live screen."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.cli.console import BAD_USAGE, say
from tidelog.syncd.cli.daemon_answer import answer_of_daemon
from tidelog.syncd.cli.options import LOOKS_S_MAX, Seconds
from tidelog.syncd.cli.status_text import BAD, Line
from tidelog.syncd.cli.top_screen import Size, screen_lines

INTERVAL_S = 1.0
INTERVAL_MIN_S = 0.1
NOTE_S = 3.0

EPILOG = """\b
Keys:
  q  ends it
  p  pauses the daemon, and resumes it
  r  tries again what waits and what is parked
\b
Exit code: 0 ended by q, 2 no terminal, 3 no daemon runs, 130 ended by Ctrl-C.
"""


@click.command("top", epilog=EPILOG)
@click.option(
    "--interval",
    "interval_s",
    type=Seconds(min=INTERVAL_MIN_S, max=LOOKS_S_MAX),
    default=INTERVAL_S,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks.",
)
def command(interval_s: float) -> None:
    """Show targets, live runs by how far they are behind, and the last events, until q is pressed."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        say("syncd top needs a terminal; `syncd status --watch` writes anywhere")
        raise SystemExit(BAD_USAGE)
    directory = state_directory(os.environ)
    without = "`syncd start --root DIR` starts one"
    answer_of_daemon({"command": "status"}, is_json=False, without=without)
    _Top(directory, interval_s).run()


class _Top:
    """The loop of the screen: ask, draw, wait for a key."""

    def __init__(self, directory: Path, interval_s: float) -> None:
        self._directory = directory
        self._interval_s = interval_s
        self._note = ""
        self._note_until = 0.0
        self._status: Mapping[str, Any] | None = None

    def run(self) -> None:
        """Draw until a key ends it; however it ends, the terminal is as it was before."""
        # Only this command needs them.
        from rich.live import Live

        from tidelog.syncd.cli.keys import HUNG_UP, RESIZED, Keys
        from tidelog.syncd.cli.tones import rich_console, rich_text

        console = rich_console()
        with (
            Keys(sys.stdin.fileno()) as keys,
            Live(console=console, screen=True, auto_refresh=False) as live,
        ):
            key: str | None = None
            while key not in ("q", "Q", HUNG_UP):
                if key != RESIZED:
                    self._act(key)
                    self._status = self._ask("status") or self._status
                size = Size(console.width, console.height)
                live.update(rich_text(self._lines(size, console.encoding)), refresh=True)
                key = keys.wait(self._interval_s)

    def _lines(self, size: Size, encoding: str) -> list[Line]:
        if self._status is None:
            return [Line("no daemon answers", BAD)]
        note = self._note if time.monotonic() < self._note_until else ""
        is_unicode = encoding.lower().startswith("utf")
        return screen_lines(self._status, size, is_unicode=is_unicode, note=note)

    def _act(self, key: str | None) -> None:
        """Do what a key stands for, and note what came of it."""
        if key in ("p", "P"):
            held = (self._status or {}).get("held")
            answer = self._ask("resume" if held and held["is_pause"] else "pause")
            self._say("" if answer is None else "resumed" if answer["type"] == "resume" else "paused")
        elif key in ("r", "R"):
            answer = self._ask("retry")
            self._say("" if answer is None else f"trying {answer['tasks']} again")

    def _say(self, note: str) -> None:
        self._note, self._note_until = note, time.monotonic() + NOTE_S

    def _ask(self, command: str) -> Mapping[str, Any] | None:
        answer = ask_daemon(self._directory, {"command": command}, disk=Disk())
        if answer is None:
            self._say("the daemon does not answer; `syncd start` starts one")
        return answer
