"""`syncd unpack`: take an archive in, and give a receipt for it."""

import asyncio
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted, on_one_line, size_text
from tidelog.syncd.agent.pack.contents import Contents, PackError
from tidelog.syncd.agent.pack.unpack import Unpacked, Unpacker
from tidelog.syncd.agent.plan.retry import SetbackError
from tidelog.syncd.agent.proof.receipts import RECEIPT_NAME, refuse_no_receipt
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.credentials import FILE
from tidelog.syncd.agent.target.patient import PatientTarget
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.cli.console import INTERRUPTED, PARKED, UNREACHABLE, WHOLE, print_json, say
from tidelog.syncd.cli.meter import meter
from tidelog.syncd.cli.options import Seconds, json_option, to_option
from tidelog.syncd.cli.receipt import Receipts, attest, write_receipt
from tidelog.syncd.cli.witness import open_reading_target
from tidelog.syncd.errors import CannotStartError

SHOWN_MAX = 20
SUFFIXES = (".tar.zst", ".tzst", ".zst")

EPILOG = """\b
Examples:
  syncd unpack runs.tar.zst                   to the hub of the settings
  syncd unpack runs.tar.zst --to https://hub.lab
  syncd unpack runs.tar.zst -d runs/          into a root on this machine
\b
Exit code: 0 the target holds all of it, 1 something of it lacks or was refused,
2 bad usage or no pack, 3 the target was unreachable for --timeout or is full,
130 interrupted.
"""


