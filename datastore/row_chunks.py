"""Reads the rows of sound chunks out of a window of a log, several times as fast as a walk does.

It accepts what a `LogWalk` accepts and hands out no chunk. At whatever is not plain (damage, a schema
that is new, a final chunk, the end of the window) it stops, and leaves that to the walk. Pure.
"""

from typing import Any, NamedTuple

from tidelog.datastore.errors import RecordError
from tidelog.datastore.format import (
    CHECKPOINT,
    CHUNK_HEADER,
    CHUNK_HEADER_BYTES,
    MARKER,
    PAYLOAD_BYTES_MAX,
    RECORDS,
    crc32,
)
from tidelog.datastore.payload import decode_map, decode_records
from tidelog.datastore.records import ROW, SCHEMA, check_record

STRETCH_ROW_BYTES_MAX = 8192
"""Longer rows are few in a window: they count as no stretch, which would gain nothing."""

Schemas = dict[int, tuple[str, ...]]


class RowChunks(NamedTuple):
    """Row records that lay behind each other, and what comes behind them.

    `end` is an offset in the window, `seq` the number of the chunk there; `equal` and `length` tell how
    many chunks up to there had the same length of payload.
    """

    records: list[list[Any]]
    end: int
    seq: int
    equal: int
    length: int


def read_row_chunks(
    window: bytes,
    seq: int,
    tag: int,
    schemas: Schemas,
    *,
    equal_max: int,
    equal: int = 0,
    length: int = -1,
) -> RowChunks:
    """Return the rows that a window begins with, until `equal_max` chunks in a row have one length.

    `seq` is the sequence number that the first chunk must have; `equal` and `length` are those of the
    chunks before. Chunks of other records, and checkpoints that say nothing new, are passed over.
    """
    records: list[list[Any]] = []
    unpack, at, size = CHUNK_HEADER.unpack_from, 0, len(window)
    while equal < equal_max and at + CHUNK_HEADER_BYTES <= size:
        marker, kind, _flags, payload_bytes, found, payload_crc, header_crc = unpack(window, at)
        body = at + CHUNK_HEADER_BYTES
        end = body + payload_bytes
        payload = window[body:end]
        if (
            found != seq
            or end > size
            or crc32(window[at : body - 4], tag) != header_crc
            or crc32(payload, tag) != payload_crc
            or marker != MARKER
            or payload_bytes > PAYLOAD_BYTES_MAX
        ):
            break
        if kind == RECORDS:
            rows = _rows(payload, schemas)
            is_equal = payload_bytes == length and payload_bytes <= STRETCH_ROW_BYTES_MAX
            equal = equal + 1 if is_equal else 1
            length = payload_bytes
        else:
            rows = [] if kind == CHECKPOINT and says_nothing_new(payload, schemas) else None
        if rows is None:
            break
        records += rows
        at, seq = end, seq + 1
    return RowChunks(records, at, seq, equal, length)


def says_nothing_new(payload: bytes, schemas: Schemas) -> bool:
    """Tell whether a checkpoint repeats schemas that are known, and nothing else about rows."""
    try:
        entries = decode_map(payload).get("schemas", [])
    except RecordError:
        return False
    return isinstance(entries, list) and all(_is_known(entry, schemas) for entry in entries)


def _rows(payload: bytes, schemas: Schemas) -> list[list[Any]] | None:
    """Return the row records of a chunk, or None where the walk must judge it."""
    try:
        records = decode_records(payload)
        for record in records:
            check_record(record)
    except RecordError:
        return None
    rows = []
    for record in records:
        if record[0] == ROW:
            names = schemas.get(record[1])
            if names is None or len(names) != len(record) - 4:
                return None
            rows.append(record)
        elif record[0] == SCHEMA and not _is_known(record[1:], schemas):
            return None
    return rows


def _is_known(entry: Any, schemas: Schemas) -> bool:
    if not isinstance(entry, list) or len(entry) != 2 or type(entry[0]) is not int:
        return False
    return isinstance(entry[1], list) and schemas.get(entry[0]) == tuple(entry[1])
