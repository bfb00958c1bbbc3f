"""Is the target equal to the disk? Rows, chunks, bytes and SHA-256 of every log and file.

Never changes anything, and believes nothing that it remembers: both ends read their disks again.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import NotALogError
from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.replica import ListedFile, ListedLog, Replica
from tidelog.datastore.scan import Damage, TornTail
from tidelog.syncd.agent.home import digest_file, ledger_at_home, walk_log
from tidelog.syncd.agent.target.contract import FileContents, LogContents, RunContents, Target
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.upload.ledger import fault_of
from tidelog.syncd.agent.watch.selection import SelectedLog
from tidelog.syncd.bodies import FileEntry


class Difference(NamedTuple):
    """Something that is not the same at both ends, or cannot be."""

    item: str
    reason: str


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
    """What the comparison of one run gave."""

    home: RunAtHome
    differences: Sequence[Difference] = field(default_factory=list)

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

    def document(self) -> dict[str, Any]:
        """Return it as JSON says it."""
        home = self.home
        return {
            "project": home.run.project,
            "run": home.run.name,
            "path": home.run.path,
            "equal": self.is_equal,
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


async def verify_run(target: Target, run: Run, names: Iterable[str], disk: Disk) -> Verdict:
    """Compare some logs of a run, and the files that the run's ledger names, with the target.

    Raises SetbackError where the target does not answer.
    """
    # The target first: what it held then, a run that goes on must still have now.
    held = await target.contents(run)
    home = await asyncio.to_thread(read_home, run, list(names), disk)
    return Verdict(home, compare(home, held))


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
    for name in names:
        end = disk.stat(os.path.join(run.path, name)).st_size
        try:
            listed.append(replica.list_log(run.project, run.name, name, end=end))
        except NotALogError:
            if end >= FILE_HEADER_BYTES:
                strangers.append(name)
            elif end:
                tails.append(TornTail(name, 0, end))
            continue
        walked = walk_log(run, name, disk)
        named.update(entry.path for entry in walked.entries)
        if walked.tail is not None:
            tails.append(walked.tail)
    ledger = {path: entry for path, entry in ledger_at_home(run, disk).items() if path in named}
    files = {
        path: ListedFile(path, *digest_file(os.path.join(run.path, path), disk))
        if fault_of(entry) is None and disk.is_file(os.path.join(run.path, path))
        else None
        for path, entry in ledger.items()
    }
    return RunAtHome(run, listed, tails, strangers, ledger, files)


def compare(home: RunAtHome, held: RunContents | None) -> list[Difference]:
    """Name every difference between a run here and at the target."""
    found = [
        Difference(name, "it is not a log: it neither starts like one nor holds a chunk")
        for name in home.strangers
    ]
    if held is None:
        if home.logs or home.ledger:
            found.append(Difference("", "the target holds nothing of this run"))
        return found
    by_id = {log.log_id: log for log in held.logs}
    by_name = {log.name: log for log in held.logs}
    for log in home.logs:
        there = by_id.get(log.log_id)
        if there is None:
            other = by_name.get(log.name)
            found.append(Difference(log.name, _not_there(log, other)))
        else:
            found += [Difference(log.name, reason) for reason in _compare_logs(log, there)]
    files = {file.path: file for file in held.files}
    for path, entry in home.ledger.items():
        found += [
            Difference(path, reason)
            for reason in _compare_files(entry, home.files[path], files.get(path))
        ]
    return found


def _not_there(log: ListedLog, other: LogContents | None) -> str:
    if other is None:
        return "the target does not hold it"
    return f"the target holds log {other.log_id} under this name, here it is {log.log_id}"


def _compare_logs(log: ListedLog, there: LogContents) -> list[str]:
    pairs = (
        ("rows", log.rows, there.rows),
        ("chunks", log.chunks, there.chunks),
        ("bytes", log.size, there.size),
        ("SHA-256", log.sha256, there.sha256),
    )
    return [
        f"{what}: {ours} here, {theirs} at the target" for what, ours, theirs in pairs if ours != theirs
    ]


def _compare_files(entry: FileEntry, here: ListedFile | None, there: FileContents | None) -> list[str]:
    fault = fault_of(entry)
    if fault is not None:
        return [fault]
    found = []
    if here is None:
        found.append("the ledger names it, but it is not here")
    elif (here.size, here.sha256) != (entry.size, entry.sha256):
        found.append(
            f"it was changed after it was logged: {here.size} bytes, SHA-256 {here.sha256} here, "
            f"{entry.size} bytes, SHA-256 {entry.sha256} in the ledger"
        )
    if there is None:
        found.append("the target does not hold it")
    elif (there.size, there.sha256) != (entry.size, entry.sha256):
        found.append(
            f"{entry.size} bytes, SHA-256 {entry.sha256} in the ledger, "
            f"{there.size} bytes, SHA-256 {there.sha256} at the target"
        )
    return found
