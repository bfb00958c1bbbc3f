"""`syncd doctor`: look at all that an agent needs, and say what to do."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted, on_one_line
from tidelog.syncd.agent.config import Config, Wishes, read_config
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import holder_of, state_directory
from tidelog.syncd.agent.doctor.finding import Finding, Level, worst
from tidelog.syncd.cli.console import PARKED, print_json, say
from tidelog.syncd.cli.options import json_option
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.install.manager import choose_manager
from tidelog.syncd.install.service import AGENT
from tidelog.syncd.logging_setup import is_coloured

if TYPE_CHECKING:
    from tidelog.syncd.agent.doctor.checks import Patient

ASK_TIMEOUT_S = 3.0
COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}
LABEL_WIDTH = 9
CHECK_WIDTH = 10

EPILOG = """\b
Examples:
  syncd doctor                      before a long training, or when nothing arrives
  syncd doctor --to https://hub.lab     look at a target that is not configured yet
  syncd doctor --json | jq '.findings[] | select(.level != "ok")'
\b
Exit code: 0 nothing keeps runs from arriving (there may be warnings), 1 something does, 2 bad usage,
130 interrupted.
"""


@click.command("doctor", epilog=EPILOG)
@click.option(
    "--to", multiple=True, metavar="URL", help="A target to look at instead of the configured."
)
@json_option
def command(to: tuple[str, ...], *, is_json: bool) -> None:
    """Look at settings, keys, hubs, clocks, roots, disks and the daemon; say what to do.

    Changes nothing, and ends within a quarter of a minute, whatever hangs.
    """
    # What is looked at needs LMDB and the HTTP client; nothing else here does.
    from tidelog.syncd.agent.doctor.checks import checks_for
    from tidelog.syncd.agent.doctor.examination import examine

    clock, findings = Clock(), []
    has_colour = is_coloured(sys.stdout, os.environ)
    for finding in examine(checks_for(_patient(to, clock)), clock=clock):
        findings.append(finding)
        if not is_json:
            _print(finding, has_colour=has_colour)
    state = worst(findings)
    if is_json:
        listed = [finding._asdict() for finding in findings]
        print_json({"type": "doctor", "state": state, "findings": listed})
    _sum_up(findings)
    raise SystemExit(PARKED if state is Level.PROBLEM else 0)


def _patient(to: tuple[str, ...], clock: Clock) -> "Patient":
    from tidelog.syncd.agent.doctor.checks import Patient
    from tidelog.syncd.agent.upload.state import roots_in

    disk, directory = Disk(), state_directory(os.environ)
    answer = ask_daemon(directory, {"command": "status"}, disk=disk, timeout_s=ASK_TIMEOUT_S)
    try:
        config = read_config(Wishes(), os.environ, disk)
    except CannotStartError:
        config = Config()  # The check of the settings says what is wrong with it.
    held = [target["target"] for target in answer["targets"]] if answer else []
    roots = answer["roots"] if answer else [*config.roots, *roots_in(directory)]
    manager = choose_manager(
        sys.platform, os.environ, home=Path.home(), user_id=os.getuid(), is_system=False
    )
    return Patient(
        environ=os.environ,
        directory=directory,
        roots=list(dict.fromkeys(roots)),
        targets=to or list(dict.fromkeys([*held, *config.targets])),
        unit=manager.path(AGENT),
        version=version("tidelog"),
        answer=answer,
        holder=holder_of(directory, disk),
        disk=disk,
        clock=clock,
    )


def _print(finding: Finding, *, has_colour: bool) -> None:
    label = f"{finding.level:{LABEL_WIDTH}}"
    if has_colour:
        label = click.style(label, fg=COLOURS[finding.level])
    click.echo(f"{label}{finding.check:{CHECK_WIDTH}}{on_one_line(finding.text)}", color=has_colour)
    if finding.remedy:
        click.echo(f"{'':{LABEL_WIDTH + CHECK_WIDTH}}do: {on_one_line(finding.remedy)}")


def _sum_up(findings: list[Finding]) -> None:
    counts = {level: sum(f.level is level for f in findings) for level in Level}
    say(f"{counted(counts[Level.PROBLEM], 'problem')}, {counted(counts[Level.WARNING], 'warning')}")
