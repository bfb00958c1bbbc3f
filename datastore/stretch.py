"""Reads a stretch of a log at once: rows of one schema are usually chunks of one length.

Such a stretch is a matrix of bytes, a row of it per chunk. Marker, lengths and the types of values are
the same in each; what differs is checked and decoded column by column with NumPy, every CRC included.
The plain walk stays the reference: where a row is anything but like the one before it, the stretch
ends, and the walk goes on from there. Needs NumPy; never does I/O.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tidelog.datastore.format import CHUNK_HEADER_BYTES, RECORDS, decode_chunk_header
from tidelog.datastore.records import ROW

PAYLOAD_BYTES_MAX = 4096
"""Longer rows are few, and gain nothing."""

ROWS_MAX = 1024
"""Rows at once: their bytes stay in the processor's cache, and a checkpoint comes soon anyway."""

Bytes = npt.NDArray[np.uint8]

SEQ_AT, PAYLOAD_CRC_AT, HEADER_CRC_AT = 8, 12, 16  # In a chunk header, as docs/format.md has it.
LAYOUTS_KEPT = 64

_FLOAT64 = 0xCB
_INTEGERS = {
    0xCC: ">u1",
    0xCD: ">u2",
    0xCE: ">u4",
    0xCF: ">u8",
    0xD0: ">i1",
    0xD1: ">i2",
    0xD2: ">i4",
    0xD3: ">i8",
}
_FIXARRAY, _ARRAY16 = 0x90, 0xDC
_POSITIVE, _NEGATIVE = "fixint", "negative fixint"


class Stretch(NamedTuple):
    """Rows decoded at once: a column per value; `end` is the offset behind them in the window."""

    schema_id: int
    rows: int
    end: int
    steps: npt.NDArray[Any]
    times: npt.NDArray[np.float64]
    values: list[npt.NDArray[Any]]


class _Value(NamedTuple):
    """Where the bytes of a value lie in each chunk, and as what they are read."""

    at: int
    size: int
    dtype: str


class _Layout(NamedTuple):
    """How the chunks of a stretch are made: fixed bytes, and values whose bytes differ."""

    size: int
    step: _Value
    time: _Value
    values: tuple[_Value, ...]


class _Sums:
    """The CRC-32 of many messages of one size that differ in some bytes only.

    CRC-32 is linear over GF(2): it is the XOR of what each byte gives by itself at its distance from
    the end, and a start value is the same as four more bytes XORed onto the message's first.
    """

    def __init__(self, size: int, varying: list[int]) -> None:
        tables = _tables(size)[::-1]
        is_fixed = np.ones(size, np.bool_)
        is_fixed[varying] = False
        self._size = size
        self._varying = np.array(varying, np.intp)
        self._fixed = np.flatnonzero(is_fixed)
        self._fixed_tables = tables[self._fixed]
        self._varying_tables = tables[self._varying].ravel()
        self._table_starts = np.arange(0, 256 * len(varying), 256)[:, None]

    def crc32(self, lines: Bytes, tag: int) -> npt.NDArray[np.uint32]:
        """Return `zlib.crc32(message, tag)` of each column of `lines`, one byte position a line."""
        start = np.zeros(self._size, np.uint8)
        start[:4] = np.frombuffer((tag ^ 0xFFFFFFFF).to_bytes(4, "little"), np.uint8)
        first = lines[self._fixed, 0] ^ start[self._fixed]
        same = np.bitwise_xor.reduce(self._fixed_tables[np.arange(len(first)), first])
        index = (lines[self._varying] ^ start[self._varying, None]) + self._table_starts
        crc: npt.NDArray[np.uint32] = np.bitwise_xor.reduce(self._varying_tables.take(index), axis=0)
        crc ^= same ^ np.uint32(0xFFFFFFFF)
        return crc


class _Method:
    """How to check chunks of a layout; made once for each."""

    def __init__(self, layout: _Layout) -> None:
        places = [
            place
            for value in (layout.step, layout.time, *layout.values)
            for place in range(value.at, value.at + value.size)
        ]
        is_fixed = np.ones(layout.size, np.bool_)
        is_fixed[SEQ_AT:CHUNK_HEADER_BYTES] = False
        is_fixed[places] = False
        self.fixed = np.flatnonzero(is_fixed)
        self.header = _Sums(HEADER_CRC_AT, list(range(SEQ_AT, HEADER_CRC_AT)))
        self.payload = _Sums(
            layout.size - CHUNK_HEADER_BYTES, [place - CHUNK_HEADER_BYTES for place in places]
        )


