"""What stands in the bytes of a log that a target has not acknowledged: rows, and the time of the first.

Reads a bounded stretch, and says where it did not reach the end. Damage is passed over, as readers do.
"""

import math
from typing import Any, NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import RecordError
from tidelog.datastore.format import FILE_HEADER_BYTES, RECORDS, Chunk, decode_file_header, log_tag
from tidelog.datastore.payload import decode_records
from tidelog.datastore.records import ROW
from tidelog.datastore.scan import Scanner
from tidelog.syncd.agent.upload.cursor import Cursor


class Unsent(NamedTuple):
    """Rows that a target lacks. `first_time` (seconds since the epoch) is the first row's own.

    Without `is_exact` the stretch that was read stands for all of it: `rows` is an estimate.
    """

    rows: int
    is_exact: bool
    first_time: float | None


NOT_LOOKED_AT = Unsent(0, is_exact=False, first_time=None)


def count_unsent(
    path: str, cursor: Cursor | None, size: int, *, disk: Disk, bytes_max: int
) -> tuple[Unsent, int]:
    """Return what a log of `size` bytes holds behind a cursor, and how many bytes were read for that.

    A log that cannot be read, or whose header is damaged, is not looked at: the uploader tells of it.
    """
    start, seq = (FILE_HEADER_BYTES, 0) if cursor is None else (cursor.scan_offset, cursor.seq)
    length = max(0, size - start)
    try:
        fd = disk.open(path)
        try:
            header = decode_file_header(disk.read_at(fd, 0, FILE_HEADER_BYTES))
            data = disk.read_at(fd, start, min(length, bytes_max))
        finally:
            disk.close(fd)
    except OSError:
        return NOT_LOOKED_AT, 0
    if header is None or (cursor is not None and cursor.log_id != header.log_id.hex()):
        return NOT_LOOKED_AT, len(data)
    return _count(data, start, seq, log_tag(header.log_id), length), len(data)


def _count(data: bytes, start: int, seq: int, tag: int, length: int) -> Unsent:
    def read_at(offset: int, size: int) -> bytes:
        return data[offset - start : offset - start + size]

    scanner = Scanner(read_at, tag, log="", offset=start, seq=seq)
    times = [time for chunk in scanner for time in _times_of_rows(chunk)]
    first_time = times[0] if times and _is_time(times[0]) else None
    if len(data) >= length:
        return Unsent(len(times), is_exact=True, first_time=first_time)
    read_bytes = scanner.offset - start
    rows = round(len(times) * length / read_bytes) if read_bytes else 0
    return Unsent(rows, is_exact=False, first_time=first_time)


def _is_time(value: object) -> bool:
    """Tell whether what stands for a row's time is one: a sound chunk may still hold anything."""
    return isinstance(value, (int, float)) and math.isfinite(value)


def _times_of_rows(chunk: Chunk) -> list[Any]:
    if chunk.type != RECORDS:
        return []
    try:
        return [record[3] for record in decode_records(chunk.payload) if record[0] == ROW]
    except (RecordError, IndexError):
        return []
