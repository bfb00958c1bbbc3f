"""A log that was changed on the disk: every bit, every cut, every sector."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from faults.memory_disk import LOG, MemoryDisk
from log_spec import LOG_ID, TIME, LogSpec, log_of_every_kind

from tidelog.datastore import DatastoreError, Reader, Record
from tidelog.datastore.records import RUN

SPEC = log_of_every_kind()


def read(data: bytes) -> tuple[list[Record], Reader]:
    with Reader(LOG, disk=MemoryDisk.of_log(data)) as reader:
        return list(reader.records()), reader_with(reader)


def reader_with(reader: Reader) -> Reader:
    """Let the reader take its digest while the file is open."""
    assert reader.damage is not None
    return reader


ALL, _ = read(SPEC.data)


def by_seq(records: list[Record]) -> dict[int, list[str]]:
    """Records by the chunk they were in, in a form that compares NaN equal."""
    found: dict[int, list[str]] = {}
    for record in records:
        found.setdefault(record.seq, []).append(repr(record))
    return found


WHOLE = by_seq(ALL)


def assert_reported(data: bytes, *, chunks_max: int) -> Reader:
    """All that is read is true; each chunk that is missing is named, and no more than `chunks_max`."""
    records, reader = read(data)
    found = by_seq(records)
    for seq, texts in found.items():
        assert WHOLE[seq] == texts
    missing = [seq for seq in WHOLE if seq not in found]
    reported = sum(damage.chunks for damage in reader.damage)
    assert len(missing) <= chunks_max
    # Behind the last chunk that is whole nobody can count: there at least one was lost.
    is_counted = not reader.torn_tails and all(d.offset + d.length < len(data) for d in reader.damage)
    assert len(missing) <= reported or not is_counted
    assert reader.damage or reader.torn_tails or data == SPEC.data
    return reader


def test_a_clean_log_has_no_damage() -> None:
    """Zero false reports."""
    _, reader = read(SPEC.data)
    assert ([], [], "finished") == (reader.damage, reader.torn_tails, reader.state)


@pytest.mark.parametrize("part", range(8))
def test_every_flipped_bit_costs_at_most_its_own_chunk_and_is_reported(part: int) -> None:
    """One bit: at most one chunk lost, always reported as damage, never an exception."""
    data = bytearray(SPEC.data)
    for at in range(len(data)):
        data[at] ^= 1 << part
        reader = assert_reported(bytes(data), chunks_max=1)
        [damage] = reader.damage
        assert damage.chunks == (0 if at < 40 else 1)
        assert damage.offset <= at < damage.offset + damage.length
        data[at] ^= 1 << part


def test_a_flipped_bit_in_the_file_header_loses_no_record_and_not_the_logs_id() -> None:
    """The tag is found again from the chunks; CRC-32 tells which bit it was."""
    for bit in range(40 * 8):
        data = bytearray(SPEC.data)
        data[bit // 8] ^= 1 << (bit % 8)
        records, reader = read(bytes(data))
        assert len(ALL) == len(records)
        assert [(0, 40, 0)] == [d[1:] for d in reader.damage]


def test_every_cut_is_a_torn_tail_or_no_log() -> None:
    """A cut loses the chunk it cuts and those behind it; it is no damage."""
    for size in range(len(SPEC.data)):
        data = SPEC.data[:size]
        if size < 40:
            with pytest.raises(DatastoreError, match=f"has {size} bytes"):
                read(data)
            continue
        records, reader = read(data)
        whole = [end for end in SPEC.ends if end <= size]
        assert [] == reader.damage
        assert {seq: WHOLE[seq] for seq in WHOLE if seq < len(whole)} == by_seq(records)
        start = whole[-1] if whole else 40
        expected = [(LOG, start, size - start)] if size > start else []
        assert expected == [tuple(tail) for tail in reader.torn_tails]


def sectors(data: bytes, size: int) -> Iterator[tuple[int, int]]:
    yield from pairwise([*range(0, len(data), size), len(data)])


@pytest.mark.parametrize("size", [16, 64, 512])
def test_a_zeroed_sector_is_reported(size: int) -> None:
    """Whole sectors of zeros, as a power cut leaves them: what is gone is counted."""
    for start, end in sectors(SPEC.data, size):
        data = SPEC.data[:start] + bytes(end - start) + SPEC.data[end:]
        if data != SPEC.data:
            assert_reported(data, chunks_max=len(SPEC.ends))


@pytest.mark.parametrize("size", [16, 64, 512])
def test_a_sector_of_another_log_is_never_taken_for_ours(size: int) -> None:
    """CRCs start from the log's own tag: a whole chunk of another log does not pass."""
    other = LogSpec(log_id=bytes(16))
    other.data += b"".join(
        LogSpec(log_id=bytes(16)).row({"loss": 9.0}, step=s).data[40:] for s in range(40)
    )
    for start, end in sectors(SPEC.data, size):
        data = SPEC.data[:start] + other.data[start:end] + SPEC.data[end:]
        if len(data) == len(SPEC.data) and start:
            assert_reported(data, chunks_max=len(SPEC.ends))


