"""Finds a stretch of a log, rows of one schema in chunks of one length, and proves it at once.

Such a stretch is a matrix of bytes, a row of it per chunk; checkpoints that say nothing new are passed
over. Where a chunk is anything but like the first, the stretch ends, and the walk, which stays the
reference, goes on from there. Needs NumPy; never does I/O.
"""

from typing import NamedTuple

import numpy as np

from tidelog.datastore.format import (
    CHECKPOINT,
    CHUNK_HEADER_BYTES,
    RECORDS,
    crc32,
    decode_chunk_header,
)
from tidelog.datastore.row_chunks import Schemas, says_nothing_new
from tidelog.datastore.row_layout import Bytes, RowLayout, count_true, row_layout
from tidelog.datastore.walk import ALIKE_BYTES, PAYLOAD_CRC_AT, SEQ_AT, shift_of

SCAN_CHUNKS = 1024
"""So many headers are compared at once: a checkpoint comes soon, and lies not where a row would."""


class Stretch(NamedTuple):
    """Rows that are whole and made alike: `rows` is their bytes, a row of the matrix each.

    `end` is the offset behind them in the window, `seq` the number of the chunk there.
    """

    names: tuple[str, ...]
    layout: RowLayout
    rows: Bytes
    end: int
    seq: int


class _Segment(NamedTuple):
    """Chunks of one length without a gap between them."""

    at: int
    seq: int
    chunks: int


def read_stretch(window: bytes, at: int, seq: int, tag: int, schemas: Schemas) -> Stretch | None:
    """Return the rows from `at` on that are chunks like the one there, or None where it is no such row.

    `seq` is the sequence number that the first must have. Every chunk of the answer is whole; the one
    behind it may be whole as well, but is different or damaged.
    """
    first = _first_row(window, at, seq, tag)
    layout = None if first is None else row_layout(first)
    if first is None or layout is None:
        return None
    names = schemas.get(layout.schema_id)
    if names is None or len(names) != len(layout.values):
        return None
    size = CHUNK_HEADER_BYTES + layout.size
    segments = _segments(window, at, seq, size, tag, schemas)
    chunks = _together(window, segments, size)
    like = _count_in_order(chunks, segments)
    like = layout.count_alike(chunks[:like, CHUNK_HEADER_BYTES:], first)
    sound = _count_sound(chunks[:like], tag)
    end, next_seq = _behind(segments, sound, size)
    rows = chunks[:sound, CHUNK_HEADER_BYTES:]
    return Stretch(names, layout, rows, end, next_seq)


# -- which chunks are like the first ----------------------------------------------------------------


def _first_row(window: bytes, at: int, seq: int, tag: int) -> bytes | None:
    """Return the payload of the chunk at `at`, if that is whole and may begin a stretch."""
    body = at + CHUNK_HEADER_BYTES
    header = decode_chunk_header(window, at, tag) if body <= len(window) else None
    if header is None or header.type != RECORDS or header.seq != seq:
        return None
    payload = window[body : body + header.length]
    is_whole = len(payload) == header.length and crc32(payload, tag) == header.payload_crc
    return payload if is_whole else None


def _segments(window: bytes, at: int, seq: int, size: int, tag: int, schemas: Schemas) -> list[_Segment]:
    """Return where chunks lie that begin as the one at `at` does, which has `size` bytes."""
    beginning = window[at : at + ALIKE_BYTES]
    segments: list[_Segment] = []
    while chunks := _count_beginning(window, at, size, beginning):
        segments.append(_Segment(at, seq, chunks))
        at, seq = at + chunks * size, seq + chunks
        length = _checkpoint_bytes(window, at, seq, tag, schemas)
        if not length:
            break
        at, seq = at + length, seq + 1
    return segments


def _count_beginning(window: bytes, at: int, size: int, beginning: bytes) -> int:
    most = (len(window) - at) // size
    if most <= 0:
        return 0
    headers = np.ndarray((most,), "<u8", window, at, (size,))
    sought = int.from_bytes(beginning, "little")
    count = 0
    while count < most:
        part = headers[count : count + SCAN_CHUNKS] == sought
        alike = count_true(part)
        count += alike
        if alike < len(part):
            break
    return count


def _checkpoint_bytes(window: bytes, at: int, seq: int, tag: int, schemas: Schemas) -> int:
    """Return the size of the chunk at `at` if it is a checkpoint that may be passed over, else 0."""
    body = at + CHUNK_HEADER_BYTES
    header = decode_chunk_header(window, at, tag) if body <= len(window) else None
    if header is None or header.type != CHECKPOINT or header.seq != seq:
        return 0
    payload = window[body : body + header.length]
    if len(payload) < header.length or crc32(payload, tag) != header.payload_crc:
        return 0
    return CHUNK_HEADER_BYTES + header.length if says_nothing_new(payload, schemas) else 0


def _together(window: bytes, segments: list[_Segment], size: int) -> Bytes:
    """Return copies of all chunks, a row each; that they are copies lets go of the window."""
    pieces = [np.frombuffer(window, np.uint8, part.chunks * size, part.at) for part in segments]
    return np.concatenate(pieces).reshape(-1, size)


def _count_in_order(chunks: Bytes, segments: list[_Segment]) -> int:
    """Return how many chunks have the sequence number that is due."""
    due = np.concatenate([np.arange(part.seq, part.seq + part.chunks) for part in segments])
    return count_true(chunks[:, SEQ_AT : SEQ_AT + 4].view("<u4")[:, 0] == due)


def _behind(segments: list[_Segment], chunks: int, size: int) -> tuple[int, int]:
    """Return offset and sequence number behind the first `chunks` chunks."""
    rest = iter(segments)
    part = next(rest)
    while chunks > part.chunks:
        chunks -= part.chunks
        part = next(rest)
    return part.at + chunks * size, part.seq + chunks


# -- which of them are whole ------------------------------------------------------------------------


def _count_sound(chunks: Bytes, tag: int) -> int:
    """Return how many chunks are whole before the first that is not; overwrites their first bytes.

    One CRC-32 over all of them, instead of two for each; `walk.py` says why that is as good.
    """
    shift = np.uint32(shift_of(chunks.shape[1] - CHUNK_HEADER_BYTES, tag))
    ends = chunks[:, PAYLOAD_CRC_AT : PAYLOAD_CRC_AT + 4].view("<u4")[:, 0] ^ shift
    chunks[1:, :4].view("<u4")[:, 0] ^= ends[:-1] ^ np.uint32(tag)
    if crc32(chunks.data, tag) == ends[-1]:
        return len(chunks)
    return _count_before_damage(chunks, ends.tolist(), tag)


def _count_before_damage(chunks: Bytes, ends: list[int], tag: int) -> int:
    """Halve the chunks, of which one is damaged, until it is found; `ends` is due behind each."""
    sound, damaged = 0, len(chunks)  # So many are sound, and among so many one is not.
    while damaged - sound > 1:
        middle = (sound + damaged) // 2
        start = ends[sound - 1] if sound else tag
        if crc32(chunks[sound:middle].data, start) == ends[middle - 1]:
            sound = middle
        else:
            damaged = middle
    return sound