def read_stretch(window: bytes, at: int, seq: int, tag: int) -> Stretch | None:
    """Return the rows from `at` on that are chunks like the one there, or None where it is no row.

    `seq` is the sequence number that the first must have. Every chunk of the answer is whole, by both
    of its CRCs; the one behind it may be whole as well, but is different or damaged.
    """
    if at + CHUNK_HEADER_BYTES > len(window):
        return None
    header = decode_chunk_header(window, at, tag)
    if header is None or header.type != RECORDS or header.flags or header.seq != seq:
        return None
    if header.length > PAYLOAD_BYTES_MAX:
        return None
    size = CHUNK_HEADER_BYTES + header.length
    count = min((len(window) - at) // size, ROWS_MAX)
    if not count or not header.length:
        return None
    found = _layout(window[at : at + size])
    if found is None:
        return None
    schema_id, layout = found
    method = _method(layout)
    chunks = np.frombuffer(window, np.uint8, count * size, at).reshape(count, size)
    count = _like_first(chunks, method.fixed, layout, seq)
    # One byte position per line: what follows goes along the rows.
    lines = np.ascontiguousarray(chunks[:count].T)
    count = _whole(lines, method, tag)
    if not count:
        return None
    lines = lines[:, :count]
    return Stretch(
        schema_id,
        count,
        at + count * size,
        _decode(lines, layout.step),
        _decode(lines, layout.time),
        [_decode(lines, value) for value in layout.values],
    )


# -- how the first chunk is made --------------------------------------------------------------------


def _layout(chunk: bytes) -> tuple[int, _Layout] | None:
    """Return schema and layout of a chunk that holds one row of numbers, or None for any other."""
    at = CHUNK_HEADER_BYTES
    first = chunk[at]
    if first & 0xF0 == _FIXARRAY:
        length, at = first & 0x0F, at + 1
    elif first == _ARRAY16:
        length, at = int.from_bytes(chunk[at + 1 : at + 3], "big"), at + 3
    else:
        return None
    if length < 4 or at >= len(chunk) or chunk[at] != ROW:
        return None
    at += 1
    found: list[_Value] = []
    for _ in range(length - 1):
        value = _value_at(chunk, at)
        if value is None:
            return None
        found.append(value)
        at = value.at + value.size
    if at != len(chunk):
        return None  # More than one record.
    schema, step, time, *values = found
    if schema.dtype == ">f8" or step.dtype == ">f8" or time.dtype != ">f8":
        return None
    schema_id = int(_decode(np.frombuffer(chunk, np.uint8).reshape(-1, 1), schema)[0])
    return schema_id, _Layout(len(chunk), step, time, tuple(values))


def _value_at(chunk: bytes, at: int) -> _Value | None:
    if at >= len(chunk):
        return None
    kind = chunk[at]
    if kind == _FLOAT64:
        return _Value(at + 1, 8, ">f8")
    if kind in _INTEGERS:
        dtype = _INTEGERS[kind]
        return _Value(at + 1, int(dtype[2]), dtype)
    if kind < 0x80:
        return _Value(at, 1, _POSITIVE)
    if kind >= 0xE0:
        return _Value(at, 1, _NEGATIVE)
    return None


@lru_cache(maxsize=LAYOUTS_KEPT)
def _method(layout: _Layout) -> _Method:
    return _Method(layout)


# -- which chunks are like it, and whole ------------------------------------------------------------


def _like_first(chunks: Bytes, fixed: npt.NDArray[np.intp], layout: _Layout, seq: int) -> int:
    """Return how many chunks in a row have the fixed bytes of the first, and the next numbers."""
    is_like = (chunks[:, fixed] == chunks[0, fixed]).all(axis=1)
    numbers = np.ascontiguousarray(chunks[:, SEQ_AT : SEQ_AT + 4]).view("<u4")[:, 0]
    is_like &= numbers == np.arange(seq, seq + len(chunks), dtype=np.uint64)
    for value in (layout.step, *layout.values):
        if value.dtype == _POSITIVE:
            is_like &= chunks[:, value.at] < 0x80
        elif value.dtype == _NEGATIVE:
            is_like &= chunks[:, value.at] >= 0xE0
    return _first_false(is_like)


def _whole(lines: Bytes, method: _Method, tag: int) -> int:
    """Return how many chunks in a row have both of their CRCs right."""
    if not lines.shape[1]:
        return 0
    held = np.ascontiguousarray(lines[PAYLOAD_CRC_AT:CHUNK_HEADER_BYTES].T).view("<u4")
    is_whole = method.header.crc32(lines[:HEADER_CRC_AT], tag) == held[:, 1]
    is_whole &= method.payload.crc32(lines[CHUNK_HEADER_BYTES:], tag) == held[:, 0]
    return _first_false(is_whole)


@lru_cache(maxsize=LAYOUTS_KEPT)
def _tables(size: int) -> npt.NDArray[np.uint32]:
    """Return `(size, 256)`: what each byte gives to a CRC-32 when so many bytes follow it."""
    tables = np.empty((size, 256), np.uint32)
    first = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = np.where(first & 1, (first >> 1) ^ np.uint32(0xEDB88320), first >> 1)
    tables[0] = first
    for distance in range(1, size):
        before = tables[distance - 1]
        tables[distance] = (before >> 8) ^ first[before & 0xFF]
    return tables


def _first_false(truths: npt.NDArray[np.bool_]) -> int:
    return len(truths) if truths.all() else int(truths.argmin())


def _decode(lines: Bytes, value: _Value) -> npt.NDArray[Any]:
    """Return one value of each column, in the machine's byte order: float64, int64 or uint64."""
    found = np.ascontiguousarray(lines[value.at : value.at + value.size].T)
    if value.dtype == _POSITIVE:
        return found[:, 0].astype(np.int64)
    if value.dtype == _NEGATIVE:
        return found[:, 0].view(np.int8).astype(np.int64)
    numbers = found.view(value.dtype)[:, 0]
    if value.dtype == ">f8":
        return numbers.astype(np.float64)
    return numbers.astype(np.uint64 if value.dtype == ">u8" else np.int64)