@pytest.mark.parametrize("size", [16, 64, 512])
def test_a_sector_in_the_place_of_another_is_reported(size: int) -> None:
    """Each sector written over each other one, or put in before it: what is read is true."""
    places = list(sectors(SPEC.data, size))
    sampled = places if size > 16 else places[:: len(places) // 12]
    for start, _ in sampled:
        for other, behind in sampled:
            sector = SPEC.data[other:behind]
            over = SPEC.data[:start] + sector + SPEC.data[start + len(sector) :]
            put_in = SPEC.data[:start] + sector + SPEC.data[start:]
            for data in (over, put_in):
                if data != SPEC.data and (start or other == start):
                    assert_reported(data, chunks_max=len(SPEC.ends))


@pytest.mark.parametrize("size", [16, 64, 512])
def test_two_sectors_that_changed_places_are_reported(size: int) -> None:
    """As a disk does that writes to the wrong address."""
    places = list(sectors(SPEC.data, size))[1:-1]
    for index, (start, end) in enumerate(places):
        for other, behind in places[index + 1 :: max(1, len(places) // 24)]:
            between = SPEC.data[end:other]
            moved = SPEC.data[other:behind] + between + SPEC.data[start:end]
            assert_reported(SPEC.data[:start] + moved + SPEC.data[behind:], chunks_max=len(SPEC.ends))


def test_a_chunk_that_stands_twice_is_read_once() -> None:
    """A sequence number is taken once; the repetition is damage."""
    starts, ends = SPEC.starts, SPEC.ends
    for start, end in zip(starts, ends, strict=True):
        data = SPEC.data[:end] + SPEC.data[start:end] + SPEC.data[end:]
        records, reader = read(data)
        assert WHOLE == by_seq(records)
        assert [(end, end - start)] == [d[1:3] for d in reader.damage]


def test_a_chunk_that_is_gone_without_a_trace_is_counted() -> None:
    """The gap in sequence numbers is the exact number of chunks lost."""
    start, end = SPEC.starts[4], SPEC.ends[5]
    _, reader = read(SPEC.data[:start] + SPEC.data[end:])
    assert [(LOG, start, 0, 2)] == [tuple(d) for d in reader.damage]


def test_a_lost_schema_is_recovered_from_the_next_row() -> None:
    """A schema stands with its first two rows, so the first may be lost even without a checkpoint."""
    log = LogSpec().row({"a": 1}, step=0).row({"a": 2}, step=1).row({"a": 3}, step=2)
    data = bytearray(log.data)
    data[log.ends[0] - 1] ^= 1
    records, reader = read(bytes(data))
    assert [{"a": 2}, {"a": 3}] == [record.data for record in records]
    assert [1] == [damage.chunks for damage in reader.damage]


def test_a_schema_lost_with_both_its_rows_is_recovered_from_a_checkpoint() -> None:
    """A later checkpoint repeats every schema."""
    log = LogSpec()
    for step in range(4):
        log.row({"a": step}, step=step)
    log.checkpoint()
    data = bytearray(log.data)
    data[log.ends[0] - 1] ^= 1
    data[log.ends[1] - 1] ^= 1
    records, _ = read(bytes(data))
    assert [2, 3] == [record.data["a"] for record in records]


@pytest.mark.parametrize("size", [1, 30, 4096, 40_000_000])
def test_zeros_behind_the_last_chunk_are_a_torn_tail(size: int) -> None:
    """After a power cut a file may be longer than what reached the disk of it, by any length."""
    records, reader = read(SPEC.data[: SPEC.ends[5]] + bytes(size))
    assert [] == reader.damage
    assert [size] == [tail.length for tail in reader.torn_tails]
    assert {seq for seq in WHOLE if seq <= 5} == set(by_seq(records))


def test_rows_that_were_carried_over_count_once_although_their_log_lost_its_header() -> None:
    """A later log names it by its id; where the id is lost, its tag tells that it is meant."""
    failed, later = LogSpec(), LogSpec(log_id=bytes(16))
    for step in range(3):
        failed.row({"i": step}, step=step)
    later.record(RUN, TIME, {"supersedes": [[LOG_ID.hex(), 1, 3], ["no id", 0, 3]]})
    later.row({"i": 1}, step=1).row({"i": 2}, step=2)
    files = {"run/main.0001.tlog": bytes(40) + failed.data[40:], "run/main.0002.tlog": later.data}
    with Reader("run", disk=MemoryDisk(files)) as run:
        assert [0, 1, 2] == [record.data["i"] for record in run.records() if record.kind == "row"]
        assert [0, 1, 2] == list(run.history()["i"])
