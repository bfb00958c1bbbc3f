"""`datastore verify`: proves that runs on the disk are whole, or names what is not."""

import click

from tidelog.datastore.as_json import dumps
from tidelog.datastore.check import RunCheck, check_run
from tidelog.datastore.cli.as_text import on_one_line
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.find import find_runs
from tidelog.datastore.text import counted, size_text

DAMAGE_FOUND = 1
CANNOT_READ = 2


@click.command(
    "verify",
    epilog="""\b
Examples:
  datastore verify tidelog               every run of the root
  datastore verify tidelog/latest --json""",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def command(paths: tuple[str, ...], *, as_json: bool) -> None:
    """Check every CRC, every gap, and every file of the ledger by its SHA-256.

    A torn tail, the unfinished last chunk of a writer that died, is reported and is no damage.
    """
    checks: list[RunCheck] = []
    unreadable: list[tuple[str, str]] = []
    for path in paths:
        try:
            for run in find_runs(path):
                try:
                    checks.append(check_run(run))
                except (DatastoreError, OSError) as error:
                    unreadable.append((str(run), str(error)))
        except (DatastoreError, OSError) as error:
            unreadable.append((path, str(error)))
    if as_json:
        click.echo(dumps(_document(checks, unreadable), indent=2))
    else:
        for check in checks:
            _print_check(check)
    for _, fault in unreadable:
        click.echo(f"datastore: {fault}", err=True)
    if unreadable:
        raise SystemExit(CANNOT_READ)
    if not all(check.is_whole for check in checks):
        raise SystemExit(DAMAGE_FOUND)


def _document(checks: list[RunCheck], unreadable: list[tuple[str, str]]) -> dict[str, object]:
    return {
        "type": "verify",
        "runs": [
            {
                **check._asdict(),
                "path": str(check.path),
                "is_whole": check.is_whole,
                "damage": [found._asdict() for found in check.damage],
                "torn_tails": [found._asdict() for found in check.torn_tails],
                "file_faults": [found._asdict() for found in check.file_faults],
            }
            for check in checks
        ],
        "unreadable": [{"path": path, "fault": fault} for path, fault in unreadable],
    }


def _print_check(check: RunCheck) -> None:
    verdict = "whole  " if check.is_whole else "DAMAGED"
    click.echo(
        f"{verdict}  {check.path}: {counted(check.rows, 'row')} in {counted(check.logs, 'log')}, "
        f"{counted(check.files, 'file')}, {size_text(check.bytes)}"
    )
    for tail in check.torn_tails:
        click.echo(f"  torn tail: {tail.log} ends in {tail.length} bytes of an unfinished chunk")
    for damage in check.damage:
        click.echo(
            f"  damage: {damage.log}: {damage.length} bytes at offset {damage.offset}, "
            f"{counted(damage.chunks, 'chunk')} lost"
        )
    for file in check.file_faults:
        click.echo(f"  file: {on_one_line(file.path)} {file.fault}")
