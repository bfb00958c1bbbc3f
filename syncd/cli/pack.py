"""`syncd pack`: put runs into one archive, to be carried where no network goes."""

import errno
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from tidelog.datastore.cli.path_completion import complete_path
from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.text import counted, size_text
from tidelog.syncd.agent.pack.contents import Contents, PackedRun, PackError
from tidelog.syncd.agent.pack.survey import Findings, Survey
from tidelog.syncd.agent.pack.writer import write_pack
from tidelog.syncd.agent.proof.receipts import ReceiptWitness, open_receipts, receipts_in
from tidelog.syncd.agent.proof.verify import logs_by_run
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.held import RunContents
from tidelog.syncd.agent.task import Run
from tidelog.syncd.cli.console import INTERRUPTED, PARKED, WHOLE, print_json, say
from tidelog.syncd.cli.meter import meter
from tidelog.syncd.cli.options import json_option, paths_argument
from tidelog.syncd.cli.receipt import root_of
from tidelog.syncd.cli.selected import Selected
from tidelog.syncd.errors import CannotStartError

SHOWN_MAX = 20

EPILOG = """\b
Examples:
  syncd pack tidelog/ -o runs.tar.zst             what no receipt in tidelog/ has
  syncd pack tidelog/ -o runs.tar.zst --since runs.receipt.json
  syncd pack tidelog/mnist -o mnist.tar.zst --full
  tar --zstd -tf runs.tar.zst                     what is in it
\b
Exit code: 0 packed (or nothing is new), 1 something was left out, is damaged,
or the archive could not be written, 2 bad usage, 130 interrupted.
"""


@click.command("pack", epilog=EPILOG)
@paths_argument
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False), metavar="FILE", help="The archive."
)
@click.option(
    "--since",
    metavar="RECEIPT",
    shell_complete=complete_path,
    help="Leave out what this receipt has. Without it: what the receipts beside the runs have.",
)
@click.option("--full", "is_full", is_flag=True, help="Leave nothing out, whatever receipts say.")
@json_option
def command(
    paths: tuple[str, ...], output: str, since: str | None, *, is_full: bool, is_json: bool
) -> None:
    """Put runs into one archive that `syncd unpack` takes in on the other side, and plain `tar` opens.

    PATH is a run, a project, a root, or a single log. Runs may go on meanwhile: packed are whole chunks
    up to now, and files whose bytes are those of the ledger. The receipt that unpacking gives, carried
    back beside the runs, makes the next pack hold only what is new.
    """
    if since is not None and is_full:
        raise CannotStartError(
            "--since leaves out what a receipt has, --full leaves out nothing: say one"
        )
    disk = Disk()
    selected = Selected(paths, disk)
    runs = logs_by_run(selected.logs)
    _refuse_within(output, runs, disk)
    try:
        report = _pack(runs, output, since, disk, is_full=is_full)
    except KeyboardInterrupt:
        say(f"interrupted; nothing is left of {output}")
        raise SystemExit(INTERRUPTED) from None
    if is_json:
        print_json({**report.document(), "left_out_runs": selected.left_out})
    report.tell()
    selected.tell()
    raise SystemExit(WHOLE if report.is_whole and not selected.left_out else PARKED)


