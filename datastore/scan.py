"""Walk through the bytes of one log, chunk by chunk, past any damage. No I/O of its own.

Bytes come from a `ReadAt` that is handed in, so the same walk serves files, a hub's appends and
the bytes of a test.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tidelog.datastore.errors import NotALogError, UnsupportedVersionError
from tidelog.datastore.format import (
    CHUNK_BYTES_MAX,
    CHUNK_HEADER_BYTES,
    FILE_HEADER_BYTES,
    IDENT,
    MARKER_BYTES,
    RECORDS,
    VERSION,
    Chunk,
    ChunkHeader,
    crc32,
    crc32_start,
    decode_chunk_header,
    decode_file_header,
    log_tag,
)

ReadAt = Callable[[int, int], bytes]
"""`read_at(offset, size)`: up to `size` bytes from `offset`, fewer only at the end."""

BLOCK_BYTES = 1024 * 1024
BLOCK_BYTES_MIN = 64
SECTOR_BYTES = 512
TAG_SEARCH_BYTES_MAX = CHUNK_BYTES_MAX + BLOCK_BYTES
TAG_PROOFS_MAX = 8
"""CRCs over so many times the bytes searched may prove a tag: a file of markers could ask for hours."""


class Damage(NamedTuple):
    """Bytes of a log that no reader can use.

    `chunks` is the exact number of chunks lost, known from the gap in sequence numbers; at the end
    of a log, where no chunk follows, it is the least number that can have been there.
    """

    log: str
    offset: int
    length: int
    chunks: int


class TornTail(NamedTuple):
    """An unfinished last chunk: the writer died in the middle of it, or is still at it."""

    log: str
    offset: int
    length: int


class Identity(NamedTuple):
    """What the start of a log tells: whose it is, and from where every CRC starts.

    Where the file header is damaged, `is_header_damaged` is set and the tag was found from the first
    whole chunk; the id is then None unless one flipped bit explains it, `created_ns` likewise.
    """

    tag: int
    log_id: bytes | None
    created_ns: int | None
    is_header_damaged: bool


def identify(read_at: ReadAt, *, log: str) -> Identity:
    """Return the identity of the log whose bytes `read_at` gives.

    Raises NotALogError where neither a header nor any chunk of a log is found, and
    UnsupportedVersionError where a whole header names a version above 1.
    """
    start = read_at(0, FILE_HEADER_BYTES)
    header = decode_file_header(start)
    if header is not None:
        if header.version != VERSION:
            raise UnsupportedVersionError(
                f"{log} has log format version {header.version}; this tidelog reads version {VERSION}: "
                "upgrade with `pip install -U tidelog`"
            )
        return Identity(
            log_tag(header.log_id), header.log_id, header.created_ns, is_header_damaged=False
        )
    if len(start) < FILE_HEADER_BYTES:
        raise NotALogError(
            f"{log} is not a log: it has {len(start)} bytes, and a log's header alone has "
            f"{FILE_HEADER_BYTES}"
        )
    mended = _mend_one_bit(start)
    if mended is not None:
        return mended
    tag = _search_tag(read_at)
    if tag is None:
        raise NotALogError(
            f"{log} is not a log: it starts with {start[:4]!r} instead of {IDENT!r} "
            "and holds no chunk of a log"
        )
    return Identity(tag, None, None, is_header_damaged=True)


class Scanner:
    """Iterates over the whole chunks of a log and keeps account of all other bytes.

    An iteration ends where no whole chunk follows; `tail` then says what is left there. After more
    bytes have come, iterate again: it goes on at `offset`, behind the last whole chunk.
    """

    def __init__(
        self,
        read_at: ReadAt,
        tag: int,
        *,
        log: str,
        offset: int = FILE_HEADER_BYTES,
        seq: int = 0,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self.offset = offset
        self.seq = seq
        self.damage: list[Damage] = []
        self.tail: Damage | TornTail | None = None
        self._read_at_any_time = read_at
        self._seen = 0  # How far this iteration has read: a live log is longer by the time it ends.
        self._tag = tag
        self._log = log
        self._block_bytes = max(block_bytes, BLOCK_BYTES_MIN)

    def __repr__(self) -> str:
        return f"<Scanner of {self._log} at {self.offset}, before chunk {self.seq}>"

    def __iter__(self) -> Iterator[Chunk]:
        read_at, tag, block_bytes = self._read_at, self._tag, self._block_bytes
        self.tail, self._seen = None, self.offset
        # Chunks are taken from this window; it moves forward when one does not lie in it whole.
        window, window_at = b"", self.offset
        offset, seq = self.offset, self.seq
        bad_from: int | None = None
        while True:
            at = offset - window_at
            if len(window) - at < CHUNK_HEADER_BYTES:
                window, window_at, at = read_at(offset, block_bytes), offset, 0
                if len(window) < CHUNK_HEADER_BYTES:
                    break
            header = decode_chunk_header(window, at, tag)
            if header is None or header.seq < seq:
                bad_from = offset if bad_from is None else bad_from
                found = self._search(offset + 1, seq)
                if found is None:
                    break
                offset = found
                continue
            length = header.length
            if len(window) - at < CHUNK_HEADER_BYTES + length:
                size = max(block_bytes, CHUNK_HEADER_BYTES + length)
                window, window_at, at = read_at(offset, size), offset, 0
                if len(window) < CHUNK_HEADER_BYTES + length:
                    break
            payload = window[at + CHUNK_HEADER_BYTES : at + CHUNK_HEADER_BYTES + length]
            if crc32(payload, tag) != header.payload_crc:
                bad_from = offset if bad_from is None else bad_from
                offset += CHUNK_HEADER_BYTES + length
                continue
            if bad_from is not None or header.seq != seq:
                start = offset if bad_from is None else bad_from
                self.damage.append(Damage(self._log, start, offset - start, header.seq - seq))
                bad_from = None
            chunk = Chunk(header.type, header.seq, offset, payload)
            offset += CHUNK_HEADER_BYTES + length
            seq = header.seq + 1
            # Told before the chunk is handed out: who stops here goes on behind it.
            self.offset, self.seq = offset, seq
            yield chunk
        self.tail = self._judge_tail()

    def _read_at(self, offset: int, size: int) -> bytes:
        data = self._read_at_any_time(offset, size)
        self._seen = max(self._seen, offset + len(data))
        return data

    def _search(self, offset: int, seq: int) -> int | None:
        """Return where the next believable chunk header lies, at `offset` or behind it."""
        while True:
            window = self._read_at(offset, self._block_bytes)
            last = len(window) - CHUNK_HEADER_BYTES
            at = window.find(MARKER_BYTES)
            while 0 <= at <= last:
                header = decode_chunk_header(window, at, self._tag)
                if header is not None and header.seq >= seq:
                    return offset + at
                at = window.find(MARKER_BYTES, at + 1)
            if last <= 0 or len(window) < self._block_bytes:
                return None
            offset += last + 1

    def _judge_tail(self) -> Damage | TornTail | None:
        """Tell what lies behind the last whole chunk: nothing, a torn tail, or damage.

        A cut leaves the beginning of a chunk. A power cut can leave zeros behind that, from a sector's
        boundary on, where the file's length reached the disk before its bytes did. What has come since
        the iteration read the end is left to the next one.
        """
        offset = self.offset
        size = self._seen - offset
        start = self._read_at(offset, min(size, CHUNK_BYTES_MAX + BLOCK_BYTES))
        if not start:
            return None
        if size == len(start):
            written = len(start.rstrip(b"\0"))
            if not written or self._is_beginning(start, size):
                return TornTail(self._log, offset, size)
            sector = -(-(offset + written) // SECTOR_BYTES) * SECTOR_BYTES
            if sector < offset + size and self._is_beginning(start[:written], written):
                return TornTail(self._log, offset, size)
        elif not start.strip(b"\0"):
            return TornTail(self._log, offset, size)
        return Damage(self._log, offset, size, 1)

    def _is_beginning(self, data: bytes, size: int) -> bool:
        """Tell whether `data` is what a cut leaves of one chunk."""
        if size < CHUNK_HEADER_BYTES:
            return True
        header = decode_chunk_header(data, 0, self._tag)
        return (
            header is not None and header.seq >= self.seq and CHUNK_HEADER_BYTES + header.length > size
        )


def _mend_one_bit(start: bytes) -> Identity | None:
    """Return the identity that a header with one flipped bit had; CRC-32 knows one bit for sure."""
    for bit in range(FILE_HEADER_BYTES * 8):
        candidate = bytearray(start)
        candidate[bit // 8] ^= 1 << (bit % 8)
        header = decode_file_header(bytes(candidate))
        if header is not None and header.version == VERSION:
            return Identity(
                log_tag(header.log_id), header.log_id, header.created_ns, is_header_damaged=True
            )
    return None


def _search_tag(read_at: ReadAt) -> int | None:
    """Return the tag of a log whose file header is gone, from its first whole chunk.

    A chunk header with its CRC gives one candidate; the CRC of the payload proves or refutes it.
    """
    data = read_at(0, TAG_SEARCH_BYTES_MAX)
    at = data.find(MARKER_BYTES)
    left = TAG_PROOFS_MAX * len(data)
    while 0 <= at <= len(data) - CHUNK_HEADER_BYTES and left > 0:
        left -= CHUNK_HEADER_BYTES
        body = data[at : at + CHUNK_HEADER_BYTES - 4]
        length = int.from_bytes(body[4:8], "little")
        if body[2] >= RECORDS and body[3] == 0 and 0 < length <= len(data) - at - CHUNK_HEADER_BYTES:
            left -= length
            payload = data[at + CHUNK_HEADER_BYTES : at + CHUNK_HEADER_BYTES + length]
            crc = int.from_bytes(data[at + 16 : at + 20], "little")
            tag = crc32_start(body, crc)
            header: ChunkHeader | None = decode_chunk_header(data, at, tag)
            if header is not None and crc32(payload, tag) == header.payload_crc:
                return tag
        at = data.find(MARKER_BYTES, at + 1)
    return None
