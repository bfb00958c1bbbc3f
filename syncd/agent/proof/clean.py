"""Deletes runs that are proven to be whole on a target. What speaks against it, `doubt.py` decides.

The proof is asked for now, every byte of it. Between the proof and the deletion the run must not have
changed, and after the run was set aside the target must still have it: else it was the target's own.
"""

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.layout import LATEST
from tidelog.datastore.reader import Reader
from tidelog.syncd.agent.plan.retry import Course, SetbackError
from tidelog.syncd.agent.proof.compare import Verdict
from tidelog.syncd.agent.proof.departure import delete, put_back, set_aside
from tidelog.syncd.agent.proof.doubt import Seen, Sight, doubts_of, has_changed, reason_to_keep
from tidelog.syncd.agent.proof.receipt import time_text
from tidelog.syncd.agent.proof.receipts import ReceiptWitness
from tidelog.syncd.agent.proof.verify import verify_run
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.credentials import FILE
from tidelog.syncd.agent.target.root_lock import root_id_of
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.task import Run
from tidelog.syncd.errors import SyncdError

BOOK_NAME = "cleaned.jsonl"
PROOF_AGE_MAX_S = 600.0
"""A proof that is older by the time that a person has said yes is asked for again."""


class ChangedError(SyncdError):
    """A run is not what was proven any more; it is where it was."""


class BookError(SyncdError):
    """What is deleted cannot be written down, so nothing more is."""


class Proof(NamedTuple):
    """Who said that it holds a run, and when; `receipt` names the file where nobody was asked now."""

    target: str
    time: float
    root_id: str = ""
    receipt: str | None = None


@dataclass(slots=True)
class Finding:
    """What is to become of a run. `kept` says why it is not due, `doubts` why it is not safe."""

    run: Run
    names: Sequence[str]
    size: int = 0
    kept: str = ""
    doubts: list[str] = field(default_factory=list)
    proof: Proof | None = None
    sight: Sight = field(default_factory=dict)
    verdict: Verdict | None = None
    is_deleted: bool = False

    @property
    def is_due(self) -> bool:
        """Tell whether it may be deleted."""
        return not self.kept and not self.doubts

    def forget(self) -> None:
        """Let go of what only a deletion needs: the run's names and its whole ledger."""
        self.sight, self.verdict = {}, None

    @property
    def word(self) -> str:
        """Say it in a word."""
        if self.is_deleted:
            return "deleted"
        return "kept" if self.kept else "refused" if self.doubts else "due"

    def document(self) -> dict[str, Any]:
        """Return it as JSON says it."""
        return {
            "project": self.run.project,
            "run": self.run.name,
            "path": self.run.path,
            "state": self.word,
            "bytes": self.size,
            "kept": self.kept or None,
            "doubts": self.doubts,
            "proof": self.proof._asdict() if self.proof is not None else None,
        }


