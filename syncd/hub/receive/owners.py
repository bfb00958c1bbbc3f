"""Whose a run is: the account that was the first to store something of it, as far as the hub remembers.

A line for each run, only ever added to. It is not synced: where lines are lost, or the whole file, a
run is of the account that writes to it next.
"""

import json
import os
import sys
import threading

from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.hub.web.address import RunAddress

OWNERS_FILE = os.path.join(".hub", "owners.jsonl")


class Owners:
    """The owners of the runs in one data folder; read once, with the first question."""

    def __init__(self, data: StrPath, *, disk: Disk) -> None:
        self._path = os.path.join(os.path.abspath(data), OWNERS_FILE)
        self._disk = disk
        self._lock = threading.Lock()
        self._known: dict[RunAddress, str] | None = None

    def __repr__(self) -> str:
        return f"<Owners in {self._path}>"

    def of(self, run: RunAddress) -> str | None:
        """Return whose a run is, None where nobody's."""
        with self._lock:
            return self._read().get(run)

    def note(self, run: RunAddress, account: str) -> None:
        """Let a run that is nobody's be the account's from now on."""
        with self._lock:
            known = self._read()
            if run not in known:
                self._append({"project": run.project, "run": run.run, "account": account})
                known[run] = sys.intern(account)

    def runs_of(self, account: str) -> list[RunAddress]:
        """Return the runs of an account, those that were deleted since among them."""
        with self._lock:
            return [run for run, owner in self._read().items() if owner == account]

    def _read(self) -> dict[RunAddress, str]:
        if self._known is None:
            try:
                lines = self._disk.read(self._path).split(b"\n")
            except FileNotFoundError:
                lines = []
            self._known = dict(filter(None, map(_entry, lines)))
        return self._known

    def _append(self, entry: dict[str, str]) -> None:
        self._disk.make_directory(os.path.dirname(self._path), mode=0o700)
        fd = self._disk.open_update(self._path, mode=0o600)
        try:
            # The line's end comes first: a line that a crash cut off costs no other.
            line = b"\n" + json.dumps(entry).encode()
            self._disk.pwrite(fd, line, self._disk.size(fd))
        finally:
            self._disk.close(fd)


def _entry(line: bytes) -> tuple[RunAddress, str] | None:
    try:
        entry = json.loads(line)
        return RunAddress(str(entry["project"]), str(entry["run"])), sys.intern(str(entry["account"]))
    except (ValueError, TypeError, KeyError):
        return None