class _Report:
    """What became of a pack, for people and for programs."""

    def __init__(self, output: str, contents: Contents, findings: Findings, runs: int) -> None:
        self.output = output
        self.contents = contents
        self.findings = findings
        self.unchanged = runs - len(contents.runs)
        self.problem = ""
        self.size = 0

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing lacks and nothing is damaged."""
        return not (self.problem or self.findings.left_out or self.findings.damage)

    def document(self) -> dict[str, Any]:
        """Return it as JSON says it."""
        packed = self.contents.runs
        return {
            "type": "pack",
            "archive": self.output if self.size else None,
            "archive_bytes": self.size,
            "runs": len(packed),
            "runs_without_news": self.unchanged,
            "logs": sum(bool(log.cuts) for run in packed for log in run.logs),
            "files": sum(len(run.files) for run in packed),
            "bytes": self.contents.size,
            "left_out": [{"item": item, "reason": why} for item, why in self.findings.left_out.items()],
            "damaged": [{"run": str(run), **d._asdict()} for run, d in self.findings.damage],
            "torn_tails": [{"run": str(run), **tail._asdict()} for run, tail in self.findings.torn],
            "problem": self.problem or None,
        }

    def tell(self) -> None:
        """Say it to people."""
        for run, tail in self.findings.torn:
            size = counted(tail.length, "byte")
            say(f"{run}/{tail.log}: the last {size} are no whole chunk and stay here")
        for run, d in self.findings.damage:
            size = counted(d.length, "byte")
            say(f"{run}/{d.log}: damaged from byte {d.offset} on for {size}")
        for item, reason in list(self.findings.left_out.items())[:SHOWN_MAX]:
            say(f"{item}: {reason}")
        rest = len(self.findings.left_out) - SHOWN_MAX
        if rest > 0:
            say(f"and {rest} more; --json names them all")
        if self.problem:
            say(self.problem)
        elif self.size:
            say(
                f"{self.output}: {size_text(self.size)} with {size_text(self.contents.size)} of "
                f"{counted(len(self.contents.runs), 'run')}; take it in with `syncd unpack`"
            )
        else:
            say(f"nothing is new in {counted(self.unchanged, 'run')}; no archive was written")


def _refuse_within(output: str, runs: Iterable[Run], disk: Disk) -> None:
    """The archive takes the place of what is there: in a run that may be the log that it has packed."""
    path = disk.real_path(output)
    for run in runs:
        if path.startswith(os.path.join(run.path, "")):
            raise CannotStartError(f"{output} lies in the run {run.path}: name a file outside of it")


def _pack(
    runs: Mapping[Run, Sequence[str]], output: str, since: str | None, disk: Disk, *, is_full: bool
) -> _Report:
    survey = Survey(disk=disk, settings=AgentSettings())
    received = _received(runs, since, disk, is_full=is_full)
    packed: list[PackedRun] = []
    sources: dict[str, Run] = {}
    seen = Counter[str]()
    with meter("reading", total=len(runs)) as (advance, _):
        for run, names in runs.items():
            if sources.setdefault(str(run), run) != run:
                raise CannotStartError(
                    f"{run.path} and {sources[str(run)].path} are both {run}: pack one"
                )
            try:
                found = survey.look(run, names, _word_on(run, received, seen))
            except (OSError, DatastoreError) as error:
                survey.findings.left_out[str(run)] = f"it cannot be read: {error}"
                continue
            packed += [found] if found.files or any(log.cuts for log in found.logs) else []
            advance(1)
    for target, count in seen.items():
        say(f"{counted(count, 'run')} since the receipt of {target}")
    contents = Contents(Clock().now(), tuple(packed))
    report = _Report(output, contents, survey.findings, len(runs))
    if packed:
        _write(report, sources, disk)
    return report


def _write(report: _Report, sources: dict[str, Run], disk: Disk) -> None:
    output = report.output
    try:
        with meter("packing", total=report.contents.size, is_bytes=True) as (advance, _):
            changed = write_pack(output, report.contents, sources, disk=disk, on_bytes=advance)
    except PackError as error:
        report.problem = f"nothing was written: {error}"
    except OSError as error:
        remedy = "; pack fewer runs at a time, or onto another disk" * (error.errno in _FULL)
        report.problem = f"{output} cannot be written: {error.strerror}{remedy}; nothing is left of it"
    else:
        report.findings.left_out.update(changed)
        report.size = disk.stat(output).st_size


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _received(
    runs: Mapping[Run, Sequence[str]], since: str | None, disk: Disk, *, is_full: bool
) -> Mapping[str, ReceiptWitness]:
    """Return by root what receipts say: the one that is named, else those beside the runs."""
    roots = {root_of(run) for run in runs}
    if is_full:
        return {}
    if since is not None:
        return dict.fromkeys(roots, open_receipts(since, disk))
    return {root: open_receipts(root, disk) for root in roots if receipts_in(root, disk)}


def _word_on(run: Run, received: Mapping[str, ReceiptWitness], seen: Counter[str]) -> RunContents | None:
    witness = received.get(root_of(run))
    word = witness.word_on(run) if witness is not None else None
    if word is None:
        return None
    seen[word.target] += 1
    return word.held
