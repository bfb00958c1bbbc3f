"""`datastore show --repro`: a run as a script that makes it again."""

from typing import Any

import click

from tidelog.datastore.as_json import encoded
from tidelog.datastore.disk import Disk
from tidelog.datastore.location import Location
from tidelog.datastore.reader import Reader
from tidelog.datastore.rebuild import REQUIREMENTS, rebuild
from tidelog.datastore.shell import comment

REQUIREMENTS_BYTES_MAX = 1024 * 1024


def print_rebuild(location: Location, *, as_json: bool) -> None:
    """Print the commands that rebuild a run, and before them what they do not bring back."""
    disk, path = location
    with Reader(path, disk=disk) as run:
        files = [file.path for file in run.files()]
        directory = path.parent if disk.is_file(path) else path
        plan = rebuild(
            run.metadata,
            files,
            directory=str(directory.absolute()) if type(disk) is Disk else None,
            requirements=_read(str(directory / REQUIREMENTS), disk) if REQUIREMENTS in files else "",
        )
        title = f"Rebuilds {run.project}/{run.id} ({run.name}) in the folder that it is started in."
    if as_json:
        document: dict[str, Any] = {"type": "rebuild", "path": str(location), **plan._asdict()}
        click.echo(encoded(document, indent=2))
        return
    click.echo("#!/usr/bin/env bash")
    for line in (title, "It runs the code of that run: read it first. Not brought back:"):
        click.echo(comment(line))
    for line in plan.missing:
        click.echo(comment(f"- {line}"))
    click.echo("set -euo pipefail")
    for command in plan.commands:
        click.echo(command)


def _read(path: str, disk: Disk) -> str:
    try:
        return disk.read_start(path, REQUIREMENTS_BYTES_MAX).decode(errors="replace")
    except OSError:
        return ""