@click.command("unpack", epilog=EPILOG)
@click.argument("archive", type=click.Path(dir_okay=False), metavar="ARCHIVE")
@click.option(
    "-d", "--root", type=click.Path(file_okay=False), metavar="ROOT", help="A root on this machine."
)
@to_option
@click.option(
    "-o",
    "--receipt",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Where the receipt goes; beside the archive unless told.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=Seconds(min=0.0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up when a hub has not answered for so long.",
)
@json_option
def command(
    archive: str,
    root: str | None,
    to: str | None,
    receipt: str | None,
    timeout_s: float,
    *,
    is_json: bool,
) -> None:
    """Take an archive of `syncd pack` in, and give a receipt for what the target then holds.

    Do it as often as you like: what is held already stays as it is. Of an archive that is cut or
    damaged, all that is whole is kept. Carry the receipt back: `syncd pack` leaves out what it has, and
    `syncd clean` deletes what is proven to have arrived.
    """
    if root is not None and to is not None:
        raise CannotStartError("-d names a root on this machine and --to a target: say one of the two")
    to = to if root is None else f"file://{os.path.realpath(root)}"
    disk = Disk()
    report = _Report(disk.real_path(archive), receipt or receipt_beside(archive))
    refuse_no_receipt(report.receipt_path, disk)
    code = PARKED
    try:
        code = asyncio.run(_unpack(to, timeout_s, report, disk))
    except SetbackError as error:
        report.reason = str(error)
        code = UNREACHABLE if error.setback.is_passing else PARKED
    except KeyboardInterrupt:
        say("interrupted; what was taken in stays, run the command again to go on")
        raise SystemExit(INTERRUPTED) from None
    except PackError as error:
        raise CannotStartError(f"{archive}: {error}") from None
    if is_json:
        print_json(report.document())
    report.tell()
    raise SystemExit(code)


@dataclass(slots=True)
class _Report:
    """What became of it, for people and for programs."""

    archive: str
    receipt_path: str
    target: str = ""
    reason: str = ""
    contents: Contents = field(default_factory=lambda: Contents(0.0, ()))
    outcome: Unpacked = field(default_factory=Unpacked)
    receipts: Receipts = field(default_factory=Receipts)

    @property
    def is_whole(self) -> bool:
        """Tell whether the target holds all of it, and a receipt says so."""
        return not (self.outcome.faults or self.outcome.ending or self.reason or self.receipts.problems)

    def document(self) -> dict[str, Any]:
        """Return it as JSON says it."""
        return {
            "type": "unpack",
            "archive": self.archive,
            "target": self.target,
            "whole": self.is_whole,
            "reason": self.reason or None,
            "runs": len(self.contents.runs),
            "bytes": self.contents.size,
            "archive_ending": self.outcome.ending or None,
            "lacking": [{"item": item, "reason": why} for item, why in self.outcome.faults.items()],
            "older": sorted(self.outcome.older),
            "receipt": self.receipts.document(),
        }

    def tell(self) -> None:
        """Say it to people."""
        if self.outcome.ending:
            say(
                on_one_line(
                    f"{self.archive} is not whole: {self.outcome.ending}; what came before is kept"
                )
            )
        for item, reason in list(self.outcome.faults.items())[:SHOWN_MAX]:
            say(on_one_line(f"{item}: {reason}"))
        if len(self.outcome.faults) > SHOWN_MAX:
            say(f"and {len(self.outcome.faults) - SHOWN_MAX} more; --json names them all")
        for item in sorted(self.outcome.older)[:SHOWN_MAX]:
            say(on_one_line(f"{item}: the target has a later version, which stays"))
        if self.reason:
            say(f"syncd: {self.reason}; run the command again to go on")
        else:
            facts = f"{size_text(self.contents.size)} of {counted(len(self.contents.runs), 'run')}"
            say(f"{self.target} holds {'all' if not self.outcome.faults else 'not all'} of it: {facts}")
        self.receipts.tell()


def receipt_beside(archive: str) -> str:
    """Return where the receipt for an archive goes."""
    suffix = next((suffix for suffix in SUFFIXES if archive.endswith(suffix)), "")
    return f"{archive.removesuffix(suffix)}.{RECEIPT_NAME}"


async def _unpack(to: str | None, timeout_s: float, report: _Report, disk: Disk) -> int:
    fd = disk.open(report.archive)
    try:
        async with open_reading_target(to, disk) as target:
            report.target = target.name
            await _take_in(target, timeout_s, _reader(fd, disk), report, disk)
            _give_receipt(target, report, disk)
    finally:
        disk.close(fd)
    return WHOLE if report.is_whole else PARKED


async def _take_in(
    target: Target, timeout_s: float, read_input: Callable[[int], bytes], report: _Report, disk: Disk
) -> None:
    def advance(size: float) -> None:
        on_bytes(size)

    unpacker = Unpacker(
        report.archive,
        read_input,
        _patient(target, timeout_s),
        settings=AgentSettings(),
        on_bytes=advance,
        room=_room_of(target, disk),
    )
    report.contents, report.outcome = await unpacker.open(), unpacker.outcome
    with meter("unpacking", total=report.contents.size, is_bytes=True) as (on_bytes, _):
        await unpacker.take_in(report.contents)


def _room_of(target: Target, disk: Disk) -> Callable[[], int] | None:
    """Return what tells how many bytes a root can still take; a hub knows by itself."""
    if not isinstance(target, RootTarget):
        return None
    path = target.path
    return lambda: disk.room(path if disk.is_directory(path) else os.path.dirname(path)).free_bytes


def _patient(target: Target, timeout_s: float) -> Target:
    # A disk that is full or gone does not come back by waiting.
    is_near = target.name.startswith(f"{FILE}:")
    return PatientTarget(
        target,
        timeout_s=0.0 if is_near else timeout_s,
        settings=AgentSettings(),
        clock=Clock(),
        chance=random.random,
        tell=say,
    )


def _give_receipt(target: Target, report: _Report, disk: Disk) -> None:
    words = [attest(target, run.project, run.run, held) for run, held in report.outcome.held.items()]
    if words:
        write_receipt(report.receipt_path, words, report.receipts, disk)


def _reader(fd: int, disk: Disk) -> Callable[[int], bytes]:
    """Return what gives the next bytes of an open file."""
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        data = disk.read_at(fd, at, size)
        at += len(data)
        return data

    return read
