"""May these bytes be appended to a replica of a log? The rules, without I/O and without a clock.

`judge_append` is asked before anything is written; what it accepts is whole chunks that continue
what is held, each CRC checked, and damage only where the sender declared it.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import NamedTuple

from tidelog.datastore.errors import (
    DifferentBytesError,
    DifferentLogError,
    InvalidChunksError,
    NotALogError,
    OffsetMismatchError,
    UnsupportedVersionError,
)
from tidelog.datastore.format import FILE_HEADER_BYTES, LOG_ID_BYTES
from tidelog.datastore.scan import Identity, ReadAt, Scanner, identify
from tidelog.datastore.walk import walk_sound


@dataclass(frozen=True, slots=True)
class Held:
    """What a replica holds of a log: whose it is, where it ends, and the next chunk's number."""

    log_id: bytes
    tag: int
    offset: int
    seq: int


@dataclass(frozen=True, slots=True)
class Append:
    """Bytes that somebody offers: where in the log they start, whose they are.

    `damage` holds `(offset, length)` of every stretch that the sender knows to be damaged.
    """

    log: str
    log_id: bytes
    offset: int
    data: bytes
    damage: frozenset[tuple[int, int]] = frozenset()

    @property
    def end(self) -> int:
        """The offset of the first byte behind these."""
        return self.offset + len(self.data)


class Accepted(NamedTuple):
    """The first `known` bytes are held already, the rest is to be written; `held` is what it gives."""

    known: int
    held: Held


def judge_append(held: Held | None, append: Append, *, differs_at: int | None = None) -> Accepted:
    """Accept an append, or raise the AppendRefusedError that says why not.

    `held` is None where nothing is held yet. `differs_at` is the first offset at which the offered
    bytes are not those already held, None where the two agree as far as they overlap.
    """
    if held is None:
        if append.offset != 0:
            raise OffsetMismatchError(
                f"nothing is held of log {append.log}, the request starts at {append.offset}: "
                "start at 0",
                held=0,
            )
        return Accepted(0, _judge_start(append))
    if append.log_id != held.log_id:
        raise DifferentLogError(
            f"{append.log} is held as log {held.log_id.hex()}, the request is for log "
            f"{append.log_id.hex()}: send it under another name",
            held=held.log_id,
        )
    if append.offset > held.offset:
        raise OffsetMismatchError(
            f"log {append.log} is held up to {held.offset}, the request starts at "
            f"{append.offset}: go on at {held.offset}",
            held=held.offset,
        )
    if differs_at is not None:
        raise DifferentBytesError(
            f"log {append.log} is held with other bytes from {differs_at} on: compare the two copies "
            "with `datastore verify`"
        )
    if append.end <= held.offset:
        return Accepted(len(append.data), held)
    return Accepted(held.offset - append.offset, _judge_chunks(held, append))


def log_id_of(identity: Identity, start: bytes) -> bytes:
    """Return the id under which a log travels; `start` is its first 40 bytes.

    Where its header is damaged beyond mending, these 40 bytes give an id.
    """
    if identity.log_id is not None:
        return identity.log_id
    return hashlib.sha256(start[:FILE_HEADER_BYTES]).digest()[:LOG_ID_BYTES]


def _judge_start(append: Append) -> Held:
    read_at = _reader(append.data, 0)
    try:
        identity = identify(read_at, log=append.log)
    except (NotALogError, UnsupportedVersionError) as error:
        raise InvalidChunksError(str(error)) from error
    log_id = log_id_of(identity, append.data)
    if log_id != append.log_id:
        raise InvalidChunksError(
            f"the header of {append.log} names log {log_id.hex()}, the request is for log "
            f"{append.log_id.hex()}"
        )
    header = (0, FILE_HEADER_BYTES)
    if identity.is_header_damaged and header not in append.damage:
        raise InvalidChunksError(f"the header of {append.log} is damaged, and nobody declared it")
    return _judge_chunks(Held(log_id, identity.tag, FILE_HEADER_BYTES, 0), append)


def _judge_chunks(held: Held, append: Append) -> Held:
    """Walk over all chunks from where the replica ends to the end of the offered bytes."""
    offset, seq = walk_sound(append.data, held.offset - append.offset, held.seq, held.tag)
    scanner = Scanner(
        _reader(append.data, append.offset),
        held.tag,
        log=append.log,
        offset=append.offset + offset,
        seq=seq,
    )
    for _chunk in scanner:
        pass
    for damage in scanner.damage:
        if (damage.offset, damage.length) not in append.damage:
            raise InvalidChunksError(
                f"log {append.log} is damaged from {damage.offset} on for {damage.length} bytes "
                f"({damage.chunks} chunks), and nobody declared it"
            )
    if scanner.tail is not None:
        raise InvalidChunksError(
            f"log {append.log}: the last whole chunk ends at {scanner.offset}, the request at "
            f"{append.end}: send whole chunks"
        )
    return replace(held, offset=scanner.offset, seq=scanner.seq)


def _reader(data: bytes, start: int) -> ReadAt:
    return lambda offset, size: data[offset - start : offset - start + size]
