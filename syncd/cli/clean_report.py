"""What `syncd clean` tells: a line for each run that is due or in doubt, and what it came to."""

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import sorted_logs
from tidelog.datastore.text import counted, on_one_line, size_text
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.agent.proof.clean import BOOK_NAME, Finding
from tidelog.syncd.agent.proof.departure import sweep
from tidelog.syncd.cli.console import print_json, say
from tidelog.syncd.cli.meter import Tell


class CleanReport:
    """What became of the runs, for people and for programs."""

    def __init__(self, *, is_json: bool, is_deleting: bool) -> None:
        self.is_deleting = is_deleting
        self.target = ""
        self.reason = ""
        self.findings: list[Finding] = []
        self.swept: list[str] = []
        self._is_json = is_json
        self._kept: Counter[str] = Counter()

    @property
    def is_well(self) -> bool:
        """Tell whether no run is in doubt and nothing failed."""
        return not self.reason and not any(found.doubts for found in self.findings)

    def sweep(self, paths: Sequence[str], disk: Disk) -> None:
        """Finish what earlier commands began, in the folders that may hold runs set aside."""
        for folder, run in dict.fromkeys(each for path in paths for each in _places(path, disk)):
            deleted, put_back, stuck = sweep(folder, disk, run=run)
            self.swept += deleted
            for path in put_back:
                say(f"{path}: an earlier command was cut off before it was sure; it is back again")
            for path in stuck:
                say(f"{path}: an earlier command left it; its place is taken, look at both")

    def show(self, finding: Finding, tell: Tell) -> None:
        """Take one run into account; those that are kept are counted."""
        self.findings.append(finding)
        if finding.kept:
            self._kept[finding.kept] += 1
        elif finding.doubts:
            tell(on_one_line(f"{finding.run}: REFUSED: {'; '.join(finding.doubts)}"))
        elif not self._is_json:
            click.echo(on_one_line(f"{finding.run}: {finding.word}, {size_text(finding.size)}"))

    def end(self) -> None:
        """Say how it ended."""
        deleted = [found for found in self.findings if found.is_deleted]
        due = [found for found in self.findings if found.is_due and not found.is_deleted]
        if self._is_json:
            print_json(self._document(deleted, due))
        for reason, count in self._kept.most_common():
            say(f"kept: {counted(count, 'run')}: {reason}")
        if self.reason:
            say(f"syncd: {self.reason}")
        doubtful = sum(bool(found.doubts) for found in self.findings)
        if doubtful:
            say(f"refused: {counted(doubtful, 'run')}, each for the reason above")
        if due:
            size = size_text(sum(found.size for found in due))
            hint = "" if not self.is_deleting else "; say --yes to delete them"
            say(f"due: {counted(len(due), 'run')} with {size}; nothing of them was deleted{hint}")
        size = size_text(sum(found.size for found in deleted))
        say(f"deleted: {counted(len(deleted), 'run')}, {size} freed" + self._book(deleted))

    def _book(self, deleted: Sequence[Finding]) -> str:
        return f"; the proofs are in {state_directory(os.environ) / BOOK_NAME}" if deleted else ""

    def _document(self, deleted: Sequence[Finding], due: Sequence[Finding]) -> dict[str, Any]:
        return {
            "type": "clean",
            "target": self.target,
            "reason": self.reason or None,
            "deleted": len(deleted),
            "bytes_freed": sum(found.size for found in deleted),
            "due": len(due),
            "bytes_due": sum(found.size for found in due),
            "refused": sum(bool(found.doubts) for found in self.findings),
            "kept": sum(bool(found.kept) for found in self.findings),
            "swept": self.swept,
            "runs": [found.document() for found in self.findings],
        }


def _places(path: str, disk: Disk) -> list[tuple[str, str | None]]:
    """Return folders in which runs of a path may lie set aside, and of which run where it is one.

    None lies above the root. A run that is named may be gone from its place, and be nothing else.
    """
    path = disk.real_path(path)
    above, name = os.path.split(path)
    entries = disk.list(path) if disk.is_directory(path) else []
    is_run = bool(sorted_logs([entry.name for entry in entries if entry.is_file]))
    if is_run or not disk.is_directory(path):
        return [(above, name)] if disk.is_directory(above) else []
    below = [entry.name for entry in entries if entry.is_directory and not entry.name.startswith(".")]
    return [(path, None), *((os.path.join(path, name), None) for name in below)]
