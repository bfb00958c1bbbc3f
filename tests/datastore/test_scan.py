"""The walk through a log's bytes: whole chunks come out, whatever else is there is told."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_spec import LOG_ID, LogSpec, log_of_every_kind

from tidelog.datastore import DatastoreError
from tidelog.datastore.errors import NotALogError, UnsupportedVersionError
from tidelog.datastore.format import (
    CHUNK_BYTES_MAX,
    CHUNK_HEADER,
    FILE_HEADER_BYTES,
    MARKER,
    Chunk,
    FileHeader,
    encode_file_header,
    log_tag,
)
from tidelog.datastore.scan import Damage, ReadAt, Scanner, TornTail, identify

SPEC = log_of_every_kind()


def reads(data: bytes) -> ReadAt:
    return lambda offset, size: data[offset : offset + size]


def scan(data: bytes, *, block_bytes: int = 4096) -> tuple[list[Chunk], Scanner]:
    identity = identify(reads(data), log="log")
    scanner = Scanner(reads(data), identity.tag, log="log", block_bytes=block_bytes)
    return list(scanner), scanner


WRITTEN = {chunk.seq: (chunk.type, chunk.payload) for chunk in scan(SPEC.data)[0]}


@pytest.mark.parametrize("block_bytes", [1, 19, 20, 21, 64, 100, 1000, 1 << 20])
def test_the_size_of_a_read_changes_nothing(block_bytes: int) -> None:
    """Chunks that do not lie in one block, damage that does not, headers at its edge."""
    damaged = bytearray(SPEC.data)
    for seq in (3, 4, 9):
        damaged[SPEC.starts[seq] + 5] ^= 1
    damaged[SPEC.starts[12] : SPEC.starts[12]] = bytes(3000)
    for data in (SPEC.data, bytes(damaged), SPEC.data[:-7]):
        chunks, scanner = scan(data)
        found, other = scan(data, block_bytes=block_bytes)
        assert chunks == found
        assert (scanner.damage, scanner.tail) == (other.damage, other.tail)


@pytest.mark.parametrize("seed", range(6))
def test_random_damage_never_gives_a_record_that_was_not_written(seed: int) -> None:
    """Flipped bits, overwritten stretches, cuts with garbage behind: only what was written, or ours."""
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(300):
        data = bytearray(SPEC.data)
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(data) * 8)
            data[at // 8] ^= 1 << at % 8
        if rng.random() < 0.4:
            start, size = rng.randrange(len(data)), rng.randrange(200)
            data[start : start + size] = rng.randbytes(rng.randrange(200))
        if rng.random() < 0.4:
            del data[rng.randrange(len(data)) :]
            data += rng.choice([b"", rng.randbytes(rng.randrange(99)), bytes(99), SPEC.data[40:99]])
        try:
            chunks, scanner = scan(bytes(data), block_bytes=rng.choice([64, 300, 4096]))
        except DatastoreError:
            continue
        assert {c.seq: (c.type, c.payload) for c in chunks}.items() <= WRITTEN.items()
        assert len(chunks) == len({c.seq for c in chunks})
        # Each byte is accounted for once: in a chunk, in damage, or in the tail.
        spans = [(c.offset, c.end) for c in chunks]
        spans += [(d.offset, d.offset + d.length) for d in scanner.damage]
        if scanner.tail is not None:
            spans.append((scanner.tail.offset, scanner.tail.offset + scanner.tail.length))
        at = 40
        for start, end in sorted(spans):
            assert at == start
            at = end
        assert max(40, len(data)) == at


@given(data=st.binary(min_size=0, max_size=300))
@settings(max_examples=200)
def test_a_file_that_is_no_log_is_told(data: bytes) -> None:
    """NotALogError names the file and what it starts with, or how short it is."""
    with pytest.raises(NotALogError, match=r"^log is not a log"):
        identify(reads(data), log="log")


def test_a_newer_version_is_refused_with_the_remedy() -> None:
    """Both versions are named; a flipped bit in the version is damage, not a newer version."""
    data = encode_file_header(FileHeader(bytes(16), 0, 2))
    with pytest.raises(UnsupportedVersionError, match=r"version 2; this tidelog reads version 1"):
        identify(reads(data), log="log")
    flipped = bytearray(SPEC.data)
    flipped[4] ^= 2
    assert identify(reads(bytes(flipped)), log="log").is_header_damaged


def test_a_file_made_of_markers_is_refused_in_bounded_time() -> None:
    """Each could be the first chunk of a log whose header is gone: only so many are tried."""
    body = CHUNK_HEADER.pack(MARKER, 1, 0, CHUNK_BYTES_MAX - 1000, 0, 0, 0)
    data = b"\1" * 64 + body * ((CHUNK_BYTES_MAX + 900_000) // len(body))
    start = time.process_time()
    with pytest.raises(NotALogError):
        identify(reads(data), log="log")
    assert time.process_time() - start < 20


def test_a_scanner_goes_on_where_it_ended() -> None:
    """A log that grows is read on from the last whole chunk, in whatever pieces it comes."""
    data = bytearray(SPEC.data[:40])
    identity = identify(reads(bytes(data)), log="log")
    scanner = Scanner(lambda offset, size: bytes(data[offset : offset + size]), identity.tag, log="log")
    found = []
    for at in range(40, len(SPEC.data)):
        data.append(SPEC.data[at])
        found += list(scanner)
        if at + 1 not in SPEC.ends:
            assert isinstance(scanner.tail, TornTail)
    assert WRITTEN == {chunk.seq: (chunk.type, chunk.payload) for chunk in found}
    assert [] == scanner.damage
    assert scanner.tail is None


def test_bytes_behind_the_end_that_are_no_chunk_are_damage() -> None:
    """At least one chunk may have been there."""
    _, scanner = scan(SPEC.data + b"\xa5" * 33)
    assert Damage("log", len(SPEC.data), 33, 1) == scanner.tail


def test_zeros_longer_than_any_chunk_are_a_torn_tail() -> None:
    """Where the file system had made room in advance."""
    log = LogSpec().row({"a": 1}, step=0)
    data = log.data + bytes(CHUNK_BYTES_MAX + (3 << 20))
    _, scanner = scan(data)
    assert TornTail("log", len(log.data), CHUNK_BYTES_MAX + (3 << 20)) == scanner.tail


def test_bytes_longer_than_any_chunk_are_damage() -> None:
    """Unless all of them are zeros, no cut leaves so many."""
    log = LogSpec().row({"a": 1}, step=0)
    garbage = bytes(CHUNK_BYTES_MAX) + b"\xa5" + bytes(3 << 20)
    _, scanner = scan(log.data + garbage, block_bytes=1 << 20)
    assert Damage("log", len(log.data), len(garbage), 1) == scanner.tail


def test_a_scanner_prints_where_it_stands() -> None:
    """For whoever debugs a log: its name, the offset, the next chunk's number."""
    _, scanner = scan(SPEC.data)
    assert f"<Scanner of log at {len(SPEC.data)}, before chunk {len(SPEC.ends)}>" == repr(scanner)


