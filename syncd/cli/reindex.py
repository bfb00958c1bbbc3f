"""`syncd reindex`: make a hub's index of runs anew from the run directories."""

import json
import os
import sys
import time

import click

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.errors import CannotStartError

EPILOG = """\b
The index is what the hub's lists and pages are made of. It is a cache: a hub that finds it missing or
broken makes it anew by itself, and sees within a minute what was copied into its folder.
\b
Examples:
  syncd reindex --data hub/            whether or not a hub serves it now
  syncd reindex --data hub/ --json     {"type": "reindex", "runs": 812, "seconds": 1.4}
\b
Exit code: 0 made, 2 no such folder or the disk refuses, 3 the hub that serves it did not do it in time.
"""

POLL_S = 0.05
NOT_IN_TIME = 3


@click.command("reindex", epilog=EPILOG)
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False),
    help="The folder that holds the runs.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="Seconds to wait for the hub that serves the folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(data: str, timeout_s: float, *, as_json: bool) -> None:
    """Make a hub's index of runs anew. No run is changed; a hub that serves the folder goes on."""
    began = time.monotonic()
    runs = _rebuild(data)
    if runs is None and not _ask(data, timeout_s):
        click.echo(
            f"syncd: the hub that serves {data} has not made its index in {timeout_s:g} s; it goes on "
            "with that, and its log says what hinders it",
            err=True,
        )
        raise SystemExit(NOT_IN_TIME)
    _tell(runs, time.monotonic() - began, as_json=as_json)


def _rebuild(data: str) -> int | None:
    """Make the index; None where a hub serves the folder."""
    from tidelog.syncd.hub.own_folder import HUB_DIRECTORY, LOCK_FILE

    disk = Disk()
    directory = os.path.join(data, HUB_DIRECTORY)
    disk.make_directory(directory, mode=0o700)
    lock = disk.open_update(os.path.join(directory, LOCK_FILE), mode=0o600)
    try:
        if not disk.try_lock(lock):
            return None
        return _make(data, disk)
    finally:
        disk.close(lock)


def _make(data: str, disk: Disk) -> int:
    # To ask a hub none of this is needed, and loading it takes longer than many an index.
    import lmdb

    from tidelog.syncd.hub.limits import HubLimits
    from tidelog.syncd.hub.read.rebuild import rebuild_index

    try:
        return rebuild_index(data, disk=disk, clock=Clock(), limits=HubLimits(), on_progress=_show)
    except lmdb.Error as error:
        raise CannotStartError(f"the index of {data} cannot be written: {error}") from error


def _ask(data: str, timeout_s: float) -> bool:
    """Ask the hub that serves a folder; tell whether it has done it in time."""
    from tidelog.syncd.hub.read.rebuild_request import ask_for_rebuild

    is_done = ask_for_rebuild(data, disk=Disk())
    deadline = time.monotonic() + timeout_s
    while not is_done():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


def _show(count: int) -> None:
    """Show how far it is, on a terminal alone."""
    if sys.stderr.isatty():
        click.echo(f"\r{count} runs", nl=False, err=True)


def _tell(runs: int | None, seconds: float, *, as_json: bool) -> None:
    if as_json:
        document = {"type": "reindex", "runs": runs, "seconds": round(seconds, 3)}
        click.echo(json.dumps(document))
    elif runs is None:
        click.echo(f"the hub that serves it has made its index anew, in {seconds:.1f} s")
    else:
        click.echo(f"{runs} runs in {seconds:.1f} s")
