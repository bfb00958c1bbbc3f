"""Walks over sound chunks many times as fast as `Scanner`, because it hands out none. No I/O, no NumPy.

It stops where `Scanner` would have something to say, and leaves saying it to `Scanner`.
"""

from functools import cache
from itertools import count

from tidelog.datastore.format import (
    CHUNK_BYTES_MAX,
    CHUNK_HEADER,
    CHUNK_HEADER_BYTES,
    FINAL,
    MARKER,
    PAYLOAD_BYTES_MAX,
    crc32,
)
from tidelog.datastore.scan import ReadAt

RESIDUE = 0x2144DF1C
"""What CRC-32 gives for any message with its own CRC behind it, whatever it started from."""

SEQ_AT, PAYLOAD_CRC_AT, NUMBER_BYTES = 8, 12, 4
"""In a chunk header, as docs/format.md has it."""

ALIKE_BYTES = 8
"""Marker, type, flags and length: the bytes of a header that the chunks of a stretch have in common."""

SEQS = 1 << 32

SHORT_BYTES = 4096
"""Up to here one CRC over header and payload is cheaper than one over each."""

STRETCH_BYTES_MAX = 256 * 1024
"""So much is looked at together: it is read two dozen times, and is to stay in the processor's cache."""

STRETCH_CHUNKS_MIN = 16
"""Fewer chunks are looked at one by one."""

_EACH_BYTE = bytes(range(256))

BLOCK_BYTES = 1024 * 1024
"""So much of a log is read at once."""


def walk_sound(data: bytes, at: int, seq: int, tag: int) -> tuple[int, int]:
    """Return where the sound chunks in their order end, and the number of the chunk behind them.

    It accepts what `Scanner` accepts; what it stops at, a final chunk among them, is left to `Scanner`.
    Each CRC is checked: of a short chunk both by one CRC over all of it, of chunks made alike by one
    over all of them (`AlikeChunks`). Two that are wrong cancel each other with 2**-32, which is how
    often a CRC-32 misses any damage.
    """
    unpack, last = CHUNK_HEADER.unpack_from, len(data) - CHUNK_HEADER_BYTES
    shifts: dict[int, int] = {}
    size, alike = 0, 0  # So many chunks of this size came one after the other.
    while at <= last:
        marker, kind, _flags, length, found, payload_crc, header_crc = unpack(data, at)
        end = at + CHUNK_HEADER_BYTES + length
        if found != seq or end > len(data):
            break
        if length <= SHORT_BYTES:
            shift = shifts.get(length)
            if shift is None:
                shift = shifts[length] = shift_of(length, tag)
            if crc32(data[at:end], tag) != payload_crc ^ shift:
                break
        elif (
            crc32(data[at : at + CHUNK_HEADER_BYTES - 4], tag) != header_crc
            or crc32(data[at + CHUNK_HEADER_BYTES : end], tag) != payload_crc
        ):
            break
        if marker != MARKER or kind == FINAL or length > PAYLOAD_BYTES_MAX:
            break
        alike = alike + 1 if end - at == size else 1
        size, at, seq = end - at, end, seq + 1
        if alike == STRETCH_CHUNKS_MIN:
            chunks = AlikeChunks(data, at - size, size, seq - 1, tag).count_sound()
            at, seq, alike = at + (chunks - 1) * size, seq + chunks - 1, 0
    return at, seq


def find_sound_end(read_at: ReadAt, offset: int, seq: int, tag: int) -> tuple[int, int]:
    """Return what `walk_sound` says of a log from `offset` on, reading it block by block."""
    size = BLOCK_BYTES
    while True:
        data = read_at(offset, size)
        passed, seq = walk_sound(data, 0, seq, tag)
        if passed:
            offset, size = offset + passed, BLOCK_BYTES
        elif len(data) == size < CHUNK_BYTES_MAX:
            size = CHUNK_BYTES_MAX  # The chunk may be longer than a block.
        else:
            return offset, seq


def shift_of(length: int, tag: int) -> int:
    """Return what the difference of residue and tag becomes over a payload of zeros."""
    zeros = bytes(length)
    return crc32(zeros, RESIDUE) ^ crc32(zeros, tag)


