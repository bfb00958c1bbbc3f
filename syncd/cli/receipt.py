"""The receipt that `syncd sync` and `syncd unpack` leave: what the target holds, as it said itself.

A stick is a root that an agent filled; the receipt lies on it, and goes back with it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.text import counted
from tidelog.syncd.agent.plan.retry import SetbackError
from tidelog.syncd.agent.proof.compare import Verdict
from tidelog.syncd.agent.proof.receipt import Attested, ReceiptError
from tidelog.syncd.agent.proof.receipts import RECEIPT_NAME, add_to_receipt
from tidelog.syncd.agent.proof.verify import verify_all
from tidelog.syncd.agent.target.contract import RunContents, Target
from tidelog.syncd.agent.target.root_lock import is_filled
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.task import Run
from tidelog.syncd.cli.console import say
from tidelog.syncd.cli.meter import meter
from tidelog.syncd.cli.witness import open_reading_target

SHOWN_MAX = 20


@dataclass(slots=True)
class Receipts:
    """Which receipts were written, for how many runs, and what was in the way."""

    written: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return it as JSON says it."""
        files = [{"path": path, "runs": runs} for path, runs in self.written.items()]
        return {"files": files, "problems": self.problems}

    def tell(self) -> None:
        """Say it to people."""
        for problem in self.problems[:SHOWN_MAX]:
            say(f"no receipt: {problem}")
        if len(self.problems) > SHOWN_MAX:
            say(
                f"and {len(self.problems) - SHOWN_MAX} more without a receipt: `syncd verify` names them"
            )
        for path, runs in self.written.items():
            say(f"receipt for {counted(runs, 'run')}: {path}; carried back, it lets `syncd clean` work")


def root_of(run: Run) -> str:
    """Return the root that a run lies in."""
    return os.path.dirname(os.path.dirname(run.path))


def on_sticks(runs: Mapping[Run, Sequence[str]], disk: Disk) -> dict[Run, Sequence[str]]:
    """Return the runs of those roots that an agent filled."""
    filled = {root: is_filled(root, disk) for root in {root_of(run) for run in runs}}
    return {run: names for run, names in runs.items() if filled[root_of(run)]}


async def give_receipts(to: str | None, runs: Mapping[Run, Sequence[str]], disk: Disk) -> Receipts:
    """Compare runs with the target, and write beside them what it holds of those that are whole."""
    receipts = Receipts()
    attested: dict[str, list[Attested]] = {}
    async with open_reading_target(to, disk) as target:
        with meter("verifying", total=len(runs)) as (advance, _):

            def take(verdict: Verdict) -> None:
                advance(1)
                run = verdict.home.run
                if verdict.differences:
                    item, reason, _ = verdict.differences[0]
                    receipts.problems.append(f"{run}{f'/{item}' if item else ''}: {reason}")
                elif verdict.held is not None:
                    attested.setdefault(root_of(run), []).append(
                        attest(target, run.project, run.name, verdict.held)
                    )

            try:
                await verify_all(target, runs, disk, on_verdict=take)
            except SetbackError as error:
                receipts.problems.append(str(error))
    for root, words in attested.items():
        write_receipt(os.path.join(root, RECEIPT_NAME), words, receipts, disk)
    return receipts


def attest(target: Target, project: str, run: str, held: RunContents) -> Attested:
    """Return what a target said of a run just now, as a receipt holds it."""
    root_id = target.root_id if isinstance(target, RootTarget) else ""
    return Attested(target.name, Clock().now(), project, run, held, root_id)


def write_receipt(path: str, words: Sequence[Attested], receipts: Receipts, disk: Disk) -> None:
    """Add to the receipt at `path`; what is in the way is told, and is no reason to stop."""
    try:
        fault = add_to_receipt(path, words, disk)
    except (OSError, ReceiptError) as error:
        receipts.problems.append(f"{path} cannot be written: {error}")
        return
    receipts.written[path] = len(words)
    if fault is not None:
        receipts.problems.append(f"what was in {path} before is gone: {fault}")
