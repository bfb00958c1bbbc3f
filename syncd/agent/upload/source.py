"""One log at home, as the uploader sees it: its identity, its bytes, the SHA-256 of its beginning.

Reads only, and keeps no file open between two tries.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tidelog.datastore.append import log_id_of
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import NotALogError
from tidelog.datastore.format import FILE_HEADER_BYTES, log_tag
from tidelog.datastore.scan import BLOCK_BYTES, Damage, ReadAt, TornTail, identify
from tidelog.syncd.agent.plan.retry import park
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.task import Task
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.ranges import LogRange, next_range


def refuse_what_was_cut(name: str, acknowledged: int, size: int) -> None:
    """Raise SetbackError where fewer bytes are here than the target has: its copy is the better one."""
    if size < acknowledged:
        raise park(
            f"{acknowledged} bytes of {name} were uploaded, here there are fewer, {size}: the log was "
            "cut after that; the target keeps what it has"
        )


class LogSource:
    """A log on this machine and where the upload of it stands.

    `held` is what the target said that it holds, None until it was asked; `tail` is what lies behind
    the last whole chunk, as far as was looked; `size_bytes` is the file's size at its last opening.
    """

    def __init__(self, task: Task, *, disk: Disk, settings: AgentSettings) -> None:
        """Read the header. Raises NotALogError, UnsupportedVersionError, OSError."""
        self.task = task
        self.path = os.path.join(task.run.path, task.name)
        self.size_bytes = 0
        self.held: int | None = None
        self.tail: Damage | TornTail | None = None
        self.damage: list[Damage] = []
        self._disk = disk
        self._settings = settings
        self._digest = hashlib.sha256()
        self._digested = 0
        with self._reading() as read_at:
            identity = identify(read_at, log=task.name)
            self.log_id = log_id_of(identity, read_at(0, FILE_HEADER_BYTES))
        self._tag = identity.tag
        self._is_header_damaged = identity.is_header_damaged

    def __repr__(self) -> str:
        return f"<LogSource {self.path}, held up to {self.held}>"

    def is_still_there(self) -> bool:
        """Tell whether the file at the path is still this log, and no other that took its place."""
        with self._reading() as read_at:
            try:
                identity = identify(read_at, log=self.task.name)
            except NotALogError:
                return False
            log_id = log_id_of(identity, read_at(0, FILE_HEADER_BYTES))
        return (identity.tag, log_id) == (self._tag, self.log_id)

    def was_once(self, log_id: bytes) -> bool:
        """Tell whether this is the log with that id, whose header was damaged here since."""
        return log_id != self.log_id and self._is_header_damaged and log_tag(log_id) == self._tag

    def next_range(self, cursor: Cursor) -> LogRange:
        """Return what follows a cursor and may travel. Raises SetbackError for a log that was cut."""
        with self._reading() as read_at:
            refuse_what_was_cut(self.task.name, cursor.offset, self.size_bytes)
            found = next_range(
                read_at,
                self._tag,
                cursor,
                self._settings,
                log=self.task.name,
                is_header_damaged=self._is_header_damaged,
            )
        if found.is_last:
            self.tail = found.tail
        return found

    def sha256_up_to(self, end: int) -> bytes | None:
        """Return the SHA-256 of the first `end` bytes, None where there are fewer.

        What was hashed for the last question is not read again.
        """
        if end < self._digested:
            self._digest, self._digested = hashlib.sha256(), 0
        digest, at = self._digest, self._digested
        with self._reading() as read_at:
            while at < end:
                block = read_at(at, min(BLOCK_BYTES, end - at))
                if not block:
                    return None
                digest.update(block)
                at += len(block)
                self._digested = at
        return digest.digest()

    @contextmanager
    def _reading(self) -> Iterator[ReadAt]:
        fd = self._disk.open(self.path)
        try:
            self.size_bytes = self._disk.size(fd)
            yield lambda offset, size: self._disk.read_at(fd, offset, size)
        finally:
            self._disk.close(fd)
