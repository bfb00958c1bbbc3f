"""`syncd clean`: delete runs that are proven to be whole on a target."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

import click

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import NotARunError
from tidelog.datastore.text import counted, size_text
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.agent.plan.retry import SetbackError
from tidelog.syncd.agent.proof.clean import BookError, ChangedError, Cleaner, Finding
from tidelog.syncd.agent.proof.verify import logs_by_run
from tidelog.syncd.agent.target.credentials import FILE, find_address
from tidelog.syncd.agent.target.root_target import refuse_nested
from tidelog.syncd.agent.task import Run
from tidelog.syncd.cli.clean_report import CleanReport
from tidelog.syncd.cli.console import PARKED, UNREACHABLE, WHOLE
from tidelog.syncd.cli.meter import meter
from tidelog.syncd.cli.options import Span, json_option, paths_argument, receipt_option, to_option
from tidelog.syncd.cli.selected import Selected
from tidelog.syncd.cli.still_to_send import StillToSend
from tidelog.syncd.cli.witness import open_witness
from tidelog.syncd.errors import CannotStartError

EPILOG = """\b
Examples:
  syncd clean tidelog/ --older-than 7d            list, then ask
  syncd clean tidelog/ --older-than 30d --yes     for cron
  syncd clean tidelog/ --receipt /media/usb       what a stick brought back
  syncd clean tidelog/ --dry-run --json
\b
Exit code: 0 all that is due is deleted (or listed), 1 a run is due and in doubt,
or could not be deleted, 2 bad usage, 3 the target is unreachable, 130 interrupted.
"""


@click.command("clean", epilog=EPILOG)
@paths_argument
@click.option(
    "--older-than",
    "older_than_s",
    type=Span(),
    default="7d",
    show_default=True,
    metavar="SPAN",
    help="Keep runs in which anything changed more recently.",
)
@click.option("--crashed", "takes_crashed", is_flag=True, help="Also runs that ended without a word.")
@to_option
@receipt_option
@click.option("--dry-run", is_flag=True, help="List what would be deleted, and delete nothing.")
@click.option("--yes", "is_agreed", is_flag=True, help="Delete without asking.")
@json_option
def command(
    paths: tuple[str, ...],
    older_than_s: float,
    to: str | None,
    receipt: str | None,
    *,
    takes_crashed: bool,
    dry_run: bool,
    is_agreed: bool,
    is_json: bool,
) -> None:
    """Delete runs that have ended and that a target holds whole, byte for byte.

    PATH is a run, a project or a root. The target is asked now and reads every byte again; with
    --receipt the bytes here are compared with what it said earlier. Any doubt about a run keeps it, and
    is told: a file of it is in no log, something differs, a daemon has still to send some of it.
    Without a terminal nothing is asked, and nothing is deleted unless --yes says so.
    """
    disk = Disk()
    report = CleanReport(is_json=is_json, is_deleting=not dry_run)
    if not dry_run and (is_agreed or _has_person()):
        report.sweep(paths, disk)
    runs = _select(paths, disk, has_swept=bool(report.swept))
    code = WHOLE
    try:
        asyncio.run(
            _clean(
                paths,
                runs,
                report,
                to=to,
                receipt=receipt,
                disk=disk,
                is_agreed=is_agreed,
                older_than_s=older_than_s,
                takes_crashed=takes_crashed,
            )
        )
    except SetbackError as error:
        report.reason = str(error)
        code = UNREACHABLE if error.setback.is_passing else PARKED
    except BookError as error:
        report.reason = str(error)
    report.end()
    raise SystemExit(code or (WHOLE if report.is_well else PARKED))


async def _clean(
    paths: Sequence[str],
    runs: Mapping[Run, Sequence[str]],
    report: CleanReport,
    *,
    to: str | None,
    receipt: str | None,
    disk: Disk,
    is_agreed: bool,
    older_than_s: float,
    takes_crashed: bool,
) -> None:
    if receipt is None:
        address = find_address(to, os.environ, disk)
        if address.scheme == FILE:
            refuse_nested(address.path, map(disk.real_path, paths), disk=disk)
    async with open_witness(to, receipt, disk) as witness:
        report.target = witness.name
        cleaner = Cleaner(
            witness,
            disk=disk,
            clock=Clock(),
            state=str(state_directory(os.environ)),
            older_than_s=older_than_s,
            takes_crashed=takes_crashed,
            pending=StillToSend(disk).of,
        )
        due: list[Finding] = []
        may_ask = report.is_deleting and not is_agreed and _has_person()
        with meter("proving", total=len(runs)) as (advance, tell):
            for run, names in runs.items():
                finding = await cleaner.examine(run, names)
                if finding.is_due and is_agreed and report.is_deleting:
                    await _delete(cleaner, finding)
                if finding.is_due and not finding.is_deleted and may_ask:
                    due.append(finding)
                else:
                    finding.forget()
                report.show(finding, tell)
                advance(1)
        if due and _is_confirmed(due):
            for finding in due:
                await _delete(cleaner, finding)


async def _delete(cleaner: Cleaner, finding: Finding) -> None:
    try:
        await cleaner.delete(finding)
    except ChangedError as error:
        finding.doubts.append(str(error))
    except OSError as error:
        finding.doubts.append(f"it could not be deleted: {error}")


def _is_confirmed(due: Sequence[Finding]) -> bool:
    size = size_text(sum(found.size for found in due))
    return click.confirm(f"delete {counted(len(due), 'run')}, {size}?", err=True)


def _has_person() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _select(paths: Sequence[str], disk: Disk, *, has_swept: bool) -> Mapping[Run, Sequence[str]]:
    for path in paths:
        if disk.is_file(path):
            raise CannotStartError(f"{path} is a file; whole runs are deleted, or nothing: name the run")
    try:
        selected = Selected(paths, disk)
    except NotARunError:
        if has_swept:
            return {}
        raise
    selected.tell()
    return logs_by_run(selected.logs)
