"""Changes a log so that it is still one: the CRCs are right, what is behind them is not.

Bytes that are changed blindly never get past a CRC. Here a log is taken apart into chunks, a chunk's
payload into msgpack values; one of them is changed, and all of it is put together again. Some changes
are left without a right CRC, because damage is to be read as well.
"""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import msgpack
from log_spec import CREATED_NS, LOG_ID

from tidelog.datastore.format import (
    CHECKPOINT,
    CHUNK_HEADER,
    CHUNK_HEADER_BYTES,
    FILE_HEADER_BYTES,
    FINAL,
    MARKER,
    MARKER_BYTES,
    RECORDS,
    FileHeader,
    decode_file_header,
    encode_chunk,
    encode_file_header,
    log_tag,
)

CHANGES_MAX = 4
HEADER = encode_file_header(FileHeader(LOG_ID, CREATED_NS))


class Piece(NamedTuple):
    """A chunk that may be a lie: what its header is to say, and its payload."""

    type: int
    seq: int
    payload: bytes


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def extension(code: int, content: object) -> msgpack.ExtType:
    return msgpack.ExtType(code, msgpack.packb(content))


MEDIA = {"type": "image", "path": "media/images/a.png", "sha256": "9f" * 32, "size": 68}
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, 9, -1, 127, 128, 255, 2**16, 2**31, 2**32 - 1),
    *(2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**31) - 1, -(2**63)),
    *(0.0, -0.0, 0.5, 1e308, 5e-324, float("nan"), float("inf"), -float("inf"), 1_795_000_000.25),
    *("", "a", "a*", "*", "**a*", "\0", "loss", "_step", "_time", "x" * 300, "\U0001f30a", "../../x"),
    *("min", "max", "mean", "best", "first", "last", "none", "finished", "crashed", "summary", "goal"),
    *(b"", b"\xff", [], {}, [[]], [None] * 17, {"a": 1}, {1: 2}, {None: 0}, {0.5: []}),
    *(deep(20), deep(300), deep(510), [0, ["a"]], [[0, ["a"]]], [[0, ["a", "b"]], [1, []]]),
    extension(1, MEDIA),
    extension(1, {**MEDIA, "size": -1, "caption": [1]}),
    extension(1, {**MEDIA, "path": "/etc/passwd"}),
    extension(1, {"type": "image"}),
    extension(2, {"edges": [0.0], "counts": []}),
    extension(2, [1]),
    *(extension(3, "x"), msgpack.Timestamp(5, 0), msgpack.ExtType(2, b"\xdc\xff\xff")),
    *({"summary": {"a": 5}, "means": {"a": [1, 2]}}, {"summary": "mean"}, {"a": [1, 1e308]}),
    [[LOG_ID.hex(), 0, 2**40]],
    [[LOG_ID.hex(), 1, 3], [LOG_ID.hex(), -5, 0], ["x", 1, 2]],
    {"supersedes": [[LOG_ID.hex(), 0, 3]], "forked_from": LOG_ID.hex()},
    {"host": "node1", "pid": 2**62, "pid_started": -1, "boot_id": "b"},
)
RECORDS_TO_ADD: tuple[Any, ...] = (
    [0, 0, []],
    [0, 0, ["a"]],
    [0, 1, ["a", "b"]],
    [0, 2**64 - 1, ["_step", "_time"]],
    [0, 0, [5]],
    [1, 0, 0, 0.5, 1],
    [1, 0, 1, 0.5, 1.5],
    [1, 1, 2**64 - 1, float("nan"), "x", None],
    [1, 1, -(2**63), 2**64 - 1, 2**63, -(2**63)],
    [2, 0.5, {"supersedes": [[LOG_ID.hex(), 0, 3]]}],
    [2, 0.5, {}],
    [3, 0, {"lr": 0.1, 5: 6}],
    [4, 0.5, {"a": extension(2, {})}],
    [5, "*", {"summary": "mean", "goal": "minimize"}],
    [5, "a", {"summary": ["max"], "step_metric": 5}],
    [6, 0.5, {"path": "files/x", "size": 3, "sha256": "ab", "policy": None}],
    [7, 0.5, "stdout", "x"],
    [8, 0.5, {}],
    [9, float("nan"), {"code": "0"}],
    [10, None],
    [2**64 - 1],
)
KEYS = ("schemas", "summary", "means", "set_by_hand", "previous", "notes", "noted", "supersedes", 7)
CLAIMS = (
    b"\xdc\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\0\0\xff\0",
    b"\xdb\xff\xff\xff\xff",
    b"\xc9\xff",
)


