"""`syncd verify`: compare runs on the disk with what the target holds."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted, on_one_line, size_text
from tidelog.syncd.agent.plan.retry import SetbackError
from tidelog.syncd.agent.proof.compare import Verdict, bytes_of
from tidelog.syncd.agent.proof.verify import logs_by_run, verify_all
from tidelog.syncd.agent.task import Run
from tidelog.syncd.cli.console import PARKED, UNREACHABLE, WHOLE, print_json, say
from tidelog.syncd.cli.meter import meter
from tidelog.syncd.cli.options import json_option, paths_argument, receipt_option, to_option
from tidelog.syncd.cli.selected import Selected
from tidelog.syncd.cli.witness import open_witness

WORDS = {"equal": "equal", "behind": "BEHIND", "different": "DIFFERS", "damaged": "DAMAGED"}

EPILOG = """\b
Examples:
  syncd verify tidelog/latest
  syncd verify tidelog/ --to file:///mnt/stick --json
  syncd verify tidelog/ --receipt /mnt/stick     what a hub said that it holds
\b
Exit code: 0 equal, 1 something differs, is behind or damaged, 2 bad usage,
3 the target is unreachable.
"""


@click.command("verify", epilog=EPILOG)
@paths_argument
@to_option
@receipt_option
@json_option
def command(paths: tuple[str, ...], to: str | None, receipt: str | None, *, is_json: bool) -> None:
    """Prove that the target holds what the disk holds, or name every difference.

    PATH is a run, a project, a root, or a single log. Both ends read every byte again: rows, chunks,
    bytes and SHA-256 of each log, and of each file that the ledger names. A run that goes on is BEHIND
    by what was logged since; the unfinished last chunk of one that was killed is reported and is no
    difference. With --receipt what a target said earlier is compared, and no target is asked.
    """
    disk = Disk()
    selected = Selected(paths, disk)
    logs = logs_by_run(selected.logs)
    tally, state, reason = _Tally(is_json=is_json), "", None
    try:
        asyncio.run(_verify(to, receipt, logs, disk, tally))
    except SetbackError as error:
        state, reason = "unreachable" if error.setback.is_passing else "refused", str(error)
        say(f"syncd: {error}")
    if is_json:
        document = _document(tally, state or tally.state, reason)
        print_json({**document, "left_out": selected.left_out})
    elif not state:
        click.echo(tally.summary(len(logs)))
    selected.tell()
    if state == "unreachable":
        raise SystemExit(UNREACHABLE)
    is_equal = not state and tally.state == "equal" and not selected.left_out
    raise SystemExit(WHOLE if is_equal else PARKED)


class _Tally:
    """What the comparisons gave; a verdict itself holds a run's whole ledger and is not kept."""

    def __init__(self, *, is_json: bool) -> None:
        self.target = ""
        self.words: Counter[str] = Counter()
        self.documents: list[dict[str, Any]] = []
        self._is_json = is_json

    @property
    def state(self) -> str:
        """Say it of all runs in a word; a damaged run that is the same at both ends is no equal one."""
        others = [word for word in self.words if word != "equal"]
        if not others:
            return "equal"
        return "behind" if others == ["behind"] else "different"

    def summary(self, runs: int) -> str:
        """Say in a line how many runs are what."""
        words = [f"{self.words['equal']:,} of {counted(runs, 'run')} equal to {self.target}"]
        others = sorted((word, count) for word, count in self.words.items() if word != "equal")
        return ", ".join([*words, *(f"{count:,} {word}" for word, count in others)])

    def add(self, verdict: Verdict) -> None:
        """Take a verdict into account, and show it."""
        self.words[verdict.state] += 1
        if self._is_json:
            self.documents.append(verdict.document())
        else:
            click.echo("\n".join(map(on_one_line, _lines(verdict))))


async def _verify(
    to: str | None,
    receipt: str | None,
    logs: Mapping[Run, Sequence[str]],
    disk: Disk,
    tally: _Tally,
) -> None:
    async with open_witness(to, receipt, disk) as witness:
        tally.target = witness.name
        with meter("verifying", total=len(logs)) as (advance, _):

            def show(verdict: Verdict) -> None:
                tally.add(verdict)
                advance(1)

            await verify_all(witness, logs, disk, on_verdict=show)


def _document(tally: _Tally, state: str, reason: str | None) -> dict[str, Any]:
    return {
        "type": "verify",
        "target": tally.target,
        "equal": state == "equal",
        "state": state,
        "reason": reason,
        "runs": sorted(tally.documents, key=lambda document: (document["project"], document["run"])),
    }


def _lines(verdict: Verdict) -> Iterator[str]:
    home = verdict.home
    facts = (
        f": {counted(len(home.logs), 'log')}, {counted(sum(log.rows for log in home.logs), 'row')}, "
        f"{counted(len(home.ledger), 'file')}, {size_text(bytes_of(home))}"
    )
    # Of a run that could not be compared nothing was counted.
    yield f"{home.run}: {WORDS[verdict.state]}{facts if home.logs or home.ledger else ''}"
    for item, reason, _ in verdict.differences:
        yield f"  {item + ': ' if item else ''}{reason}"
    for damage in verdict.damage:
        yield (
            f"  {damage.log}: damaged from byte {damage.offset} on for "
            f"{counted(damage.length, 'byte')} ({counted(damage.chunks, 'chunk')} lost)"
        )
    for tail in verdict.torn_tails:
        yield (
            f"  {tail.log}: torn tail of {counted(tail.length, 'byte')} at {tail.offset}, "
            "which stays here"
        )