class AlikeChunks:
    """Chunks that begin alike, behind one that is known to be sound: one CRC over all, not two each.

    CRC-32 is linear over GF(2) (Stigge et al., "Reversing CRC", HU Berlin 2006): started from another
    value it differs by what that difference alone becomes, and to start from `a ^ b` is to start from
    `a` with `b` XORed onto the first four bytes. Hence, run on through header and payload:

    - Behind a header whose CRC is right it stands at the residue, whatever the header says.
    - Behind a payload of `n` bytes whose CRC is right it stands at that CRC, as the header gives it,
      XORed with what the difference of residue and tag becomes over `n` zeros: its shift.
    - XORed onto the next chunk's first bytes, the difference of that and the tag brings it back to
      the tag: each chunk is checked as if it were the only one.

    A chunk that is damaged leaves a difference. What follows carries it on and never makes it zero,
    since a step of a CRC is a bijection.

    A field of all chunks is a slice of the bytes with the chunks' size as its step.
    """

    def __init__(self, data: bytes, at: int, size: int, seq: int, tag: int) -> None:
        self._data = data
        self._at = at
        self._size = size
        self._seq = seq
        self._tag = tag
        self._shift = shift_of(size - CHUNK_HEADER_BYTES, tag)

    def count_sound(self) -> int:
        """Return how many chunks are whole, alike and in their order, up to a limit; 1 at least.

        Their first four bytes are compared, as they are overwritten where chunks are linked.
        """
        chunks = min((len(self._data) - self._at) // self._size, STRETCH_BYTES_MAX // self._size)
        if chunks < STRETCH_CHUNKS_MIN:
            return 1
        chunks = self._count_alike(chunks)
        chunks = self._count_in_order(min(chunks, SEQS - self._seq))
        linked = self._linked(chunks)
        if crc32(linked, self._tag) == self._register_behind(chunks - 1):
            return chunks
        return self._count_before_damage(linked, chunks)

    def _column(self, field_at: int, chunks: int) -> bytes:
        """Return one byte of each of the first `chunks` chunks."""
        return self._data[self._at + field_at : self._at + chunks * self._size : self._size]

    def _count_alike(self, chunks: int) -> int:
        # Not the length: a payload's CRC holds for that many bytes and no others.
        for field_at in range(NUMBER_BYTES):
            column = self._column(field_at, chunks)
            chunks -= len(column.lstrip(column[:1]))
        return chunks

    def _count_in_order(self, chunks: int) -> int:
        for byte in range(NUMBER_BYTES):
            column = self._column(SEQ_AT + byte, chunks)
            due = _column_of_numbers(byte, self._seq, chunks)
            if column != due:
                chunks = next(i for i in count() if column[i] != due[i])
        return chunks

    def _linked(self, chunks: int) -> bytearray:
        """Return a copy of the chunks, each XORed with what brings the CRC before it back to the tag."""
        size, back = self._size, self._shift ^ self._tag
        linked = bytearray(self._data[self._at : self._at + chunks * size])
        for byte in range(NUMBER_BYTES):
            crcs = self._column(PAYLOAD_CRC_AT + byte, chunks - 1)
            difference = self._data[self._at + byte] ^ back >> 8 * byte & 0xFF
            linked[size + byte :: size] = crcs.translate(_xor_table(difference))
        return linked

    def _register_behind(self, chunk: int) -> int:
        """Return where the CRC must stand behind a chunk, as its header says."""
        at = self._at + chunk * self._size + PAYLOAD_CRC_AT
        return int.from_bytes(self._data[at : at + NUMBER_BYTES], "little") ^ self._shift

    def _count_before_damage(self, linked: bytearray, chunks: int) -> int:
        """Halve the chunks, of which one is damaged, until it is found."""
        view, size = memoryview(linked), self._size
        sound, damaged = 1, chunks  # So many are sound, and among so many one is not.
        while damaged - sound > 1:
            middle = (sound + damaged) // 2
            register = crc32(view[sound * size : middle * size], self._register_behind(sound - 1))
            if register == self._register_behind(middle - 1):
                sound = middle
            else:
                damaged = middle
        return sound


def _column_of_numbers(byte: int, first: int, numbers: int) -> bytes:
    """Return one byte, 0 is the lowest, of each of so many numbers in their order."""
    if byte == 0:
        return (_EACH_BYTE * (numbers // 256 + 2))[first % 256 : first % 256 + numbers]
    column, period = b"", 256**byte
    while len(column) < numbers:
        number = first + len(column)
        alike = min(period - number % period, numbers - len(column))
        column += bytes((number // period % 256,)) * alike
    return column


@cache
def _xor_table(value: int) -> bytes:
    """Return what `bytes.translate` needs to XOR each byte with `value`."""
    return bytes(byte ^ value for byte in range(256))
