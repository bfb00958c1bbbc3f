"""What may be appended to a replica, by literal bytes."""

import hashlib
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_spec import log_of_every_kind

from tidelog.datastore.append import Accepted, Append, Held, judge_append, log_id_of
from tidelog.datastore.errors import (
    AppendRefusedError,
    DifferentBytesError,
    DifferentLogError,
    InvalidChunksError,
    OffsetMismatchError,
)
from tidelog.datastore.format import log_tag
from tidelog.datastore.scan import Scanner, identify

LOG = "main.0001.tlog"
LOG_ID = bytes.fromhex("00112233445566778899aabbccddeeff")
OTHER_ID = bytes(16)
HEADER = bytes.fromhex(
    "544944450100280000112233445566778899aabbccddeeff0080d35bfd1ee91800000000a2b13cc0"
)
CHUNKS = [
    bytes.fromhex("d1540100050000000000000027d5c271e805936f9307c0a161"),
    bytes.fromhex("d154010005000000010000009d84cbe8a67f99e49307c0a162"),
    bytes.fromhex("d154010005000000020000000bb4cc9ff55176579307c0a163"),
]
WHOLE = HEADER + b"".join(CHUNKS)
TAG = log_tag(LOG_ID)
AFTER_HEADER = Held(LOG_ID, TAG, 40, 0)
AFTER_ONE = Held(LOG_ID, TAG, 65, 1)
AFTER_THREE = Held(LOG_ID, TAG, 115, 3)


def offer(offset: int, data: bytes, *damage: tuple[int, int], log_id: bytes = LOG_ID) -> Append:
    return Append(LOG, log_id, offset, data, frozenset(damage))


def test_a_first_append_starts_with_the_header_and_holds_whole_chunks() -> None:
    """What comes first is a log's start: header and chunks from number 0."""
    assert Accepted(0, AFTER_THREE) == judge_append(None, offer(0, WHOLE))


def test_a_header_alone_is_a_start() -> None:
    """A run that logged nothing yet is held as well."""
    assert Accepted(0, AFTER_HEADER) == judge_append(None, offer(0, HEADER))


def test_a_continuation_starts_where_the_replica_ends() -> None:
    """The next chunks bring their own numbers, one after the other."""
    assert Accepted(0, AFTER_THREE) == judge_append(AFTER_ONE, offer(65, CHUNKS[1] + CHUNKS[2]))


def test_what_is_held_already_is_accepted_without_effect() -> None:
    """The same request twice, as after a lost answer, changes nothing."""
    assert Accepted(50, AFTER_THREE) == judge_append(AFTER_THREE, offer(65, CHUNKS[1] + CHUNKS[2]))
    assert Accepted(115, AFTER_THREE) == judge_append(AFTER_THREE, offer(0, WHOLE))


def test_what_is_held_in_part_is_accepted_for_the_rest() -> None:
    """Only the bytes behind the replica's end are new."""
    assert Accepted(65, AFTER_THREE) == judge_append(AFTER_ONE, offer(0, WHOLE))


def test_an_empty_append_at_the_end_changes_nothing() -> None:
    """Nothing is a continuation of anything held."""
    assert Accepted(0, AFTER_ONE) == judge_append(AFTER_ONE, offer(65, b""))


def test_a_start_behind_nothing_is_a_mismatch() -> None:
    """Where nothing is held, only offset 0 goes on."""
    with pytest.raises(OffsetMismatchError, match=r"nothing is held .* starts at 65: start at 0") as e:
        judge_append(None, offer(65, CHUNKS[1]))
    assert 0 == e.value.held


def test_a_gap_is_a_mismatch_that_tells_both_offsets() -> None:
    """Bytes that start behind the end would leave a hole."""
    with pytest.raises(OffsetMismatchError, match="held up to 65, the request starts at 90") as e:
        judge_append(AFTER_ONE, offer(90, CHUNKS[2]))
    assert 65 == e.value.held


def test_another_log_under_the_same_name_is_refused() -> None:
    """The log id is the file's identity, whatever its name."""
    with pytest.raises(DifferentLogError, match=f"{LOG_ID.hex()}.*{OTHER_ID.hex()}") as e:
        judge_append(AFTER_ONE, offer(65, CHUNKS[1], log_id=OTHER_ID))
    assert LOG_ID == e.value.held


def test_other_bytes_at_the_same_place_are_refused() -> None:
    """A prefix that differs is never overwritten."""
    with pytest.raises(DifferentBytesError, match="with other bytes from 50 on"):
        judge_append(AFTER_THREE, offer(40, CHUNKS[0]), differs_at=50)


def test_another_log_is_told_before_an_offset() -> None:
    """Who is at the wrong log learns that first."""
    with pytest.raises(DifferentLogError):
        judge_append(AFTER_ONE, offer(9000, b"", log_id=OTHER_ID))


@pytest.mark.parametrize("cut", range(1, 25))
def test_a_torn_chunk_is_refused(cut: int) -> None:
    """Only whole chunks travel."""
    with pytest.raises(InvalidChunksError, match=r"whole chunk ends at 65, the request at \d+"):
        judge_append(AFTER_ONE, offer(65, CHUNKS[1][:cut]))


