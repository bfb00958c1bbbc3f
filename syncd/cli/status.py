"""`syncd status`: ask the daemon what it does."""

import os
from typing import Any

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted, duration_text, on_one_line, size_text
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.cli.console import UNREACHABLE, print_json, say
from tidelog.syncd.cli.options import json_option

SHOWN_MAX = 20

EPILOG = """\b
Exit code: 0 a daemon runs, 3 none does.
"""


@click.command("status", epilog=EPILOG)
@json_option
def command(*, is_json: bool) -> None:
    """Show what the daemon watches, what is under way, waiting and parked, and why."""
    directory = state_directory(os.environ)
    answer = ask_daemon(directory, {"command": "status"}, disk=Disk())
    if answer is None:
        if is_json:
            print_json({"type": "status", "running": False})
        else:
            say("no daemon runs; `syncd start --root DIR` starts one")
        raise SystemExit(UNREACHABLE)
    if is_json:
        print_json(answer)
    else:
        _print(answer)


def _print(status: dict[str, Any]) -> None:
    targets = status["targets"]
    names = ", ".join(target["target"] for target in targets)
    click.echo(f"daemon {status['pid']}, up {duration_text(status['uptime_s'])}, uploads to {names}")
    if status["held"]:
        click.echo(f"nothing is sent: {status['held']['reason']}")
    for root in status["roots"]:
        click.echo(f"watches {on_one_line(root)}")
    for path, reason in status["problems"].items():
        click.echo(f"  {on_one_line(path)}: {reason}")
    click.echo(counted(status["runs"], "run"))
    for target in targets:
        _print_target(target)
    if any(target["parked"] for target in targets):
        click.echo("`syncd retry` tries again what is parked")


def _print_target(target: dict[str, Any]) -> None:
    click.echo(
        f"{target['target']}: {target['wanted']} to send, {len(target['under_way'])} under way, "
        f"{len(target['waiting'])} waiting, {len(target['parked'])} parked; "
        f"{size_text(target['sent']['bytes'])} sent since the start"
    )
    outage = target["outage"]
    if outage:
        click.echo(
            f"  it does not work for {duration_text(outage['lasts_s'])}: {outage['reason']}; "
            f"next try in {outage['next_try_in_s']:.0f} s"
        )
    for word in ("waiting", "parked"):
        for entry in target[word][:SHOWN_MAX]:
            item = "/".join(filter(None, (entry["project"], entry["run"], entry["item"])))
            click.echo(f"  {word}: {item}: {entry['reason']}")
    for damage in target["damaged"][:SHOWN_MAX]:
        click.echo(f"  damaged: {damage['log']}: {damage['length']} bytes at {damage['offset']}")
