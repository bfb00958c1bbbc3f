"""Ranges of a log: whole chunks, damage declared, tails at home."""

import pytest
from log_spec import LOG_ID, LogSpec, log_of_every_kind

from tidelog.datastore.format import log_tag
from tidelog.datastore.scan import Damage, TornTail
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.ranges import LogRange, next_range

TAG = log_tag(LOG_ID)
START = Cursor(LOG_ID.hex())


def ranges(data: bytes, append_bytes: int, *, is_header_damaged: bool = False) -> list[LogRange]:
    settings, cursor, found = AgentSettings(append_bytes=append_bytes), START, []
    while not found or not found[-1].is_last:
        one = next_range(
            lambda offset, size: data[offset : offset + size],
            TAG,
            cursor,
            settings,
            log="x",
            is_header_damaged=is_header_damaged,
        )
        found.append(one)
        cursor = one.after
    return found


@pytest.mark.parametrize("append_bytes", [1, 100, 300, 10_000])
def test_ranges_follow_each_other_and_end_at_chunks(append_bytes: int) -> None:
    """Whatever the size: nothing twice, nothing left out, cut at ends of chunks."""
    log = log_of_every_kind()
    found = ranges(log.data, append_bytes)
    assert [0, *(r.end for r in found[:-1])] == [r.start for r in found]
    assert {r.end for r in found} <= {*log.ends}
    assert len(log.data) == found[-1].end
    assert len(log.ends) == sum(r.chunks for r in found)
    assert found[-1].after.is_final
    assert found[-1].tail is None


def test_the_first_range_takes_the_header_along() -> None:
    """A log without a chunk is its header."""
    [only] = ranges(LogSpec().data, 1000)
    assert (0, 40, 0) == (only.start, only.end, only.chunks)


def test_a_torn_tail_stays_at_home() -> None:
    """Only whole chunks travel."""
    log = log_of_every_kind()
    [only] = ranges(log.data[:-3], 100_000)
    assert log.ends[-2] == only.end
    assert TornTail("x", log.ends[-2], len(log.data) - 3 - log.ends[-2]) == only.tail
    assert not only.after.is_final


def test_damage_in_the_middle_is_declared_with_the_range_that_holds_it() -> None:
    """A flipped bit travels as it is."""
    log = log_of_every_kind()
    data = bytearray(log.data)
    data[log.starts[4] + 25] ^= 1
    found = ranges(bytes(data), 1)
    damage = Damage("x", log.starts[4], log.ends[4] - log.starts[4], 1)
    assert [(damage,)] == [r.damage for r in found if r.damage]
    [holder] = [r for r in found if r.damage]
    assert holder.start <= damage.offset < holder.end
    assert [(damage.offset, damage.length)] == holder.damage_from(0)
    assert len(data) == found[-1].end


def test_a_damaged_header_is_declared() -> None:
    """The first 40 bytes count as a damaged place."""
    [only] = ranges(log_of_every_kind().data, 100_000, is_header_damaged=True)
    assert Damage("x", 0, 40, 0) == only.damage[0]


def test_many_damaged_places_are_spread_over_ranges() -> None:
    """A header of the wire holds a bounded number of them."""
    log = LogSpec()
    for step in range(60):
        log.row({"a": step}, step=step)
    data = bytearray(log.data)
    for chunk in range(1, 60, 2):
        data[log.starts[chunk] + 21] ^= 1
    settings = AgentSettings(damage_ranges_max=4)
    found = next_range(lambda o, s: bytes(data[o : o + s]), TAG, START, settings, log="x")
    assert 4 == len(found.damage)
    assert not found.is_last
