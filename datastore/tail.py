"""Reads the outline of a log from its end: the last checkpoint, and what came after it.

A checkpoint repeats what the rows before it came to, and names the chunks that hold anything else. The
bytes between are not read, so that a gigabyte costs no more than a page. Where the end is damaged, or
the log was written before checkpoints named those chunks, only reading all of it tells. Never writes.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from tidelog.datastore.errors import RecordError
from tidelog.datastore.format import (
    CHECKPOINT,
    CHUNK_HEADER_BYTES,
    FILE_HEADER_BYTES,
    FINAL,
    MARKER_BYTES,
    RECORDS,
    Chunk,
    crc32,
    decode_chunk_header,
)
from tidelog.datastore.log_reader import LogReader, LogWalk
from tidelog.datastore.outline import LogOutline
from tidelog.datastore.payload import decode_map, decode_records
from tidelog.datastore.records import NOTED_KINDS, check_record

TAIL_BYTES = (16 * 1024, 192 * 1024, 2 * 1024 * 1024, 32 * 1024 * 1024)
"""How much of the end is searched for a checkpoint, one after the other; then all of it is read."""

NOTE_BYTES = 4096
"""Read at once of a chunk that is named; most are smaller."""

PROOFS_MAX = 4
"""CRCs over so many times the bytes searched may be computed: headers in headers could ask for hours."""

NOTES_MAX = 100_000
"""Chunks that are read one by one; beyond, reading all at once is no slower."""


class Tail(NamedTuple):
    """The outline up to the last whole chunk, and the walk that stands behind it, to read on."""

    outline: LogOutline
    walk: LogWalk


def read_tail(log: LogReader) -> Tail | None:
    """Return what the end of a log tells, or None where only all of it does."""
    if log.identity.is_header_damaged:
        return None
    end = log.size
    if end <= FILE_HEADER_BYTES:
        return None  # Nothing was written yet, or somebody cut it since it was opened.
    for size in TAIL_BYTES:
        start = max(FILE_HEADER_BYTES, end - size)
        chunk = _last_checkpoint(log.read_at(start, end - start), start, log.identity.tag)
        if chunk is not None:
            return _read_from(log, chunk)
        if start == FILE_HEADER_BYTES:
            break
    return None


def _read_from(log: LogReader, chunk: Chunk) -> Tail | None:
    """Take the notes before a checkpoint, the checkpoint, and the chunks behind it."""
    outline = LogOutline()
    try:
        checkpoint = decode_map(chunk.payload)
        notes = _notes(log, checkpoint, chunk.offset)
        if notes is None or "summary" not in checkpoint or "last_time" not in checkpoint:
            return None
        for note in _chunks_at(log, notes):
            outline.take_notes(_records_of(note))
    except RecordError:
        return None
    walk = log.walk()
    walk.advance(chunk.offset, chunk.seq)
    for later, content in walk:
        outline.take(later, content, walk.schemas)
    return None if walk.damage else Tail(outline, walk)


def _last_checkpoint(data: bytes, start: int, tag: int) -> Chunk | None:
    """Return the last whole checkpoint or final chunk in bytes that lie at offset `start`.

    A row may hold the bytes of a checkpoint of its own log. That the chunks behind it follow one another
    to the end of the file, as the walk finds out, tells the two apart.
    """
    left = PROOFS_MAX * len(data)
    at = data.rfind(MARKER_BYTES)
    while at >= 0 and left > 0:
        header = decode_chunk_header(data, at, tag) if at + CHUNK_HEADER_BYTES <= len(data) else None
        if header is not None and header.type in (CHECKPOINT, FINAL):
            chunk = _chunk_in(data, at, start, tag)
            if chunk is not None:
                return chunk
            left -= header.length
        at = data.rfind(MARKER_BYTES, 0, at + 1)
    return None


def _chunks_at(log: LogReader, offsets: list[int]) -> Iterator[Chunk]:
    """Yield chunks that are named. Raises RecordError where one is named twice or lies in another."""
    end = FILE_HEADER_BYTES
    for offset in offsets:
        if offset < end:
            raise RecordError("a checkpoint's notes lie one in another, or are named twice")
        chunk = _read_chunk(log, offset)
        yield chunk
        end = chunk.end


def _notes(log: LogReader, checkpoint: dict[str, Any], below: int) -> list[int] | None:
    """Return the offsets of all chunks with notes before a checkpoint, in order; None if it tells none.

    Each checkpoint names those since the one before it, and the last one that named any: a chain that
    leads to ever smaller offsets. Raises RecordError where it does not.
    """
    notes: list[int] = []
    while True:
        own, noted = checkpoint.get("notes"), checkpoint.get("noted")
        if own is None or noted is None:
            return None
        if not isinstance(own, list) or not all(type(offset) is int for offset in (*own, noted)):
            raise RecordError("a checkpoint's notes are no offsets")
        notes += reversed(own)
        if any(not FILE_HEADER_BYTES <= offset < below for offset in own) or len(notes) > NOTES_MAX:
            raise RecordError("a checkpoint's notes do not lie before it, or are too many")
        if not noted:
            return notes[::-1]
        if not FILE_HEADER_BYTES <= noted < below:
            raise RecordError("the checkpoint that is named does not lie before the one that names it")
        chunk = _read_chunk(log, noted)
        if chunk.type != CHECKPOINT or chunk.end > below:
            raise RecordError("what is named as a checkpoint is none")
        below = noted
        checkpoint = decode_map(chunk.payload)


def _records_of(chunk: Chunk) -> list[list[Any]]:
    if chunk.type != RECORDS:
        raise RecordError("what is named as a note is no records chunk")
    records = decode_records(chunk.payload)
    for record in records:
        if record[0] in NOTED_KINDS:
            check_record(record)
    return records


def _read_chunk(log: LogReader, offset: int) -> Chunk:
    tag = log.identity.tag
    data = log.read_at(offset, NOTE_BYTES)
    header = decode_chunk_header(data, 0, tag) if len(data) >= CHUNK_HEADER_BYTES else None
    if header is not None and CHUNK_HEADER_BYTES + header.length > len(data):
        data = log.read_at(offset, CHUNK_HEADER_BYTES + header.length)
    chunk = _chunk_in(data, 0, offset, tag)
    if chunk is None:
        raise RecordError(f"no whole chunk lies at offset {offset}")
    return chunk


def _chunk_in(data: bytes, at: int, start: int, tag: int) -> Chunk | None:
    """Return the chunk at `at` of bytes that lie at offset `start`, or None where no whole one is."""
    header = decode_chunk_header(data, at, tag) if at + CHUNK_HEADER_BYTES <= len(data) else None
    if header is None:
        return None
    payload = data[at + CHUNK_HEADER_BYTES : at + CHUNK_HEADER_BYTES + header.length]
    if len(payload) != header.length or crc32(payload, tag) != header.payload_crc:
        return None
    return Chunk(header.type, header.seq, start + at, payload)
