"""The fast walk: it ends exactly where the Scanner, which sees each chunk, first reports."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_spec import LOG_ID, LogSpec

from tidelog.datastore.format import (
    CHECKPOINT,
    FILE_HEADER_BYTES,
    FINAL,
    RECORDS,
    crc32,
    encode_chunk,
    log_tag,
)
from tidelog.datastore.scan import Scanner
from tidelog.datastore.walk import (
    SHORT_BYTES,
    STRETCH_BYTES_MAX,
    STRETCH_CHUNKS_MIN,
    AlikeChunks,
    find_sound_end,
    walk_sound,
)

TAG = log_tag(LOG_ID)


def log_of(*stretches: tuple[int, int], first_seq: int = 0, kind: int = RECORDS) -> bytes:
    """The chunks of a log: for each `(chunks, payload bytes)` so many, with bytes that differ."""
    chunks = []
    for count, length in stretches:
        for _ in range(count):
            seq = first_seq + len(chunks)
            payload = random.Random(seq).randbytes(length)
            chunks.append(encode_chunk(kind, seq, payload, TAG))
    return b"".join(chunks)


def by_scanner(data: bytes, *, seq: int = 0) -> tuple[int, int]:
    """Where a Scanner comes to before it reports anything, or meets the final chunk."""
    scanner = Scanner(lambda at, size: data[at : at + size], TAG, log="x", offset=0, seq=seq)
    end = (0, seq)
    for chunk in scanner:
        if scanner.damage or chunk.type == FINAL:
            return end
        end = (scanner.offset, scanner.seq)
    return end


@pytest.mark.parametrize(
    "stretches",
    [
        [(1, 0)],
        [(1000, 62)],
        [(300, 0), (300, 1)],
        [(40, 62), (1, 900), (40, 62), (1, 901), (200, 63)],
        [(STRETCH_CHUNKS_MIN, 10)],
        [(STRETCH_CHUNKS_MIN + 1, 10)],
        [(STRETCH_BYTES_MAX // 82 * 2 + 5, 62)],
        [(40, SHORT_BYTES), (40, SHORT_BYTES + 1)],
        [(3, STRETCH_BYTES_MAX)],
    ],
    ids=str,
)
def test_sound_chunks_are_passed_to_their_end(stretches: list[tuple[int, int]]) -> None:
    """Whatever lengths follow each other, all of a sound log is accepted."""
    data = log_of(*stretches)
    assert (len(data), sum(count for count, _ in stretches)) == walk_sound(data, 0, 0, TAG)


@pytest.mark.parametrize(("first", "tag"), [(0, TAG), (300, TAG), (0, 0), (0, 2**32 - 1)])
def test_sound_chunks_made_alike_are_proven_all_at_once(first: int, tag: int) -> None:
    """Hundreds of them with one CRC: that is what makes the walk fast."""
    chunks = [encode_chunk(RECORDS, first + i, bytes([i % 7]) * 62, tag) for i in range(1000)]
    assert 1000 == AlikeChunks(b"".join(chunks), 0, 82, first, tag).count_sound()


@pytest.mark.parametrize("first_seq", [250, 65_500, 2**24 - 40, 2**32 - 100])
def test_each_byte_of_the_sequence_number_is_looked_at(first_seq: int) -> None:
    """Numbers are followed over the borders of their bytes, up to the last that there is."""
    data = log_of((100, 30), first_seq=first_seq)
    assert (len(data), first_seq + 100) == walk_sound(data, 0, first_seq, TAG)


def test_a_walk_may_begin_inside_the_bytes() -> None:
    """What lies before the start is not looked at."""
    log = LogSpec()
    for step in range(200):
        log.row({"loss": step / 7}, step=step)
    assert (len(log.data), len(log.ends)) == walk_sound(log.data, FILE_HEADER_BYTES, 0, TAG)
    assert (len(log.data), len(log.ends)) == walk_sound(log.data, log.starts[150], 150, TAG)
    assert (log.starts[150], 149) == walk_sound(log.data, log.starts[150], 149, TAG)


@pytest.mark.parametrize("cut", [0, 1, 700_000])
def test_a_log_of_any_length_is_walked_block_by_block(cut: int) -> None:
    """Chunks that lie across a block's border, and those longer than a block, included."""
    data = log_of((20_000, 62), (1, 2_500_000), (20_000, 62))
    data = data[: len(data) - cut]
    end = by_scanner(data)
    assert end == find_sound_end(lambda at, size: data[at : at + size], 0, 0, TAG)
    assert len(data) - 82 < end[0] <= len(data)


def test_damage_in_a_long_log_ends_the_walk_there() -> None:
    """Whatever lies behind it is the Scanner's."""
    data = bytearray(log_of((40_000, 62)))
    data[30_000 * 82 + 50] ^= 1
    found = find_sound_end(lambda at, size: bytes(data[at : at + size]), 0, 0, TAG)
    assert (30_000 * 82, 30_000) == found


