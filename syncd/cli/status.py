"""`syncd status`: ask the daemon what it does, once or again and again."""

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import click

from tidelog.syncd.cli.console import print_json
from tidelog.syncd.cli.daemon_answer import answer_of_daemon
from tidelog.syncd.cli.options import LOOKS_S_MAX, Seconds, json_option
from tidelog.syncd.cli.status_text import Line, status_lines
from tidelog.syncd.cli.tones import paint, terminal_width
from tidelog.syncd.logging_setup import is_coloured

WATCH_S = 2.0
WATCH_MIN_S = 0.1

EPILOG = """\b
Examples:
  syncd status
  syncd status --watch            look again every 2 s, until Ctrl-C
  syncd status --json --watch 10  one JSON document a line, every 10 s
\b
`syncd top` is the same as a live screen. NO_COLOR turns colours off.
Exit code: 0 a daemon runs, 3 none does, 130 after Ctrl-C.
"""


@click.command("status", epilog=EPILOG)
@click.option(
    "--watch",
    "watch_s",
    type=Seconds(min=WATCH_MIN_S, max=LOOKS_S_MAX),
    is_flag=False,
    flag_value=WATCH_S,
    metavar="[SECONDS]",
    help=f"Look again every so many seconds, {WATCH_S:g} if nothing is said, until the daemon ends.",
)
@json_option
def command(watch_s: float | None, *, is_json: bool) -> None:
    """Show what the daemon watches and sends, how far behind it is, what fails, and what to do.

    Targets that need attention come first. A row counts as behind until the target has acknowledged it.
    """
    status = _ask(is_json=is_json)
    if watch_s is None or is_json or not sys.stdout.isatty():
        _show(status, is_json=is_json)
    if watch_s is None:
        return
    if is_json or not sys.stdout.isatty():
        _append_again(watch_s, is_json=is_json)
    else:
        _redraw(status, watch_s)


def _ask(*, is_json: bool) -> Mapping[str, Any]:
    without = "`syncd start --root DIR` starts one"
    return answer_of_daemon({"command": "status"}, is_json=is_json, without=without)


def _show(status: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        print_json(status)
        return
    has_colour = is_coloured(sys.stdout, os.environ)
    for line in status_lines(status, width=terminal_width()):
        click.echo(paint(line, is_coloured=has_colour), color=has_colour)


def _append_again(interval_s: float, *, is_json: bool) -> None:
    while True:
        sys.stdout.flush()
        time.sleep(interval_s)
        if not is_json:
            click.echo("")
        _show(_ask(is_json=is_json), is_json=is_json)


def _redraw(status: Mapping[str, Any], interval_s: float) -> None:
    from rich.live import Live

    from tidelog.syncd.cli.tones import rich_console, rich_text

    console = rich_console()

    def drawn(status: Mapping[str, Any]) -> Any:
        lines = status_lines(status, width=console.width)
        # What is below the screen's end cannot be drawn again.
        rest = len(lines) - (console.height - 1)
        if rest > 0:
            lines = [*lines[: console.height - 2], Line(f"... {rest + 1} lines more: `syncd status`")]
        return rich_text(lines)

    with Live(drawn(status), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(interval_s)
            live.update(drawn(_ask(is_json=False)), refresh=True)
