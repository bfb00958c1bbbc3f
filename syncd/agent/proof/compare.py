"""How a run here and a run at a target compare: every difference by name. Reads nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tidelog.datastore.replica import ListedFile, ListedLog
from tidelog.datastore.scan import Damage, TornTail
from tidelog.syncd.agent.target.held import FileContents, LogContents, RunContents
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.upload.ledger import fault_of
from tidelog.syncd.bodies import FileEntry


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
