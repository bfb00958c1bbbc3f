"""The uploader looks ahead while a range travels, and what it found there is no promise."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from agent_targets import SETTINGS
from run_spec import RunSpec, tree

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.plan.retry import Course, SetbackError
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.task import LOG, Run, Task
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.state import MemoryState
from tidelog.syncd.agent.upload.uploader import Uploader


class CountingDisk(Disk):
    """Counts the bytes of logs that are read."""

    def __init__(self) -> None:
        self.bytes_read = 0

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        data = super().pread(fd, size, offset)
        self.bytes_read += len(data)
        return data


class Bench:
    """A log of about two ranges and a half, an uploader, and a target to upload it to."""

    def __init__(self, folder: Path) -> None:
        self.root, self.data = folder / "root", folder / "data"
        self.run = RunSpec(self.root, run="r1").rows(55)
        self.log = self.run.path / self.run.name
        self.task = Task(Run(str(self.run.path), "mnist", "r1"), LOG, self.run.name)
        self.disk, self.state = CountingDisk(), MemoryState()
        self.target = RootTarget(f"file://{self.data}", str(self.data), disk=Disk())
        self.uploader = Uploader(
            self.target, self.state, disk=self.disk, settings=SETTINGS, is_set_aside=lambda _: False
        )


def on_bench(folder: Path, work: Callable[[Bench], Awaitable[Any]]) -> Bench:
    async def run() -> Bench:
        bench = Bench(folder)
        await work(bench)
        return bench

    return asyncio.run(run())


def test_a_log_that_was_deleted_may_come_back(tmp_path: Path) -> None:
    """Its run is there: it waits, and says what to do."""

    async def work(bench: Bench) -> None:
        aside = bench.log.rename(tmp_path / "aside")
        with pytest.raises(SetbackError, match="gone before the target had all of it") as error:
            await bench.uploader.upload(bench.task)
        assert Course.AGAIN is error.value.setback.course
        aside.rename(bench.log)
        while (await bench.uploader.upload(bench.task)).has_more:
            pass

    bench = on_bench(tmp_path, work)
    assert tree(bench.root) == tree(bench.data)


def test_a_range_is_cut_judged_and_sent_from_one_reading(tmp_path: Path) -> None:
    """What was looked at is what travels, and the disk is asked once for each range."""

    async def work(bench: Bench) -> None:
        while (await bench.uploader.upload(bench.task)).has_more:
            pass

    bench = on_bench(tmp_path, work)
    size = bench.log.stat().st_size
    assert size > 2 * SETTINGS.append_bytes
    windows = 3 * min(size, SETTINGS.append_bytes + 64 * 1024)
    assert bench.disk.bytes_read < windows + 20 * 40
    assert tree(bench.root) == {p: b for p, b in tree(bench.data).items() if not p.startswith(".")}


def test_rows_that_came_since_the_last_range_was_found_travel_with_it(tmp_path: Path) -> None:
    """It was found while the one before it travelled; the log is longer by the time it is sent."""

    async def work(bench: Bench) -> None:
        done = await bench.uploader.upload(bench.task)
        done = await bench.uploader.upload(bench.task)
        assert done.has_more
        bench.run.rows(2)
        done = await bench.uploader.upload(bench.task)
        assert (bench.log.stat().st_size, False) == (done.offset, done.has_more)

    on_bench(tmp_path, work)


def test_a_range_that_was_found_behind_another_cursor_is_not_sent(tmp_path: Path) -> None:
    """Whoever moved the cursor meanwhile is right: each try begins where it stands."""

    async def work(bench: Bench) -> None:
        await bench.uploader.upload(bench.task)
        start = Cursor(bench.state.cursor(bench.target.name, bench.task).log_id)
        bench.state.advance(bench.target.name, bench.task, start, [])
        done = await bench.uploader.upload(bench.task)
        assert done.offset < 2 * SETTINGS.append_bytes
        assert 0 == done.bytes_sent

    on_bench(tmp_path, work)
