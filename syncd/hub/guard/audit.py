"""The audit log: who did what about keys, accounts and runs, one JSON object a line, only ever added to.

A line is on the disk before the act that it tells of: nothing happens without one, and of an act that
failed afterwards there is a line, too. The command line and a running hub write the same file.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath

AUDIT_FILE: Final = "audit.jsonl"
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
        self.path = os.path.join(directory, AUDIT_FILE)
        self._disk = disk
        self._clock = clock

    def __repr__(self) -> str:
        return f"<Audit in {self.path}>"

    def record(self, what: str, on: str, *, by: Actor, **more: Any) -> None:
        """Write one line; it is on the disk on return. Raises OSError where it cannot be."""
        time = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="milliseconds")
        entry = {"time": time.replace("+00:00", "Z"), "what": what, "on": on, **asdict(by), **more}
        line = json.dumps({name: _bounded(value) for name, value in entry.items()}) + "\n"
        fd = self._disk.open_update(self.path, mode=0o600)
        try:
            self._disk.lock(fd)
            self._append(fd, line.encode())
        finally:
            self._disk.close(fd)

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield what was recorded, oldest first; a line that a crash cut short is passed over."""
        try:
            lines = self._disk.open_text(self.path)
        except FileNotFoundError:
            return
        with lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict):
                    yield entry

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
        if not size:
            self._disk.sync_directory(os.path.dirname(self.path))


def _bounded(value: Any) -> Any:
    return value[:TEXT_CHARS_MAX] if isinstance(value, str) else value
