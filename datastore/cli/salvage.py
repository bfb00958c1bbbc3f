"""`datastore salvage`: a clean copy of all that can be read, and a report of what cannot."""

from collections.abc import Iterator

import click

from tidelog.datastore.as_json import encoded
from tidelog.datastore.cli.as_text import tail_text
from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.cli.pipe import while_read
from tidelog.datastore.cli.progress import reading
from tidelog.datastore.gaps import Loss
from tidelog.datastore.layout import SALVAGE_JSON
from tidelog.datastore.salvage import salvage
from tidelog.datastore.salvage_report import SalvagedLog, SalvagedRun, SalvageReport
from tidelog.datastore.text import counted, on_one_line, size_text

LOST = 1
UNNAMED_SHOWN_MAX = 5


@click.command(
    "salvage",
    epilog="""\b
Examples:
  datastore salvage tidelog/mnist/r1 -o tidelog/mnist/r1-salvaged
  datastore salvage tidelog -o tidelog-salvaged      every run of the root
  datastore salvage main.0001.tlog -o rescued --json

Exit codes: 0 all was readable, 1 something is lost and the rest was copied, 2 nothing was copied.""",
)
@click.argument("path", metavar="PATH", shell_complete=complete_path)
@click.option(
    "-o",
    "--output",
    "new",
    required=True,
    metavar="NEW",
    help="A directory that is not there yet, or is empty; not inside PATH.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, as in NEW/salvage.json.")
def command(path: str, new: str, *, as_json: bool) -> None:
    """Copy all that can be read of a log, a run, a project or a root, and report what cannot.

    PATH is left as it is. The logs of the copy are clean and have ids of their own; files are
    copied where size and SHA-256 are those of the ledger. An interrupted salvage leaves no NEW.
    """
    with reading("salvaging", [path]) as disk:
        report = salvage(path, new, disk=disk)
    with while_read():  # The copy is there, and the exit code tells whether it is all.
        if as_json:
            click.echo(encoded(report.document(), indent=2))
        else:
            for line in report_lines(report):
                click.echo(on_one_line(line))
    if not report.is_whole:
        raise SystemExit(LOST)


def report_lines(report: SalvageReport) -> Iterator[str]:
    """Yield a report as a person reads it."""
    for run in report.runs:
        yield from _run_lines(run, report.source)
    for unreadable in report.unreadable:
        yield f"LOST    {unreadable.path}: {unreadable.fault}"
    verdict = "all of it could be read" if report.is_whole else "what is LOST is not in the copy"
    yield f"{verdict}; the copy is {report.target}, this report is in {report.target}/{SALVAGE_JSON}"


def _run_lines(run: SalvagedRun, source: str) -> Iterator[str]:
    name = source if run.path == "." else f"{source.rstrip('/')}/{run.path}"
    rows, size = sum(log.rows for log in run.logs), sum(log.bytes for log in run.logs)
    yield (
        f"{'whole ' if run.is_whole else 'LOSSES'}  {name}: kept {counted(rows, 'row')} in "
        f"{counted(len(run.logs), 'log')} ({size_text(size)}), {counted(run.files, 'file')}"
    )
    for log in run.logs:
        yield from _log_lines(log)
    for unreadable in run.unreadable_logs:
        yield f"  LOST  {unreadable.path}: {unreadable.fault}"
    for missing in run.missing_logs:
        yield f"  LOST  {missing}: it is not there, and later logs of its stream are"
    for file in run.file_faults:
        yield f"  LOST  {file.path} {file.fault}"
    if run.unnamed:
        shown = ", ".join(run.unnamed[:UNNAMED_SHOWN_MAX])
        more = ", ..." if len(run.unnamed) > UNNAMED_SHOWN_MAX else ""
        yield f"  {counted(len(run.unnamed), 'file')} left behind, no readable row names: {shown}{more}"


def _log_lines(log: SalvagedLog) -> Iterator[str]:
    for loss in log.losses:
        yield f"  LOST  {log.name}: {loss_text(loss)}"
    for offset, length in log.unreadable:
        yield f"  LOST  {log.name}: the disk did not give {counted(length, 'byte')} at offset {offset}"
    if log.losses and log.rows_lost is not None:
        yield f"        {log.name}: that is {counted(log.rows_lost, 'row')}, its last checkpoint tells"
    if log.torn_tail is not None:
        _, length = log.torn_tail
        yield f"  torn tail: {log.name} {tail_text(length)}"


def loss_text(loss: Loss) -> str:
    """Return a damaged range in words: bytes, chunks, steps."""
    least = "" if loss.is_exact else "at least "
    where = (
        f"{counted(loss.length, 'byte')} at offset {loss.offset}, {least}{counted(loss.chunks, 'chunk')}"
    )
    before, after = loss.step_before, loss.step_after
    if not loss.chunks:
        return f"{where}: the file header, no record"
    if before is None and after is None:
        return f"{where}, in a log of which no row is left"
    if before is None:
        return f"{where}, before step {after}"
    if after is None:
        return f"{where}, after step {before}"
    return f"{where}, between step {before} and step {after}"
