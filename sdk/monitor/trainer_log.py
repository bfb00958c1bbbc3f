"""What the monitor reads of a trainer's log: who writes it, and whether it was ended. Never writes."""

import os
from typing import Any, NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.format import CHUNK_HEADER_BYTES, FINAL, MARKER_BYTES, decode_chunk_header
from tidelog.datastore.layout import LogName
from tidelog.datastore.log_reader import LogReader
from tidelog.datastore.open_log import OpenLog
from tidelog.datastore.records import RUN
from tidelog.datastore.run_outline import FORKED_FROM

START_BYTES = 64 * 1024
END_BYTES = 16 * 1024
"""A final chunk that is longer is found once its process has ended, or says that its run has."""

FINAL_MARKER = MARKER_BYTES + bytes([FINAL])


class TrainerLog(NamedTuple):
    """A log, and the process that writes it; `started` is in clock ticks since boot, None if untold."""

    name: LogName
    log_id: str
    tag: int
    pid: int
    started: int | None

    @property
    def process(self) -> tuple[int, int | None]:
        """What names the process, of which there may be several logs."""
        return self.pid, self.started


def read_start(
    directory: str, name: LogName, *, host: str, boot_id: str | None, disk: Disk
) -> TrainerLog | None:
    """Return a log of a process of this machine, None where another machine or a forked child writes it.

    Raises DatastoreError or OSError where its first chunk is not there yet, or cannot be read.
    """
    log = LogReader(os.path.join(directory, str(name)), disk=disk)
    try:
        _, content = next(iter(log.walk(block_bytes=START_BYTES)), (None, None))
    finally:
        log.close()
    if not isinstance(content, list) or log.identity.log_id is None:
        raise DatastoreError(f"{log.path} does not say yet who writes it")
    facts: dict[str, Any] = {}
    for record in content:
        if record[0] == RUN:
            facts.update(record[2])
    pid, started = facts.get("pid"), facts.get("pid_started")
    is_here = facts.get("host") == host and facts.get("boot_id") == boot_id
    if not is_here or not isinstance(pid, int) or FORKED_FROM in facts:
        return None
    return TrainerLog(
        name,
        log.identity.log_id.hex(),
        log.identity.tag,
        pid,
        started if isinstance(started, int) else None,
    )


def is_ended(directory: str, log: TrainerLog, disk: Disk) -> bool:
    """Tell whether a log has a final chunk, or at least an exit record; reads as much as that takes."""
    try:
        reader = LogReader(os.path.join(directory, str(log.name)), disk=disk)
        try:
            outline = OpenLog(str(log.name), reader).outline
        finally:
            reader.close()
    except (DatastoreError, OSError):
        return False
    return outline.final is not None or outline.ending is not None


class EndWatch:
    """Sees cheaply whether a log has got its final chunk: reads the end of it, where it has grown."""

    def __init__(self, directory: str, log: TrainerLog, disk: Disk) -> None:
        self._path = os.path.join(directory, str(log.name))
        self._tag = log.tag
        self._disk = disk
        self._size = -1

    def has_final(self) -> bool:
        """Tell whether the log ends with a final chunk of no more than `END_BYTES`."""
        try:
            size = self._disk.stat(self._path).st_size
            if size == self._size:
                return False
            self._size = size
            fd = self._disk.open(self._path)
            try:
                end = self._disk.read_at(fd, max(0, size - END_BYTES), END_BYTES)
            finally:
                self._disk.close(fd)
        except OSError:
            return False
        return ends_with_final(end, self._tag)


def ends_with_final(end: bytes, tag: int) -> bool:
    """Tell whether the last bytes of a log with this tag are a whole final chunk."""
    at = end.rfind(FINAL_MARKER)
    if at < 0 or at + CHUNK_HEADER_BYTES > len(end):
        return False
    header = decode_chunk_header(end, at, tag)
    return header is not None and at + CHUNK_HEADER_BYTES + header.length == len(end)