class Cleaner:
    """Examines runs and deletes them. `pending(run)` names what a daemon still has to do with one."""

    def __init__(
        self,
        witness: Target | ReceiptWitness,
        *,
        disk: Disk,
        clock: Clock,
        state: str,
        older_than_s: float,
        takes_crashed: bool,
        pending: Callable[[Run], Sequence[str]],
    ) -> None:
        self._witness = witness
        self._disk = disk
        self._clock = clock
        self._state = state
        self._older_than_s = older_than_s
        self._takes_crashed = takes_crashed
        self._pending = pending

    async def examine(self, run: Run, names: Sequence[str]) -> Finding:
        """Return whether a run may be deleted. Raises SetbackError where the target is away."""
        finding = Finding(run, names)
        try:
            finding.sight = await asyncio.to_thread(self._look, run.path)
            finding.size = sum(seen.size or 0 for seen in finding.sight.values())
            kept = await asyncio.to_thread(self._reason_to_keep, run, finding.sight)
            finding.kept = kept or ""
            if not finding.kept:
                await self._prove(finding)
        except SetbackError as error:
            if error.setback.course is not Course.PARK:
                raise
            finding.doubts.append(error.setback.reason)
        except (OSError, DatastoreError) as error:
            finding.doubts.append(f"it cannot be read: {error}")
        return finding

    async def delete(self, finding: Finding) -> None:
        """Delete a run that is due. Raises ChangedError, BookError, and it stays; OSError; SetbackError.

        What was deleted, and by which proof, is in the book before anything happens.
        """
        run, proof = finding.run, finding.proof
        if proof is None or not finding.is_due:
            raise ChangedError(f"{run} is not proven")
        if self._clock.now() - proof.time > PROOF_AGE_MAX_S and proof.receipt is None:
            again = await self.examine(run, finding.names)
            if not again.is_due:
                raise ChangedError("; ".join(again.doubts) or again.kept)
        self._write_down(finding, "deleting")
        await self._take_away(finding)
        finding.is_deleted = True
        self._forget_latest(run)
        self._write_down(finding, "deleted")

    # -- the proof -------------------------------------------------------------------------------

    def _reason_to_keep(self, run: Run, sight: Sight) -> str | None:
        with Reader(run.path, disk=self._disk) as reader:
            state, times = reader.state, reader.times
        changed_ns = [seen.mtime_ns for seen in sight.values()]
        changed_s = max(changed_ns, default=0) / 1e9
        # A copy may carry the time of its copying, or none; what the run itself recorded counts as well.
        last = max(changed_s, times[1] if times is not None else 0.0)
        return reason_to_keep(
            state,
            self._clock.now() - last,
            older_than_s=self._older_than_s,
            takes_crashed=self._takes_crashed,
        )

    async def _prove(self, finding: Finding) -> None:
        run = finding.run
        finding.doubts += await asyncio.to_thread(self._pending, run)
        finding.doubts += self._doubts_of_witness(run)
        if finding.doubts:
            return
        finding.proof = self._proof(run)
        verdict = await verify_run(self._witness, run, finding.names, self._disk)
        finding.verdict = verdict
        finding.doubts += doubts_of(finding.sight, finding.names, verdict)
        now = await asyncio.to_thread(self._look, run.path)
        if (changed := has_changed(finding.sight, now)) is not None:
            finding.doubts.append(f"{changed} changed meanwhile")

    def _proof(self, run: Run) -> Proof:
        if isinstance(self._witness, ReceiptWitness):
            word = self._witness.word_on(run)
            if word is not None:
                return Proof(word.target, word.time, word.root_id, self._witness.name)
        root_id = self._witness.root_id if isinstance(self._witness, RootTarget) else ""
        return Proof(self._witness.name, self._clock.now(), root_id)

    def _doubts_of_witness(self, run: Run) -> list[str]:
        """Name what makes a witness worthless: the root that it speaks of may be this very one."""
        root = os.path.dirname(os.path.dirname(run.path))
        if self._disk.is_directory(os.path.join(root, ".hub")):
            return [f"{root} is the data folder of a hub, which is where runs are uploaded to"]
        target, _, root_id, receipt = self._proof(run)
        here = root_id_of(root, self._disk)
        if root_id and root_id == here:
            return [f"{target} is this very root, under whatever path: it proves no second copy"]
        if receipt is not None and target.startswith(f"{FILE}:") and not root_id:
            return [f"{receipt} does not say which root {target} is; ask it with --to"]
        return []

    # -- the deletion ----------------------------------------------------------------------------

    async def _take_away(self, finding: Finding) -> None:
        run, disk = finding.run, self._disk
        aside = await asyncio.to_thread(set_aside, run.path, disk)
        try:
            self._refuse_changed(finding, await asyncio.to_thread(self._look, aside))
            await self._ask_once_more(finding)
        except BaseException:
            put_back(aside, run.path, disk)
            raise
        await asyncio.to_thread(delete, aside, disk)

    def _refuse_changed(self, finding: Finding, now: Sight) -> None:
        changed = has_changed(finding.sight, now)
        if changed is not None:
            raise ChangedError(f"{changed} changed after it was proven")

    async def _ask_once_more(self, finding: Finding) -> None:
        """Raise ChangedError where the target lost the run as soon as it was set aside here."""
        held = finding.verdict.held if finding.verdict is not None else None
        witness, run = self._witness, finding.run
        if isinstance(witness, ReceiptWitness) or held is None or not held.logs:
            return
        if isinstance(witness, RootTarget):
            is_there = witness.has_run(run)
        else:
            is_there = await witness.held_log(run, held.logs[0].name) is not None
        if not is_there:
            raise ChangedError(f"{witness.name} holds no other copy: it lies on this very folder")

    def _forget_latest(self, run: Run) -> None:
        """Remove the root's link to its latest run where it led to the one that is gone."""
        link = os.path.join(os.path.dirname(os.path.dirname(run.path)), LATEST)
        if self._disk.is_link(link) and self._disk.real_path(link) == self._disk.real_path(run.path):
            self._disk.remove(link)

    def _look(self, path: str) -> Sight:
        """Return everything below a run directory, following nothing."""
        sight: dict[str, Seen] = {}
        for below, entry in self._disk.walk(path):
            size, mtime_ns, ctime_ns = None, 0, 0
            if entry.is_file or entry.is_directory:
                status = self._disk.stat(below)
                mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
                size = status.st_size if entry.is_file else None
            sight[os.path.relpath(below, path)] = Seen(size, entry.is_directory, mtime_ns, ctime_ns)
        return sight

    def _write_down(self, finding: Finding, state: str) -> None:
        """Add a line to the book of what was deleted; it is on the disk on return."""
        held = finding.verdict.held if finding.verdict is not None else None
        line = {
            "time": time_text(self._clock.now()),
            "state": state,
            **{key: finding.document()[key] for key in ("project", "run", "path", "bytes", "proof")},
            "logs": [log._asdict() for log in held.logs] if held is not None else [],
            "files": len(held.files) if held is not None else 0,
        }
        book = os.path.join(self._state, BOOK_NAME)
        try:
            self._disk.make_directory(self._state, mode=0o700)
            self._append(book, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            raise BookError(
                f"what is deleted cannot be written down in {book}: {error.strerror}; make room there, "
                "or set XDG_STATE_HOME to a folder that you can write"
            ) from error

    def _append(self, path: str, line: bytes) -> None:
        fd = self._disk.open_append(path, mode=0o600)
        try:
            self._disk.write(fd, line)
            self._disk.fdatasync(fd)
        finally:
            self._disk.close(fd)
