"""The audit log: who did what about keys, accounts and runs, one JSON object a line, only ever added to.

A line is on the disk before the act that it tells of: nothing happens without one, and of an act that
failed afterwards there is a line, too. The command line and a running hub write the same files: one for
each year. None is ever renamed, cut or deleted here, so nothing can be lost between two of them.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath

FILE_BEFORE_YEARS: Final = "audit.jsonl"
"""The one file of a hub that knew no years; it is the oldest part."""
_FILE_OF_YEAR = re.compile(r"audit-([0-9]{4})\.jsonl", re.ASCII)
TEXT_CHARS_MAX: Final = 512

KEY_CREATED: Final = "key.created"
KEY_ROTATED: Final = "key.rotated"
KEY_REVOKED: Final = "key.revoked"
ACCOUNT_CREATED: Final = "account.created"
ACCOUNT_GRANTS: Final = "account.grants"
ACCOUNT_EMAIL: Final = "account.email"
ACCOUNT_QUOTA: Final = "account.quota"
ACCOUNT_DISABLED: Final = "account.disabled"
ACCOUNT_ENABLED: Final = "account.enabled"
RUN_DELETED: Final = "run.deleted"
RUN_RESTORED: Final = "run.restored"
RUN_SWEPT: Final = "run.swept"
REFUSED: Final = "key.refused"
SIGNED_IN: Final = "signin"
SIGNED_OUT: Final = "signout"
SHARE_MADE: Final = "share.created"
SHARE_REVOKED: Final = "share.revoked"
ACCOUNT_LINKED: Final = "account.linked"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where; `key` is the id of the key that was shown, empty without one."""

    account: str
    key: str = ""
    address: str = ""


CONSOLE: Final = Actor("", address="console")
"""Whoever has the data folder in hands; the command line adds the name of the account there."""
HUB: Final = Actor("", address="hub")
"""The hub itself, when time is up."""


class Audit:
    """The audit log of the hub whose own folder is `directory`."""

    def __init__(self, directory: StrPath, *, disk: Disk, clock: Clock) -> None:
        self._directory = os.fspath(directory)
        self._disk = disk
        self._clock = clock
        self._named: set[str] = set()

    def __repr__(self) -> str:
        return f"<Audit in {self._directory}>"

    def record(self, what: str, on: str, *, by: Actor, **more: Any) -> None:
        """Write one line; it is on the disk on return. Raises OSError where it cannot be."""
        time = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="milliseconds")
        entry = {"time": time.replace("+00:00", "Z"), "what": what, "on": on, **asdict(by), **more}
        line = json.dumps({name: _bounded(value) for name, value in entry.items()}) + "\n"
        name = f"audit-{time[:4]}.jsonl"
        fd = self._disk.open_update(os.path.join(self._directory, name), mode=0o600)
        try:
            self._disk.lock(fd)
            self._append(fd, line.encode())
        finally:
            self._disk.close(fd)
        if name not in self._named:
            # Whoever made the file may have died before its name was safe.
            self._disk.sync_directory(self._directory)
            self._named.add(name)

    def entries(self, *, since: str = "") -> Iterator[dict[str, Any]]:
        """Yield what was recorded, oldest first; a line that a crash cut short is passed over.

        `since` is a time as entries have it: what is older is left out.
        """
        for name in self._files():
            year = _FILE_OF_YEAR.fullmatch(name)
            if year is not None and year[1] < since[:4]:
                continue
            # Where a power cut left the length of a line, but not its bytes, anything may stand.
            path = os.path.join(self._directory, name)
            with self._disk.open_text(path, errors="replace") as lines:
                for line in lines:
                    entry = _entry_of(line)
                    if entry is not None and str(entry.get("time", "")) >= since:
                        yield entry

    def _files(self) -> list[str]:
        """Return the names of the files that there are, oldest first."""
        if not self._disk.is_directory(self._directory):
            return []
        names = [entry.name for entry in self._disk.list(self._directory) if entry.is_file]
        before = [name for name in names if name == FILE_BEFORE_YEARS]
        return before + sorted(name for name in names if _FILE_OF_YEAR.fullmatch(name))

    def _append(self, fd: int, line: bytes) -> None:
        size = self._disk.size(fd)
        if size and self._disk.read_at(fd, size - 1, 1) != b"\n":
            # A crash cut the last line short: it must not swallow this one.
            line = b"\n" + line
        view, at = memoryview(line), size
        while view:
            written = self._disk.pwrite(fd, view, at)
            view, at = view[written:], at + written
        self._disk.fdatasync(fd)


def _entry_of(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _bounded(value: Any) -> Any:
    return value[:TEXT_CHARS_MAX] if isinstance(value, str) else value
