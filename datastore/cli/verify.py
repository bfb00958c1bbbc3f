"""`datastore verify`: proves that runs on the disk are whole, or names what is not."""

from collections.abc import Iterable, Iterator

import click

from tidelog.datastore.as_json import encoded
from tidelog.datastore.check import RunCheck, check_run
from tidelog.datastore.cli.as_text import tail_text
from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.cli.pipe import while_read
from tidelog.datastore.cli.progress import reading
from tidelog.datastore.cli.unreadable import Unreadable, end_if_any, find_each, noting
from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted, on_one_line, size_text

DAMAGE_FOUND = 1


@click.command(
    "verify",
    epilog="""\b
Examples:
  datastore verify tidelog               every run of the root
  datastore verify tidelog/latest /mnt/stick/mnist
  datastore verify tidelog --json | jq '.runs[] | select(.is_whole | not)'
\b
Exit codes: 0 all is whole, 1 something is damaged or missing, 2 something cannot be read at all,
whatever else was found. `datastore salvage` copies what can be read of a damaged run.""",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", shell_complete=complete_path)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def command(paths: tuple[str, ...], *, as_json: bool) -> None:
    """Check every CRC, every gap, and every file of the ledger by its SHA-256.

    PATH is a log, a run directory, a project or a root. A torn tail, the unfinished last chunk of a
    writer that died, is reported and is no damage.
    """
    with reading("verifying", paths) as disk:
        checks, unreadable = _check(paths, disk)
    with while_read():  # The exit code is the answer, whoever reads the rest.
        _print(checks, unreadable, as_json=as_json)
    end_if_any(unreadable)
    if not all(check.is_whole for check in checks):
        raise SystemExit(DAMAGE_FOUND)


def _print(checks: list[RunCheck], unreadable: list[Unreadable], *, as_json: bool) -> None:
    if as_json:
        click.echo(encoded(_document(checks, unreadable), indent=2))
        return
    for check in checks:
        for line in check_lines(check):
            click.echo(on_one_line(line))


def _check(paths: Iterable[str], disk: Disk) -> tuple[list[RunCheck], list[Unreadable]]:
    """Check all runs of all paths; one that cannot be read hides no other."""
    checks: list[RunCheck] = []
    unreadable: list[Unreadable] = []
    for run in find_each(paths, unreadable, disk=disk):
        with noting(unreadable, run):
            checks.append(check_run(run.path, disk=run.disk))
    return checks, unreadable


def _document(checks: list[RunCheck], unreadable: list[Unreadable]) -> dict[str, object]:
    return {
        "type": "verify",
        "runs": [
            {
                **check._asdict(),
                "is_whole": check.is_whole,
                "damage": [found._asdict() for found in check.damage],
                "torn_tails": [found._asdict() for found in check.torn_tails],
                "file_faults": [found._asdict() for found in check.file_faults],
            }
            for check in checks
        ],
        "unreadable": [path._asdict() for path in unreadable],
    }


def check_lines(check: RunCheck) -> Iterator[str]:
    """Yield what a check found, as a person reads it."""
    verdict = "whole  " if check.is_whole else "DAMAGED"
    yield (
        f"{verdict}  {check.path}: {counted(check.rows, 'row')} in {counted(check.logs, 'log')}, "
        f"{counted(check.files, 'file')}, {size_text(check.bytes)}"
    )
    for tail in check.torn_tails:
        yield f"  torn tail: {tail.log} {tail_text(tail.length)}"
    for damage in check.damage:
        yield (
            f"  damage: {damage.log}: {counted(damage.length, 'byte')} at offset {damage.offset}, "
            f"{counted(damage.chunks, 'chunk')} lost"
        )
    for log in check.missing_logs:
        yield f"  missing: {log} is not there, and later logs of its stream are"
    for file in check.file_faults:
        yield f"  file: {file.path} {file.fault}"
