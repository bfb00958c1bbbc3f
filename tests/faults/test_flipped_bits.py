"""Every bit of the logs that writers wrote: buffered, with checkpoints, carried over to the next log."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from faults.crash_states import Found, State, build
from faults.expected_run import WrittenRun, is_log
from faults.memory_disk import LOG, MemoryDisk
from faults.recorded_run import RUN
from faults.recording_disk import DIRECTORY, Call, Change, Named, Written
from faults.scenarios import Scenario, buffered, failing_sync, failing_write, files, plain
from log_spec import LogSpec

from tidelog.datastore import Reader, Record

BLOCK_SIZES = (64, 97, 1 << 20)


def stretches(_root: Path) -> Sequence[Call]:
    """Rows that NumPy reads at once, and two that end a stretch."""
    random, log = Random(7), LogSpec()
    for step in range(30):
        log.row({"i": step, "loss": random.random(), "n": step - 3}, step=step)
        if step in (11, 20):
            log.checkpoint() if step == 20 else log.row({"i": 100, "text": "x"}, step=step)
    names = Named("", ((RUN, DIRECTORY),)), Named(RUN, ((LOG, 0),))
    return [*names, Written(0, 0, log.final().data)]


def calls_of(scenario: Scenario | Any, root: Path) -> Sequence[Call]:
    made = scenario(root)
    return made if isinstance(made, list) else made.disk.calls_made


def flips(data: bytes, *, all_bits: bool) -> Iterator[tuple[int, bytes]]:
    """Yield where a bit was flipped, and the bytes then; one of each byte, or every one."""
    flipped = bytearray(data)
    for at in range(len(data)):
        for bit in range(8) if all_bits else (at % 8,):
            flipped[at] ^= 1 << bit
            yield at, bytes(flipped)
            flipped[at] ^= 1 << bit


def rows_of(run: Reader) -> list[Record]:
    return [record for record in run.records() if record.kind == "row"]


def held_in(columns: Any) -> list[dict[str, Any]]:
    """Return what each row of a history holds, without what it lacks."""
    listed = {name: list(values) for name, values in columns.items() if name != "_time"}
    rows = [dict(zip(listed, values, strict=True)) for values in zip(*listed.values(), strict=True)]
    return [{k: v for k, v in row.items() if v is not None and v == v} for row in rows]


def check_flips(calls: Sequence[Call], *, all_bits: bool) -> int:
    """Check a run with each bit of each of its logs flipped; return how many flips that were."""
    written = WrittenRun(calls)
    state = build(call for call in calls if isinstance(call, Change))
    whole = written.expected(state, RUN)
    assert [] == whole.damage
    count = 0
    for path, found in state.files.items():
        for at, data in flips(found.data, all_bits=all_bits) if is_log(path) else ():
            flipped = State({**state.files, path: Found(found.file, data)}, state.directories)
            expected = written.expected(flipped, RUN)
            disk = MemoryDisk({p: f.data for p, f in flipped.files.items()})
            with Reader(RUN, disk=disk, block_bytes=BLOCK_SIZES[count % 3]) as run:
                rows = rows_of(run)
                assert expected.rows == [row.data["i"] for row in rows]
                assert (expected.damage, expected.torn_tails) == (run.damage, run.torn_tails)
                merged = sorted((r.step, *sorted(r.data.items(), key=str)) for r in rows)
                history = [dict(row) for row in held_in(run.history())]
                assert merged == sorted(
                    (row.pop("_step"), *sorted(row.items(), key=str)) for row in history
                )
            lost = sum(damage.chunks for damage in run.damage)
            torn = sum(tail not in whole.torn_tails for tail in run.torn_tails)
            assert lost + torn <= 1, f"a flip at {at} of {path} costs {lost} chunks"
            assert run.damage or run.torn_tails != whole.torn_tails or math.nan
            count += 1
    return count


WRITTEN = [plain, buffered, failing_write, failing_sync, files, stretches]


@pytest.mark.parametrize("scenario", WRITTEN)
def test_a_flipped_bit_costs_at_most_its_own_chunk(scenario: Scenario, tmp_path: Path) -> None:
    """One bit of each byte: one chunk at most, told with its place; history() and records() agree."""
    assert check_flips(calls_of(scenario, tmp_path / "root"), all_bits=False) > 1000