def test_a_final_chunk_is_left_to_the_scanner() -> None:
    """Nothing may follow it, and a Scanner knows."""
    log = log_of((100, 30))
    data = log + encode_chunk(FINAL, 100, bytes(30), TAG)
    assert (len(log), 100) == walk_sound(data, 0, 0, TAG)


@pytest.mark.parametrize("length", [0, 7, 62])
def test_each_flipped_bit_of_a_stretch_ends_the_walk_before_its_chunk(length: int) -> None:
    """No bit of any chunk goes unchecked, be it of the header or the payload, first chunk or last."""
    chunks = 2 * STRETCH_CHUNKS_MIN + 5
    size = 20 + length
    sound = log_of((chunks, length))
    for bit in range(len(sound) * 8):
        data = bytearray(sound)
        data[bit // 8] ^= 1 << bit % 8
        at = bit // 8 // size
        assert (at * size, at) == walk_sound(bytes(data), 0, 0, TAG)


def test_another_logs_chunks_do_not_pass() -> None:
    """CRCs start from the log's tag, for one chunk as for a stretch of them."""
    data = log_of((100, 30))
    assert (0, 0) == walk_sound(data, 0, 0, TAG ^ 1)
    theirs = b"".join(encode_chunk(RECORDS, seq, bytes(30), TAG ^ 1) for seq in range(50, 100))
    assert (50 * 50, 50) == walk_sound(data[: 50 * 50] + theirs, 0, 0, TAG)


def test_a_chunk_that_is_right_but_for_its_number_ends_the_walk() -> None:
    """A repeated, a lost and an exchanged chunk each end it, although every CRC is right."""
    data, size = log_of((100, 30)), 50
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    for wrong in (
        [*chunks[:60], chunks[59], *chunks[60:]],
        [*chunks[:60], *chunks[61:]],
        [*chunks[:60], chunks[61], chunks[60], *chunks[62:]],
    ):
        assert (60 * size, 60) == walk_sound(b"".join(wrong), 0, 0, TAG)


def test_a_chunk_of_another_type_among_chunks_of_its_size_is_told_apart() -> None:
    """A checkpoint as long as the rows around it is passed, a final chunk is not."""
    for kind, end in ((CHECKPOINT, 100), (FINAL, 60)):
        chunks = [encode_chunk(RECORDS, seq, bytes(30), TAG) for seq in range(100)]
        chunks[60] = encode_chunk(kind, 60, bytes(30), TAG)
        assert (end * 50, end) == walk_sound(b"".join(chunks), 0, 0, TAG)


def test_a_payload_beyond_the_limit_is_left_to_the_scanner() -> None:
    """A length above 16 MiB is no length, even where its CRCs hold."""
    payload = bytes(16 * 1024 * 1024 + 1)
    assert (0, 0) == walk_sound(encode_chunk(RECORDS, 0, payload, TAG), 0, 0, TAG)


def test_damage_that_one_crc_could_cancel_is_found_where_the_header_is_changed_to_fit() -> None:
    """A payload changed together with its CRC in the header fails by the header's own CRC."""
    data, size = bytearray(log_of((100, 30))), 50
    at = 60 * size
    data[at + 30] ^= 1
    payload = bytes(data[at + 20 : at + size])
    data[at + 12 : at + 16] = crc32(payload, TAG).to_bytes(4, "little")
    assert (at, 60) == walk_sound(bytes(data), 0, 0, TAG)


DAMAGE = st.sampled_from(["flip", "zeros", "lose", "insert", "repeat", "cut", "splice", "noise"])


@given(
    stretches=st.lists(
        st.tuples(st.integers(1, 60), st.sampled_from([0, 1, 5, 30, 62, 400, 5000])),
        min_size=1,
        max_size=5,
    ),
    damages=st.lists(st.tuples(DAMAGE, st.integers(0, 2**32), st.integers(1, 90)), max_size=4),
)
@settings(max_examples=150)
def test_the_walk_ends_where_a_scanner_first_reports(
    stretches: list[tuple[int, int]], damages: list[tuple[str, int, int]]
) -> None:
    """For logs of any stretches with damage of every kind in them the two agree."""
    data = log_of(*stretches)
    for kind, place, length in damages:
        data = damaged(data, kind, place % max(1, len(data)), length)
    assert by_scanner(data) == walk_sound(data, 0, 0, TAG)


def damaged(data: bytes, kind: str, at: int, length: int) -> bytes:
    behind = data[at + length :]
    match kind:
        case "flip":
            return data[:at] + bytes([data[at] ^ 1 << length % 8]) + data[at + 1 :] if data else data
        case "zeros":
            return data[:at] + bytes(len(data[at : at + length])) + behind
        case "lose":
            return data[:at] + behind
        case "insert":
            return data[:at] + random.Random(at).randbytes(length) + data[at:]
        case "repeat":
            return data[:at] + data[at : at + length] * 2 + behind
        case "cut":
            return data[:at]
        case "splice":
            return data[:at] + log_of((5, length)) + data[at:]
        case _:
            return data[:at] + random.Random(at).randbytes(len(data[at : at + length])) + behind
