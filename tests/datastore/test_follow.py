"""Following a run that is being written: events, failed files, deaths, resumes, event loops."""

import asyncio
import errno
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.faulty_disk import FaultyDisk
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import until

from tidelog.datastore import Reader, Record, Writer, WriterLimits
from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import StrPath
from tidelog.datastore.filesystems import MOUNTS
from tidelog.datastore.follow import QUIET_INTERVAL_S, SLICE_RECORDS, Changes, Ending

DELAY_S_MAX = 0.1
ATTEMPTS = 5
"""What is late each time is our doing, and not that of whatever else the machine does."""
AN_HOUR_S = 3600.0


def values(records: list[Record]) -> list[int]:
    return [record.data["i"] for record in records if record.kind == "row"]


class HandClock(Clock):
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["log", "look", "fail write", "fail sync"]), max_size=40))
def test_a_row_that_goes_to_two_files_is_yielded_once(
    tmp_path_factory: pytest.TempPathFactory, script: list[str]
) -> None:
    """Whenever a file fails and whatever of it was seen before."""
    directory, disk = tmp_path_factory.mktemp("run"), FaultyDisk()
    limits = WriterLimits(sync_interval_s=3600, reopen_backoff_first_s=0.0, reopen_backoff_max_s=0.0)
    writer = Writer(directory, disk=disk, limits=limits, on_problem=lambda _: None)
    writer.log_row({"i": -1}, step=0)
    seen: list[Record] = []
    count = 0
    with Reader(directory) as run:
        following = run.follow(interval_s=0.0)

        def look() -> None:
            while len(values(seen)) < count + 1:
                seen.append(next(following))

        for act in script:
            if act == "log":
                writer.log_row({"i": count}, step=count)
                count += 1
            elif act == "look":
                look()
            elif act == "fail write":
                disk.fail("write", errno.EIO)
            else:
                disk.fail("fdatasync", errno.EIO)
                writer.sync()
        writer.close()
        seen += following
        assert list(range(-1, count)) == values(seen)


@pytest.mark.parametrize("is_damaged", [False, True])
def test_what_was_seen_in_a_failed_file_comes_twice_only_where_that_is_damaged(
    is_damaged: bool, tmp_path: Path
) -> None:
    """Where a row was lost nobody can tell which, so all that the next file holds is yielded."""
    disk = FaultyDisk()
    limits = WriterLimits(sync_interval_s=3600, reopen_backoff_first_s=0.0, reopen_backoff_max_s=0.0)
    writer = Writer(tmp_path, disk=disk, limits=limits, on_problem=lambda _: None)
    failed, ends = writer.path, []
    for i in range(5):
        writer.log_row({"i": i}, step=i)
        ends.append(failed.stat().st_size)
    if is_damaged:
        with failed.open("r+b") as file:
            file.seek(ends[2] - 1)
            file.write(b"\xff")
    expected = [0, 1, 3, 4] if is_damaged else [0, 1, 2, 3, 4]
    seen: list[Record] = []
    with Reader(tmp_path) as run:
        following = run.follow(interval_s=0.0)
        while len(values(seen)) < len(expected):
            seen.append(next(following))
        assert expected == values(seen)
        disk.fail("fdatasync", errno.EIO)
        assert not writer.sync()
        writer.log_row({"i": 5}, step=5)
        writer.close()
        seen += following
    assert [*expected, *(range(5) if is_damaged else []), 5] == values(seen)


def seconds_of(changes: Changes, interval_s: float) -> list[float]:
    """Return how long each of some waits took: what one takes at least is no doing of the machine."""
    took_s = []
    for _ in range(5):
        began = time.monotonic()
        changes.wait(interval_s)
        took_s.append(time.monotonic() - began)
    return took_s


def test_an_event_wakes_who_waits(tmp_path: Path) -> None:
    """Long before the next look would be due."""
    with Changes(tmp_path, disk=FaultyDisk()) as changes:
        changes.wait(AN_HOUR_S)  # It begins to watch.
        (tmp_path / "main.0001.tlog").write_bytes(b"1")
        changes.wait(AN_HOUR_S)


def test_a_directory_is_looked_at_often_until_an_event_came(tmp_path: Path) -> None:
    """Nothing proves before that any will."""
    with Changes(tmp_path, disk=FaultyDisk()) as changes:
        changes.wait(0.01)
        assert min(seconds_of(changes, 0.01)) < QUIET_INTERVAL_S


def test_a_network_file_system_is_looked_at_and_not_watched(tmp_path: Path) -> None:
    """Its events tell of this machine's writers alone, so none is waited for; no thread is started."""

    class NetworkDisk(FaultyDisk):
        def read(self, path: StrPath) -> bytes:
            assert MOUNTS == path
            return b"28 1 0:40 / / rw - nfs4 server:/home rw\n"

    before = threading.active_count()
    with Changes(tmp_path, disk=NetworkDisk()) as changes:
        changes.wait(60)
        assert before == threading.active_count()
        (tmp_path / "main.0001.tlog").write_bytes(b"1")
        assert 0.01 <= min(seconds_of(changes, 0.01)) < QUIET_INTERVAL_S