def test_a_marker_that_begins_no_chunk_proves_no_tag() -> None:
    """Where the header is gone the first whole chunk tells it, whatever lies before."""
    lies = [
        CHUNK_HEADER.pack(MARKER, kind, flags, 8, 0, 0, 0) for kind, flags in ((0, 0), (1, 1), (1, 0))
    ]
    data = bytes(40) + b"".join(lies) + SPEC.data[40:]
    identity = identify(reads(data), log="log")
    assert (log_tag(LOG_ID), True) == (identity.tag, identity.is_header_damaged)


@settings(max_examples=200)
@given(st.lists(st.integers(0, 120), min_size=1, max_size=40), st.sampled_from([64, 300, 1 << 20]))
def test_a_log_that_grows_while_it_is_judged_is_never_damaged(pieces: list[int], block: int) -> None:
    """Between any two reads of one scan: what came later is for the next."""
    log = LogSpec()
    for step in range(20):
        log.row({"a": step}, step=step)
    size, steps = FILE_HEADER_BYTES, iter(pieces)

    def read_at(offset: int, length: int) -> bytes:
        nonlocal size
        data = log.data[: min(size, offset + length)][offset:]
        size = min(size + next(steps, 0), len(log.data))
        return data

    scanner = Scanner(read_at, log_tag(LOG_ID), log="main.0001.tlog", block_bytes=block)
    found = 0
    for _ in range(3):
        found += len(list(scanner))
        assert [] == scanner.damage
        assert not isinstance(scanner.tail, Damage)
    assert [] == [end for end in log.ends[found:] if end <= scanner.offset]
