"""Logs of at most 32 KiB, each made to cost as much as can be: memory by the square, time by the square.

Every CRC in them is right, so that all of it is decoded, unless it is the damage that is to cost.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgpack
from fuzz.log_mutator import HEADER, Piece, extension, put_together
from log_spec import LOG_ID, TIME

from tidelog.datastore.format import (
    CHECKPOINT,
    CHUNK_HEADER_BYTES,
    MARKER_BYTES,
    RECORDS,
    encode_chunk,
    log_tag,
)

BYTES_MAX = 32 * 1024


def _log(payloads: Iterable[tuple[int, bytes]], rest: bytes = b"") -> bytes:
    """Return as many of the chunks as fit."""
    pieces: list[Piece] = []
    left = BYTES_MAX - len(HEADER) - len(rest)
    for kind, payload in payloads:
        left -= CHUNK_HEADER_BYTES + len(payload)
        if left < 0:
            break
        pieces.append(Piece(kind, -1, payload))
    return put_together(HEADER, pieces) + rest


def _packed(*records: Any) -> tuple[int, bytes]:
    return RECORDS, b"".join(map(msgpack.packb, records))


def _one_chunk(head: list[Any], rows: Iterable[Any]) -> bytes:
    """Return a log of one chunk with as many of the records as fit."""
    payload = b"".join(map(msgpack.packb, head))
    for row in rows:
        packed = msgpack.packb(row)
        if len(payload) + len(packed) > BYTES_MAX - len(HEADER) - CHUNK_HEADER_BYTES:
            break
        payload += packed
    return _log([(RECORDS, payload)])


def _names(count: int, form: str = "{}") -> list[str]:
    return [form.format(chr(0x80 + index)) for index in range(count)]


def claims() -> bytes:
    """Arrays in arrays, each of which claims all that follows."""
    return _log([(RECORDS, b"\xdc\xff\xff" * 1023 + bytes(28_000))])


def claims_of_many_chunks() -> bytes:
    """The same, a little in each chunk."""
    return _log((RECORDS, (b"\xdc\x01\x00" * 84) + bytes(4)) for _ in range(300))


def claims_in_a_checkpoint() -> bytes:
    """The same as a checkpoint, and as a map."""
    return _log(
        [(CHECKPOINT, b"\x81\xa7schemas" + b"\xdc\x7f\xff" * 1000), (CHECKPOINT, b"\xdf\0\0\x7f\0")]
    )


def claims_in_extensions() -> bytes:
    """The same within a histogram."""
    bomb = msgpack.ExtType(2, (b"\xdc\x20\0" * 1000) + bytes(4_000))
    return _log(_packed([0, 0, ["a"]], [1, 0, step, TIME, bomb]) for step in range(9))


def histograms() -> bytes:
    """As many as fit, each of them empty."""
    row = [1, 0, 0, TIME, [extension(2, {})] * 8_000]
    return _log([_packed([0, 0, ["a"]], row)])


def empty_maps() -> bytes:
    """A byte each."""
    return _log([_packed([0, 0, ["a"]], [1, 0, 0, TIME, [{}] * 32_000])])


def deep_values() -> bytes:
    """Lists in lists, as deep as the encoder goes."""
    value: Any = 0
    for _ in range(508):
        value = [value]
    return _log(_packed([3, TIME, {"a": value}]) for _ in range(200))


def small_chunks() -> bytes:
    """As many chunks as fit: a kind that nobody knows."""
    return _log((RECORDS, b"\x91\x2a") for _ in range(4000))


def small_records() -> bytes:
    """As many records as fit into a chunk."""
    return _log([(RECORDS, b"\x91\x2a" * 16_000)])


def small_rows() -> bytes:
    """As many rows as fit, all of one step and one key: a row each."""
    return _one_chunk([[0, 0, ["a"]]], ([1, 0, 0, 0, 0] for _ in range(20_000)))


def rows_in_chunks() -> bytes:
    """As many rows as fit, one a chunk, as a run writes them."""
    return _log(_packed([0, 0, ["a"]], [1, 0, step % 128, TIME, 0.5]) for step in range(4000))


def rows_and_names() -> bytes:
    """Half of it names, half of it rows without any: a table of both has 10 million cells."""
    names = _names(4000)
    wide = [[0, 1, names], [1, 1, 0, 0, *[0] * len(names)], [0, 0, []]]
    return _one_chunk(wide, ([1, 0, step, 0] for step in range(1, 20_000)))


def rows_and_names_by_stretch() -> bytes:
    """The same as chunks that are read at once."""
    names = _names(3500)
    wide = _packed([0, 1, names], [1, 1, 0, TIME, *[0.5] * 0, *[0] * len(names)], [0, 0, ["a"]])
    return _log([wide, *(_packed([1, 0, 1000 + step, TIME, 0]) for step in range(4000))])


def rows_and_names_of_steps_that_go_back() -> bytes:
    """The same for the plain merge, which alone reads steps that go back."""
    names = _names(4000)
    wide = [[0, 1, names], [1, 1, 0, 0, *[0] * len(names)], [0, 0, []]]
    return _one_chunk(wide, ([1, 0, 20_000 - step, 0] for step in range(1, 20_000)))


def a_name_a_row() -> bytes:
    """Every row has a name of its own."""
    return _one_chunk(
        [], (r for i, n in enumerate(_names(4500)) for r in ([0, i, [n]], [1, i, i, 0, 0]))
    )


def a_name_a_row_of_one_step() -> bytes:
    """The same, and all of them are one row in the end."""
    return _one_chunk(
        [], (r for i, n in enumerate(_names(4500)) for r in ([0, i, [n]], [1, i, 7, 0, 0]))
    )


def schemas_in_checkpoints() -> bytes:
    """The same schemas in every checkpoint."""
    entries = [[index, [name]] for index, name in enumerate(_names(40))]
    return _log((CHECKPOINT, msgpack.packb({"schemas": entries, "summary": {}})) for _ in range(900))


def summaries_in_checkpoints() -> bytes:
    """A summary in every checkpoint."""
    content = {"summary": dict.fromkeys(_names(40), 0), "means": {n: [1, 1] for n in _names(40)}}
    return _log((CHECKPOINT, msgpack.packb(content)) for _ in range(900))


def rows_of_no_schema_before_markers() -> bytes:
    """Rows whose schema is nowhere, and behind them bytes that are searched for it."""
    markers = MARKER_BYTES * 8_000
    return _log((_packed([1, 7, 0, 0, 0]) for _ in range(4000)), markers)


def rows_of_many_missing_schemas() -> bytes:
    """The same, another schema each."""
    markers = MARKER_BYTES * 4_000
    return _log((_packed([1, 7 + i, 0, 0, 0]) for i in range(4000)), markers)


def markers() -> bytes:
    """Nothing but markers: each may begin a chunk."""
    return HEADER + MARKER_BYTES * ((BYTES_MAX - len(HEADER)) // 2)


def markers_without_a_header() -> bytes:
    """The same, and the log's tag is to be found from them."""
    head = MARKER_BYTES + b"\x01\x00\x00\x00\x00\x00"
    return head * (BYTES_MAX // len(head))


def long_payloads_without_a_header() -> bytes:
    """Each marker claims a long payload whose CRC would prove the tag."""
    head = MARKER_BYTES + b"\x01\x00\x00\x70\x00\x00"
    return head * (BYTES_MAX // len(head))


def headers_that_hold() -> bytes:
    """Headers of checkpoints that hold, for payloads that do not, and each one within the last."""
    tag = log_tag(LOG_ID)
    head = encode_chunk(CHECKPOINT, 0, b"x" * 30_000, tag)[:CHUNK_HEADER_BYTES]
    return HEADER + head * ((BYTES_MAX - len(HEADER)) // len(head))


SOUND = {"summary": {}, "rows": 1, "last_step": 0, "last_time": 0.0, "previous": 0, "noted": 0}


def notes_named_again_and_again() -> bytes:
    """A checkpoint that names one large chunk ten thousand times."""
    note = _packed(*[[3, 0, {"a": 0}]] * 2000)
    return _log([note, (CHECKPOINT, msgpack.packb({**SOUND, "notes": [40] * 6_000}))])


def notes_within_notes() -> bytes:
    """Chunks that hold chunks, all of them named."""
    tag, chunk, size = log_tag(LOG_ID), b"", 0
    while len(chunk) < 28_000:
        chunk = encode_chunk(RECORDS, 0, msgpack.packb([42, chunk]) + b"\x91\x2a" * 8, tag)
        size += 1
    inner = chunk[CHUNK_HEADER_BYTES:]
    offsets = [40]
    while len(offsets) < size:
        at = inner.index(MARKER_BYTES)
        offsets.append(offsets[-1] + CHUNK_HEADER_BYTES + at)
        inner = inner[at + CHUNK_HEADER_BYTES :]
    content = {**SOUND, "notes": offsets}
    return _log([(RECORDS, chunk[CHUNK_HEADER_BYTES:]), (CHECKPOINT, msgpack.packb(content))])


def checkpoints_that_name_themselves() -> bytes:
    """A chain of checkpoints that leads nowhere."""
    loop = {**SOUND, "notes": [], "noted": 41}
    return _log((CHECKPOINT, msgpack.packb(loop)) for _ in range(800))


def damage_everywhere() -> bytes:
    """Every other chunk is damaged."""
    data = bytearray(rows_in_chunks())
    for at in range(60, len(data), 120):
        data[at] ^= 1
    return bytes(data)


def patterns() -> bytes:
    """As many patterns of metrics as fit, and names that none of them has."""
    records = [[5, f"*{name}q*", {}] for name in _names(2000)]
    return _one_chunk([*records, [0, 0, _names(3000)], [1, 0, 0, 0, *[0] * 3000]], [])


def patterns_between_rows() -> bytes:
    """A pattern, a row, a pattern, a row."""
    rows = [[0, 0, _names(20)]]
    for name in _names(3000):
        rows += [[5, f"*{name}q", {"summary": "max"}], [1, 0, 0, 0, *[0] * 20]]
    return _one_chunk([], rows)


def long_rows() -> bytes:
    """Rows of thousands of values, each of another length, after rows that look like a stretch."""
    chunks = []
    for size in range(1700, 1708):
        chunks += [_packed([1, 0, 0, TIME]) for _ in range(4)]
        chunks.append(_packed([1, 1, 0, TIME, *[1] * size]))
    wide = [0, 1, _names(1708)]
    return _log([_packed([0, 0, []]), _packed(wide), *chunks])


def stretches_of_one() -> bytes:
    """Always four chunks of one length, then other ones: a stretch is looked for again and again."""
    chunks = [_packed([0, 0, ["a"]], [0, 1, ["a", "b"]])]
    for step in range(900):
        chunks += [_packed([1, 0, step, TIME, 0])] * 4 + [_packed([1, 1, step, TIME, 0.5, step])]
    return _log(chunks)


def superseded() -> bytes:
    """Ranges of chunks that count no more, thousands of them, over many chunks."""
    ranges = [[LOG_ID.hex(), 5000 + 2 * i, 5001 + 2 * i] for i in range(700)]
    rows = (_packed([1, 0, step, 0, 0]) for step in range(4000))
    return _log([_packed([0, 0, ["a"]]), _packed([2, TIME, {"supersedes": ranges}]), *rows])


def media_and_files() -> bytes:
    """As many as fit."""
    image = {"type": "", "path": "", "sha256": "", "size": 0}
    return _log([_packed([0, 0, ["a"]], [1, 0, 0, TIME, [extension(1, image)] * 700])])


def steps_and_times() -> bytes:
    """Ints of every size, times that are none."""
    edges = [0, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)]
    times = [0, float("nan"), float("inf"), -float("inf"), -1.0, 2**64 - 1, -(2**63), 5e-324]
    rows = ([1, 0, step, time, step] for step in edges for time in times)
    return _one_chunk([[0, 0, ["a"]]], [row for row in rows for _ in range(40)])


BOMBS: dict[str, Callable[[], bytes]] = {
    bomb.__name__: bomb
    for bomb in (
        claims,
        claims_of_many_chunks,
        claims_in_a_checkpoint,
        claims_in_extensions,
        histograms,
        empty_maps,
        deep_values,
        small_chunks,
        small_records,
        small_rows,
        rows_in_chunks,
        rows_and_names,
        rows_and_names_by_stretch,
        rows_and_names_of_steps_that_go_back,
        a_name_a_row,
        a_name_a_row_of_one_step,
        schemas_in_checkpoints,
        summaries_in_checkpoints,
        rows_of_no_schema_before_markers,
        rows_of_many_missing_schemas,
        markers,
        markers_without_a_header,
        long_payloads_without_a_header,
        headers_that_hold,
        notes_named_again_and_again,
        notes_within_notes,
        checkpoints_that_name_themselves,
        damage_everywhere,
        patterns,
        patterns_between_rows,
        long_rows,
        stretches_of_one,
        superseded,
        media_and_files,
        steps_and_times,
    )
}
