"""Log format, version 1: the constants and the framing that writer and reader share.

Never touches a file, a clock or a random source; `docs/format.md` is the normative text.
"""

import struct
import zlib
from functools import cache
from typing import NamedTuple

IDENT = b"TIDE"
VERSION = 1

# ident, version, header length, log id, created (ns), reserved, CRC-32 of bytes 0-35
FILE_HEADER = struct.Struct("<4sHH16sQII")
FILE_HEADER_BYTES = FILE_HEADER.size
LOG_ID_BYTES = 16

# marker, type, flags, payload length, sequence number, CRC-32 of payload, CRC-32 of bytes 0-15
CHUNK_HEADER = struct.Struct("<HBBIIII")
CHUNK_HEADER_BYTES = CHUNK_HEADER.size
_CHUNK_HEADER_BODY = struct.Struct("<HBBIII")
_CRC = struct.Struct("<I")

MARKER = 0x54D1
MARKER_BYTES = MARKER.to_bytes(2, "little")

RECORDS = 1
CHECKPOINT = 2
FINAL = 3

PAYLOAD_BYTES_MAX = 16 * 1024 * 1024
CHUNK_BYTES_MAX = CHUNK_HEADER_BYTES + PAYLOAD_BYTES_MAX

crc32 = zlib.crc32
_pack_body = _CHUNK_HEADER_BODY.pack
_pack_crc = _CRC.pack
_unpack_header = CHUNK_HEADER.unpack_from


class FileHeader(NamedTuple):
    """What the first 40 bytes of a log say."""

    log_id: bytes
    created_ns: int
    version: int = VERSION


class ChunkHeader(NamedTuple):
    """What the 20 bytes before a payload say, once their CRC held."""

    type: int
    flags: int
    length: int
    seq: int
    payload_crc: int


class Chunk(NamedTuple):
    """One CRC-checked piece of a log and where it lies."""

    type: int
    seq: int
    offset: int
    payload: bytes

    @property
    def end(self) -> int:
        """The offset of the first byte behind this chunk."""
        return self.offset + CHUNK_HEADER_BYTES + len(self.payload)


def log_tag(log_id: bytes) -> int:
    """Return the value from which every CRC of a log starts, so that no other log's chunk passes."""
    return crc32(log_id)


def encode_file_header(header: FileHeader) -> bytes:
    """Return the 40 bytes that start a log."""
    body = FILE_HEADER.pack(
        IDENT, header.version, FILE_HEADER_BYTES, header.log_id, header.created_ns, 0, 0
    )[:-4]
    return body + _pack_crc(crc32(body))


def decode_file_header(data: bytes) -> FileHeader | None:
    """Return the header at the start of `data`, or None where its CRC or its ident is wrong."""
    if len(data) < FILE_HEADER_BYTES:
        return None
    ident, version, _length, log_id, created_ns, _reserved, crc = FILE_HEADER.unpack_from(data)
    if ident != IDENT or crc32(data[: FILE_HEADER_BYTES - 4]) != crc:
        return None
    return FileHeader(log_id, created_ns, version)


def encode_chunk(chunk_type: int, seq: int, payload: bytes, tag: int) -> bytes:
    """Return header and payload of one chunk; the payload is at most `PAYLOAD_BYTES_MAX` long."""
    body = _pack_body(MARKER, chunk_type, 0, len(payload), seq, crc32(payload, tag))
    return body + _pack_crc(crc32(body, tag)) + payload


def decode_chunk_header(data: bytes | bytearray, at: int, tag: int) -> ChunkHeader | None:
    """Return the chunk header at `at`, or None where its marker, length or CRC is wrong.

    `data` must hold at least 20 bytes from `at` on.
    """
    marker, chunk_type, flags, length, seq, payload_crc, header_crc = _unpack_header(data, at)
    if (
        marker != MARKER
        or length > PAYLOAD_BYTES_MAX
        or crc32(data[at : at + CHUNK_HEADER_BYTES - 4], tag) != header_crc
    ):
        return None
    return ChunkHeader(chunk_type, flags, length, seq, payload_crc)


@cache
def _reverse_table() -> tuple[list[int], list[int]]:
    forward = []
    for index in range(256):
        value = index
        for _ in range(8):
            value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
        forward.append(value)
    by_high_byte = [0] * 256
    for index, value in enumerate(forward):
        by_high_byte[value >> 24] = index
    return forward, by_high_byte


def crc32_start(data: bytes, crc: int) -> int:
    """Return the start value from which CRC-32 over `data` gives `crc`: `crc32(data, start) == crc`.

    The register of a CRC can be run backwards, because each step of it is a bijection
    (Stigge et al., "Reversing CRC", HU Berlin 2006). It gives back the tag of a log whose file
    header is damaged.
    """
    forward, by_high_byte = _reverse_table()
    register = crc ^ 0xFFFFFFFF
    for byte in reversed(data):
        index = by_high_byte[register >> 24]
        register = (((register ^ forward[index]) << 8) & 0xFFFFFFFF) | (index ^ byte)
    return register ^ 0xFFFFFFFF