@pytest.mark.parametrize("size", range(40))
def test_a_torn_header_is_refused(size: int) -> None:
    """A start without its whole header is no log."""
    with pytest.raises(InvalidChunksError, match="is not a log"):
        judge_append(None, offer(0, HEADER[:size]))


def test_a_header_of_another_log_is_refused() -> None:
    """The request's log id and the header's must be one."""
    with pytest.raises(InvalidChunksError, match=r"the header of main.0001.tlog names log 0011"):
        judge_append(None, offer(0, WHOLE, log_id=OTHER_ID))


def test_a_chunk_of_another_number_is_a_gap_that_nobody_declared() -> None:
    """A missing chunk is noticed though every CRC holds."""
    with pytest.raises(InvalidChunksError, match=r"damaged from 65 on for 0 bytes \(1 chunks\)"):
        judge_append(AFTER_ONE, offer(65, CHUNKS[2]))


def test_a_declared_gap_is_accepted() -> None:
    """A gap at the source travels as it is: no bytes, one number missing."""
    accepted = judge_append(AFTER_ONE, offer(65, CHUNKS[2], (65, 0)))
    assert Accepted(0, Held(LOG_ID, TAG, 90, 3)) == accepted


def test_a_chunk_twice_is_refused() -> None:
    """A number that was there already never comes again."""
    with pytest.raises(InvalidChunksError):
        judge_append(AFTER_ONE, offer(65, CHUNKS[0]))


def test_damage_in_the_middle_is_accepted_where_it_is_declared() -> None:
    """Damage at the source travels as it is, marked."""
    damaged = bytes.fromhex("d154010005000000010000009d84cbe8a67f99e49307c0a163")
    data = damaged + CHUNKS[2]
    assert Accepted(0, AFTER_THREE) == judge_append(AFTER_ONE, offer(65, data, (65, 25)))
    for wrong in ((), ((65, 24),), ((64, 25),), ((40, 75),)):
        with pytest.raises(InvalidChunksError, match=r"from 65 on for 25 bytes .* nobody declared"):
            judge_append(AFTER_ONE, offer(65, data, *wrong))


def test_damage_at_the_end_is_refused_though_it_is_declared() -> None:
    """Nobody can tell a damaged tail from a chunk that is still being written."""
    with pytest.raises(InvalidChunksError):
        judge_append(AFTER_ONE, offer(65, CHUNKS[1][:-1] + b"x", (65, 25)))


def test_a_damaged_header_travels_where_it_is_declared() -> None:
    """One flipped bit is mended from its CRC; the id is the one the log was born with."""
    flipped = bytes([HEADER[0] ^ 1]) + HEADER[1:]
    data = flipped + CHUNKS[0]
    assert Accepted(0, AFTER_ONE) == judge_append(None, offer(0, data, (0, 40)))
    with pytest.raises(InvalidChunksError, match=r"header .* is damaged, and nobody declared it"):
        judge_append(None, offer(0, data))


def test_a_header_beyond_mending_gives_an_id_of_its_own() -> None:
    """Such a log is known by the SHA-256 of its first 40 bytes."""
    data = b"\xff" * 40 + CHUNKS[0]
    log_id = hashlib.sha256(b"\xff" * 40).digest()[:16]
    assert log_id == log_id_of(identify(lambda at, size: data[at : at + size], log=LOG), data)
    accepted = judge_append(None, offer(0, data, (0, 40), log_id=log_id))
    assert Accepted(0, Held(log_id, TAG, 65, 1)) == accepted


def test_a_log_of_a_newer_format_is_refused() -> None:
    """A hub keeps nothing that it cannot check."""
    newer = bytes.fromhex("544944450200") + HEADER[6:36]
    newer += bytes.fromhex("00000000")
    newer = newer[:36] + zlib.crc32(newer[:36]).to_bytes(4, "little")
    with pytest.raises(InvalidChunksError, match="version 2"):
        judge_append(None, offer(0, newer + CHUNKS[0]))


def test_every_flipped_bit_is_refused_or_harmless() -> None:
    """No damage that nobody declared is accepted."""
    for bit in range(len(WHOLE) * 8):
        data = bytearray(WHOLE)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidChunksError):
            judge_append(None, offer(0, bytes(data)))


@given(st.integers(0, 2**32), st.booleans())
def test_the_fast_walk_accepts_what_the_scanner_accepts(seed: int, is_damaged: bool) -> None:
    """The verdict is the scanner's: same end, same next number, same damage."""
    rng = random.Random(seed)
    log = log_of_every_kind()
    data = bytearray(log.data)
    if is_damaged:
        data[rng.randrange(40, len(data))] ^= 1 << rng.randrange(8)
    data = data[: rng.choice(log.ends)] if rng.random() < 0.5 else data[: rng.randrange(40, len(data))]
    log_id = bytes(range(16))
    scanner = Scanner(lambda at, size: bytes(data[at : at + size]), log_tag(log_id), log=LOG)
    for _ in scanner:
        pass
    damage = [(d.offset, d.length) for d in scanner.damage]
    append = offer(0, bytes(data), *damage, log_id=log_id)
    if scanner.tail is None:
        assert Held(log_id, log_tag(log_id), len(data), scanner.seq) == judge_append(None, append).held
    else:
        with pytest.raises(AppendRefusedError):
            judge_append(None, append)