def test_a_live_row_is_yielded_within_a_tenth_of_a_second(tmp_path: Path) -> None:
    """From its `log_row` in another process to its record here; by the median."""
    runs = [tmp_path / str(attempt) for attempt in range(ATTEMPTS)]
    assert any(median_delay_s(run) < DELAY_S_MAX for run in runs)


def median_delay_s(directory: Path) -> float:
    """Follow a run that another process writes; return how late its rows come."""
    code = """
        import sys, time
        from tidelog.datastore import Writer
        writer = Writer(sys.argv[1])
        for i in range(25):
            writer.log_row({"i": i, "at": time.time()}, step=i)
            time.sleep(0.03)
        writer.close()
        """
    Writer(directory).close()
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), str(directory)]) as process:
        until((directory / "main.0002.tlog").exists)
        delays = []
        with Reader(directory) as run:
            for record in run.follow():
                if record.kind == "row":
                    delays.append(time.time() - record.data["at"])
        assert 0 == process.wait()
    assert 25 == len(delays)
    return sorted(delays)[12]


def test_afollow_lets_the_loop_go_on(tmp_path: Path) -> None:
    """Every record once, in order, while another task runs beside it."""
    writer = Writer(tmp_path)
    writer.log_row({"i": 0}, step=0)

    async def write() -> None:
        for i in range(1, 30):
            await asyncio.sleep(0.002)
            writer.log_row({"i": i}, step=i)
        writer.close()

    async def read() -> list[Record]:
        with Reader(tmp_path) as run:
            return [record async for record in run.afollow()]

    async def both() -> list[Record]:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(read())
            group.create_task(write())
        return reading.result()

    assert list(range(30)) == values(asyncio.run(both()))


def test_afollow_gives_the_loop_its_turn_within_a_long_log(tmp_path: Path) -> None:
    """Records that are there already come in slices: another task goes on between them."""
    writer = Writer(tmp_path)
    for i in range(3 * SLICE_RECORDS):
        writer.log_row({"i": i}, step=i)
    writer.close()
    found: list[Record] = []
    seen_between: set[int] = set()

    async def read() -> None:
        with Reader(tmp_path) as run:
            async for record in run.afollow():
                found.append(record)

    async def look(reading: "asyncio.Task[None]") -> None:
        while not reading.done():
            seen_between.add(len(found))
            await asyncio.sleep(0)

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(look(group.create_task(read())))

    asyncio.run(both())
    assert list(range(3 * SLICE_RECORDS)) == values(found)
    assert {SLICE_RECORDS, 2 * SLICE_RECORDS, 3 * SLICE_RECORDS} <= seen_between


def test_afollow_that_is_left_ends_its_watch(tmp_path: Path) -> None:
    """No thread stays behind."""
    writer = Writer(tmp_path)
    writer.log_row({"i": 0}, step=0)
    before = threading.active_count()

    async def cancelled() -> None:
        async def read() -> None:
            with Reader(tmp_path) as run:
                async for _ in run.afollow():
                    pass

        task = asyncio.create_task(read())
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    writer.close()
    assert threading.active_count() <= before


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["running", "finished"], [False, True]),
        (["crashed", "crashed", "crashed"], [False, False, True]),
        (["crashed", "running", "crashed", "crashed"], [False, False, False, False]),
        (["failed", "failed", "failed"], [False, False, True]),
        (["unknown"] * 4, [False] * 4),
    ],
)
def test_a_run_that_did_not_finish_is_waited_for(states: list[str], expected: list[bool]) -> None:
    """So long as asked, from its end on, anew after each resume."""
    clock = HandClock()
    ending = Ending(clock, resume_patience_s=10)
    reached = []
    for state in states:
        reached.append(ending.is_reached(state))  # type: ignore[arg-type]
        clock.time += 5
    assert expected == reached


def test_follow_waits_for_the_resume_of_a_run_whose_writer_died(tmp_path: Path) -> None:
    """The next process's records come behind those of the dead one."""
    code = """
        import os, sys
        from tidelog.datastore import Writer
        Writer(sys.argv[1]).log_row({"i": 0}, step=0)
        os._exit(1)
        """
    code = textwrap.dedent(code)
    assert 1 == subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode

    def records() -> Iterator[Record]:
        with Reader(tmp_path) as run:
            assert "crashed" == run.state
            yield from run.follow(interval_s=0.001, resume_patience_s=60)
            assert "finished" == run.state

    found = []
    for record in records():
        found.append(record)
        if values(found) == [0] and record.kind == "row":
            writer = Writer(tmp_path)
            writer.log_row({"i": 1}, step=1)
            writer.close()
    assert [0, 1] == values(found)