class LogMutator:
    """Returns logs that are a few changes away from a given one; the same seed gives the same.

    `mutate_bytes(data, size_max)` changes bytes blindly; a fuzzer hands its own one in.
    """

    def __init__(self, seed: int, mutate_bytes: Callable[[bytes, int], bytes] | None = None) -> None:
        self._random = Random(seed)
        self._mutate_bytes = mutate_bytes or self._flip

    def mutate(self, data: bytes, size_max: int) -> bytes:
        """Return a changed log of at most `size_max` bytes."""
        header, pieces, rest = take_apart(data)
        for _ in range(self._random.randint(1, CHANGES_MAX)):
            if pieces and self._random.random() < 0.8:
                self._change_piece(pieces)
            else:
                self._change_order(pieces)
        data = put_together(header, pieces) + rest
        if self._random.random() < 0.25:
            data = self._damage(data)
        return data[:size_max]

    def _change_piece(self, pieces: list[Piece]) -> None:
        at = self._random.randrange(len(pieces))
        piece = pieces[at]
        change = self._random.randrange(10)
        if change == 0:
            piece = piece._replace(type=self._random.choice((RECORDS, CHECKPOINT, FINAL, 0, 9, 255)))
        elif change == 1:
            piece = piece._replace(seq=self._random.choice((0, 5, at + 1, at + 7, 2**32 - 1)))
        elif change == 2:
            piece = piece._replace(payload=self._mutate_bytes(piece.payload, 4096))
        elif change == 3:
            cut = self._random.randint(0, len(piece.payload))
            claim = self._random.choice(CLAIMS) * self._random.choice((1, 40, 1200))
            piece = piece._replace(payload=piece.payload[:cut] + claim + piece.payload[cut:])
        else:
            piece = piece._replace(payload=self._change_payload(piece))
        pieces[at] = piece

    def _change_order(self, pieces: list[Piece]) -> None:
        at = self._random.randint(0, len(pieces))
        change = self._random.randrange(4)
        if change == 0 or at >= len(pieces):
            found = [self._random.choice(RECORDS_TO_ADD) for _ in range(self._random.choice((1, 2, 6)))]
            pieces.insert(at, Piece(RECORDS, -1, b"".join(map(msgpack.packb, found))))
        elif change == 1:
            del pieces[at]
        elif change == 2:
            pieces[at:at] = [pieces[at]._replace(seq=-1)] * self._random.choice((1, 3, 9, 70))
        else:
            other = self._random.randrange(len(pieces))
            pieces[at], pieces[other] = pieces[other], pieces[at]

    def _change_payload(self, piece: Piece) -> bytes:
        """Change a value somewhere in the payload, or what stands beside it."""
        values = unpack(piece.payload)
        if values is None:
            return self._mutate_bytes(piece.payload, 4096)
        for _ in range(self._random.randint(1, CHANGES_MAX)):
            holder, key = self._place(values)
            change = self._random.randrange(5)
            if change < 3 or key is None:
                _put(holder, key, self._value())
            elif change == 3:
                del holder[key]
            elif isinstance(holder, list):
                holder[key:key] = [holder[key]] * self._random.choice((1, 2, 5, 100))
            else:
                holder[self._random.choice(KEYS)] = self._value()
        try:
            return b"".join(map(msgpack.packb, values))
        except (ValueError, OverflowError, RecursionError):
            return piece.payload

    def _value(self) -> Any:
        # By way of its bytes: what comes out may be changed in its turn.
        return msgpack.unpackb(msgpack.packb(self._random.choice(VALUES)), strict_map_key=False)

    def _place(self, values: list[Any]) -> tuple[Any, Any]:
        """Return a list or map somewhere in the values, and a place in it; None where it is empty."""
        holder: Any = values
        while True:
            keys = list(range(len(holder))) if isinstance(holder, list) else list(holder)
            if not keys:
                return holder, None
            key = self._random.choice(keys)
            if not isinstance(holder[key], (list, dict)) or self._random.random() < 0.2:
                return holder, key
            holder = holder[key]

    def _damage(self, data: bytes) -> bytes:
        """Leave CRCs wrong: what a disk, a cut or another program does."""
        at = self._random.randint(0, len(data))
        change = self._random.randrange(6)
        if change == 0:
            return data[:at]
        if change == 1:
            return data[:at] + bytes(self._random.choice((1, 20, 512, 4096)))
        if change == 2:
            return data[:at] + MARKER_BYTES * self._random.choice((1, 10, 500)) + data[at:]
        if change == 3:
            return bytes(min(at, FILE_HEADER_BYTES)) + data[FILE_HEADER_BYTES:]
        if change == 4:
            return data[:at] + data[at : at + 200] + data[at:]
        return self._mutate_bytes(data, max(len(data), 1))

    def _flip(self, data: bytes, size_max: int) -> bytes:
        changed = bytearray(data)
        for _ in range(self._random.randint(1, CHANGES_MAX)):
            at = self._random.randint(0, len(changed))
            changed[at : at + self._random.randint(0, 2)] = self._random.randbytes(
                self._random.randint(0, 3)
            )
        return bytes(changed[:size_max])


def take_apart(data: bytes) -> tuple[bytes, list[Piece], bytes]:
    """Return header, chunks and what is behind them, asking for no CRC."""
    header = data[:FILE_HEADER_BYTES] if len(data) >= FILE_HEADER_BYTES else HEADER
    pieces, at = [], FILE_HEADER_BYTES
    while at + CHUNK_HEADER_BYTES <= len(data):
        marker, kind, _, length, seq, _, _ = CHUNK_HEADER.unpack_from(data, at)
        body = at + CHUNK_HEADER_BYTES
        if marker != MARKER or body + length > len(data):
            break
        is_next = seq == len(pieces)
        pieces.append(Piece(kind, -1 if is_next else seq, data[body : body + length]))
        at = body + length
    return header, pieces, data[at:]


def put_together(header: bytes, pieces: list[Piece]) -> bytes:
    """Return a log whose CRCs are right; -1 as a sequence number is the next one."""
    found = decode_file_header(header)
    tag = log_tag(found.log_id if found is not None else LOG_ID)
    data, seq = header, 0
    for piece in pieces:
        seq = piece.seq if piece.seq >= 0 else seq
        data += encode_chunk(piece.type, seq, piece.payload, tag)
        seq = (seq + 1) % 2**32
    return data


def unpack(payload: bytes) -> list[Any] | None:
    """Return the msgpack values of a payload, extensions as they are, or None where it is not that."""
    unpacker = msgpack.Unpacker(strict_map_key=False, max_buffer_size=max(len(payload), 1))
    unpacker.feed(payload)
    try:
        return list(unpacker)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None


def _put(holder: Any, key: Any, value: Any) -> None:
    if key is not None:
        holder[key] = value
    elif isinstance(holder, list):
        holder.append(value)
    else:
        holder["a"] = value
