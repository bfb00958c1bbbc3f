"""Is the target equal to the disk? Rows, chunks, bytes and SHA-256 of every log and file.

Never changes anything, and believes nothing that it remembers: both ends read their disks again.
"""

import asyncio
import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError, NotALogError
from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.replica import ListedFile, ListedLog, Replica
from tidelog.datastore.scan import BLOCK_BYTES, Damage, TornTail
from tidelog.syncd.agent.home import digest_file, logs_at_home, walk_log
from tidelog.syncd.agent.plan.retry import Course, SetbackError
from tidelog.syncd.agent.proof.receipts import Witness
from tidelog.syncd.agent.target.held import FileContents, LogContents, RunContents
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.upload.ledger import fault_of
from tidelog.syncd.agent.watch.selection import SelectedLog
from tidelog.syncd.bodies import FileEntry

AT_ONCE = 3
"""So many runs are compared at a time: one end reads while the other does."""


class Difference(NamedTuple):
    """Something that is not the same at both ends, or cannot be.

    `is_behind` says that the target only lacks something: what it holds of the item is equal.
    """

    item: str
    reason: str
    is_behind: bool = False


@dataclass(frozen=True, slots=True)
class RunAtHome:
    """A run as it lies on this machine's disk, every byte of it read.

    `strangers` are files that are named like logs and are none.
    """

    run: Run
    logs: Sequence[ListedLog]
    tails: Sequence[Damage | TornTail]
    strangers: Sequence[str]
    ledger: Mapping[str, FileEntry]
    files: Mapping[str, ListedFile | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison of one run gave; `held` is what the target said that it holds."""

    home: RunAtHome
    differences: Sequence[Difference] = field(default_factory=list)
    held: RunContents | None = None

    @property
    def damage(self) -> list[Damage]:
        """Damaged places of the logs at home, damaged tails included."""
        inner = [damage for log in self.home.logs for damage in log.damage]
        return inner + [tail for tail in self.home.tails if isinstance(tail, Damage)]

    @property
    def torn_tails(self) -> list[TornTail]:
        """Unfinished last chunks at home; they stay there."""
        return [tail for tail in self.home.tails if isinstance(tail, TornTail)]

    @property
    def is_equal(self) -> bool:
        """Tell whether both ends are whole and the same."""
        return not self.differences and not self.damage

    @property
    def state(self) -> str:
        """Say it in a word: equal, damaged (at both ends), behind (the target lacks some), different."""
        if self.differences:
            is_behind = all(difference.is_behind for difference in self.differences)
            return "behind" if is_behind else "different"
        return "damaged" if self.damage else "equal"

    def document(self) -> dict[str, Any]:
        """Return it as JSON says it."""
        home = self.home
        return {
            "project": home.run.project,
            "run": home.run.name,
            "path": home.run.path,
            "equal": self.is_equal,
            "state": self.state,
            "logs": len(home.logs),
            "rows": sum(log.rows for log in home.logs),
            "chunks": sum(log.chunks for log in home.logs),
            "files": len(home.ledger),
            "bytes": bytes_of(home),
            "differences": [difference._asdict() for difference in self.differences],
            "damage": [damage._asdict() for damage in self.damage],
            "torn_tails": [tail._asdict() for tail in self.torn_tails],
        }


def bytes_of(home: RunAtHome) -> int:
    """Return how many bytes of a run can travel."""
    logs = sum(log.size for log in home.logs)
    return logs + sum(entry.size for entry in home.ledger.values())


async def verify_all(
    witness: Witness,
    runs: Mapping[Run, Sequence[str]],
    disk: Disk,
    *,
    on_verdict: Callable[[Verdict], None],
    at_once: int = AT_ONCE,
) -> None:
    """Compare some logs of many runs, a few runs at a time; `on_verdict` gets each as it is known.

    A run that cannot be compared is one that differs. Raises SetbackError where the target does not
    answer, or takes no key.
    """
    left = iter(runs.items())

    async def work() -> None:
        for run, names in left:
            on_verdict(await _verify_any(witness, run, names, disk))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
    except* SetbackError as errors:
        raise errors.exceptions[0] from None


async def _verify_any(witness: Witness, run: Run, names: Sequence[str], disk: Disk) -> Verdict:
    try:
        return await verify_run(witness, run, names, disk)
    except SetbackError as error:
        if error.setback.course is not Course.PARK:
            raise
        return _unread(run, error.setback.reason)
    except (OSError, DatastoreError) as error:
        return _unread(run, f"it cannot be read here: {error}")


def _unread(run: Run, reason: str) -> Verdict:
    return Verdict(RunAtHome(run, [], [], [], {}, {}), [Difference("", reason)])


async def verify_run(witness: Witness, run: Run, names: Iterable[str], disk: Disk) -> Verdict:
    """Compare some logs of a run, and the files that the run's ledger names, with what a target holds.

    Raises SetbackError where the target does not answer.
    """
    # The target first: what it held then, a run that goes on must still have now.
    held = await witness.contents(run)
    home = await asyncio.to_thread(read_home, run, list(names), disk)
    beginnings = await asyncio.to_thread(_digest_beginnings, home, held, disk)
    return Verdict(home, compare(home, held, beginnings=beginnings), held)


def logs_by_run(logs: Iterable[SelectedLog]) -> dict[Run, list[str]]:
    """Return the selected logs of each run, each once."""
    found: dict[Run, dict[str, None]] = {}
    for log in logs:
        found.setdefault(log.run, {})[log.name] = None
    return {run: list(names) for run, names in found.items()}


def read_home(run: Run, names: Sequence[str], disk: Disk) -> RunAtHome:
    """Read what a run holds here."""
    replica = Replica(os.path.dirname(os.path.dirname(run.path)), disk=disk)
    listed: list[ListedLog] = []
    tails: list[Damage | TornTail] = []
    strangers: list[str] = []
    named: set[str] = set()
    ledger: dict[str, FileEntry] = {}
    # Which entry for a path is the last one, all logs of the run decide.
    here = logs_at_home(run, disk)
    for gone in sorted({*names} - {*here}):
        raise FileNotFoundError(errno.ENOENT, "it is gone", os.path.join(run.path, gone))
    for name in here:
        walked = walk_log(run, name, disk)
        ledger.update((entry.path, entry) for entry in walked.entries)
        if name not in names:
            continue
        named.update(entry.path for entry in walked.entries)
        end = disk.stat(os.path.join(run.path, name)).st_size
        try:
            listed.append(replica.list_log(run.project, run.name, name, end=end))
        except NotALogError:
            if end >= FILE_HEADER_BYTES:
                strangers.append(name)
            elif end:
                tails.append(TornTail(name, 0, end))
            continue
        if walked.tail is not None:
            tails.append(walked.tail)
    ledger = {path: entry for path, entry in ledger.items() if path in named}
    files = {
        path: ListedFile(path, *digest_file(os.path.join(run.path, path), disk))
        if fault_of(entry) is None and disk.is_file(os.path.join(run.path, path))
        else None
        for path, entry in ledger.items()
    }
    return RunAtHome(run, listed, tails, strangers, ledger, files)


def compare(
    home: RunAtHome, held: RunContents | None, *, beginnings: Mapping[str, str] | None = None
) -> list[Difference]:
    """Name every difference between a run here and at the target.

    `beginnings` gives by log id the SHA-256 of as many bytes here as the target holds, where it holds
    fewer.
    """
    found = [
        Difference(name, "it is not a log: it neither starts like one nor holds a chunk")
        for name in home.strangers
    ]
    if held is None:
        if home.logs or home.ledger:
            found.append(Difference("", "the target holds nothing of this run", is_behind=True))
        return found
    by_id = {log.log_id: log for log in held.logs}
    by_name = {log.name: log for log in held.logs}
    for log in home.logs:
        there = by_id.get(log.log_id)
        if there is None:
            found.append(_not_there(log, by_name.get(log.name)))
        else:
            found += _compare_logs(log, there, (beginnings or {}).get(log.log_id))
    files = {file.path: file for file in held.files}
    for path, entry in home.ledger.items():
        found += _compare_files(entry, home.files[path], files.get(path))
    return found


def _digest_beginnings(home: RunAtHome, held: RunContents | None, disk: Disk) -> dict[str, str]:
    """Return, by log id, the SHA-256 of as much of a log as the target holds, where that is less."""
    sizes = {log.log_id: log.size for log in held.logs} if held is not None else {}
    return {
        log.log_id: _digest_beginning(os.path.join(home.run.path, log.name), sizes[log.log_id], disk)
        for log in home.logs
        if sizes.get(log.log_id, log.size) < log.size
    }


def _digest_beginning(path: str, size: int, disk: Disk) -> str:
    digest, at = hashlib.sha256(), 0
    fd = disk.open(path)
    try:
        while at < size and (block := disk.pread(fd, min(BLOCK_BYTES, size - at), at)):
            digest.update(block)
            at += len(block)
    finally:
        disk.close(fd)
    return digest.hexdigest()


def _not_there(log: ListedLog, other: LogContents | None) -> Difference:
    if other is None:
        return Difference(log.name, "the target does not hold it", is_behind=True)
    return Difference(
        log.name, f"the target holds log {other.log_id} under this name, here it is {log.log_id}"
    )


def _compare_logs(log: ListedLog, there: LogContents, beginning: str | None) -> list[Difference]:
    if there.size < log.size and beginning == there.sha256:
        reason = f"the target holds the first {there.size} of {log.size} bytes, and these are equal"
        return [Difference(log.name, reason, is_behind=True)]
    pairs = (
        ("rows", log.rows, there.rows),
        ("chunks", log.chunks, there.chunks),
        ("bytes", log.size, there.size),
        ("SHA-256", log.sha256, there.sha256),
    )
    return [
        Difference(log.name, f"{what}: {ours} here, {theirs} at the target")
        for what, ours, theirs in pairs
        if ours != theirs
    ]


def _compare_files(
    entry: FileEntry, here: ListedFile | None, there: FileContents | None
) -> list[Difference]:
    fault = fault_of(entry)
    if fault is not None:
        return [Difference(entry.path, fault)]
    found = []
    if here is None:
        found.append(Difference(entry.path, "the ledger names it, but it is not here"))
    elif (here.size, here.sha256) != (entry.size, entry.sha256):
        reason = (
            f"it was changed after it was logged: {here.size} bytes, SHA-256 {here.sha256} here, "
            f"{entry.size} bytes, SHA-256 {entry.sha256} in the ledger"
        )
        found.append(Difference(entry.path, reason))
    if there is None:
        found.append(Difference(entry.path, "the target does not hold it", is_behind=True))
    elif (there.size, there.sha256) != (entry.size, entry.sha256):
        reason = (
            f"{entry.size} bytes, SHA-256 {entry.sha256} in the ledger, "
            f"{there.size} bytes, SHA-256 {there.sha256} at the target"
        )
        found.append(Difference(entry.path, reason))
    return found
