"""Cut a log into ranges that may travel: whole chunks, damage declared, tails left at home."""

from typing import NamedTuple

from tidelog.datastore.format import FILE_HEADER_BYTES, FINAL
from tidelog.datastore.scan import Damage, ReadAt, Scanner, TornTail
from tidelog.datastore.walk import walk_sound
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.ledger import DIGEST_WORD, entries_of
from tidelog.syncd.bodies import FileEntry

BLOCK_BYTES = 256 * 1024
"""Chunks are looked at one by one only in blocks that may name a file."""


WINDOW_MORE_BYTES = 64 * 1024
"""A range ends with a whole chunk: so much more is read than it aims at."""


class LogRange(NamedTuple):
    """Bytes of a log from one cursor to the next, and what stands in them.

    `data` is the very bytes that were looked at, none where they are more than may travel. `is_last`
    says that no whole chunk follows; `tail` is then what lies behind, and stays at home.
    """

    start: int
    after: Cursor
    data: bytes
    chunks: int
    damage: tuple[Damage, ...]
    entries: tuple[FileEntry, ...]
    is_last: bool
    tail: Damage | TornTail | None

    @property
    def end(self) -> int:
        """The offset of the first byte behind the range."""
        return self.after.offset

    def data_from(self, offset: int) -> bytes:
        """Return the bytes of the range from `offset` on."""
        return self.data[offset - self.start :] if offset > self.start else self.data

    def damage_from(self, offset: int) -> list[tuple[int, int]]:
        """Return the damaged places behind `offset` as the wire declares them."""
        return [(d.offset, d.length) for d in self.damage if d.offset >= offset]


def next_range(
    read_at: ReadAt,
    tag: int,
    cursor: Cursor,
    settings: AgentSettings,
    *,
    log: str,
    is_header_damaged: bool = False,
) -> LogRange:
    """Return what follows a cursor, cut at the end of a chunk."""
    read_at = _Window(read_at, cursor.offset, settings.append_bytes + WINDOW_MORE_BYTES)
    scanner = Scanner(read_at, tag, log=log, offset=cursor.scan_offset, seq=cursor.seq)
    start, chunks = cursor.offset, 0
    entries: list[FileEntry] = []
    is_final, is_last = cursor.is_final, False
    while not is_last and not (chunks and _is_enough(scanner, start, settings)):
        block_bytes = max(0, min(BLOCK_BYTES, start + settings.append_bytes - scanner.offset))
        passed = _pass_over(scanner, read_at, tag, block_bytes)
        if passed:
            chunks += passed
            continue
        look_until = scanner.offset + BLOCK_BYTES
        for chunk in scanner:
            chunks += 1
            entries += entries_of(chunk)
            is_final = chunk.type == FINAL
            if scanner.offset >= look_until or _is_enough(scanner, start, settings):
                break
        else:
            is_last = True
    damage = list(scanner.damage)
    if start == 0 and is_header_damaged:
        damage.insert(0, Damage(log, 0, FILE_HEADER_BYTES, 0))
    after = cursor._replace(
        offset=max(scanner.offset, FILE_HEADER_BYTES), seq=scanner.seq, is_final=is_final
    )
    size = after.offset - start
    data = read_at(start, size) if size <= settings.append_bytes_max else b""
    return LogRange(start, after, data, chunks, tuple(damage), tuple(entries), is_last, scanner.tail)


class _Window:
    """Gives the bytes of a log like the `ReadAt` it was made from, but reads those of a window once."""

    def __init__(self, read_at: ReadAt, start: int, size: int) -> None:
        self._read_at = read_at
        self._start = start
        self._data = read_at(start, size)
        self._holds_end = len(self._data) < size

    def __call__(self, offset: int, size: int) -> bytes:
        at = offset - self._start
        if self._holds_end or at + size <= len(self._data):
            return self._data[at : at + size]
        return self._read_at(offset, size)


def _is_enough(scanner: Scanner, start: int, settings: AgentSettings) -> bool:
    return (
        scanner.offset - start >= settings.append_bytes
        or len(scanner.damage) >= settings.damage_ranges_max
    )


def _pass_over(scanner: Scanner, read_at: ReadAt, tag: int, block_bytes: int) -> int:
    """Advance over sound chunks that name no file, a block at most; return how many they are."""
    data = read_at(scanner.offset, block_bytes)
    size, seq = walk_sound(data, 0, scanner.seq, tag)
    if DIGEST_WORD in data[:size]:
        return 0
    chunks = seq - scanner.seq
    scanner.offset, scanner.seq = scanner.offset + size, seq
    return chunks
