"""Uploads from a disk that does not answer: they keep no place, no other root, and not the end."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from agent_targets import SETTINGS, find_logs
from hanging_disk import HangingDisk
from run_spec import RunSpec, tree
from waiting import until_async

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.disk_threads import DiskThreads
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.state import MemoryState

SOON = replace(SETTINGS, lend_s=0.05, tasks_max=1)


@pytest.fixture
def away(tmp_path: Path) -> Iterator[HangingDisk]:
    disk = HangingDisk(tmp_path / "away")
    yield disk
    disk.answer()


class Uploading:
    """An agent with one place, whose own disk is `away` in part, and where it uploads to."""

    def __init__(self, folder: Path, away: HangingDisk) -> None:
        self.data = folder / "data"
        self.agent = Agent(
            RootTarget(f"file://{self.data}", str(self.data), disk=Disk()),
            MemoryState(),
            disk=away,
            clock=Clock(),
            settings=SOON,
            chance=lambda: 0.5,
            tell=print,
            threads=DiskThreads(8),
        )

    def do(self, work: Callable[["Uploading"], Awaitable[None]]) -> None:
        async def run() -> None:
            running = asyncio.ensure_future(self.agent.run())
            await work(self)
            self.agent.stop()
            async with asyncio.timeout(10):
                await running

        asyncio.run(run())


def test_the_uploads_of_a_hung_root_keep_no_place_from_those_of_another(
    tmp_path: Path, away: HangingDisk
) -> None:
    """Though there is a single place, and much to send of the root that hangs."""
    for number in range(20):
        RunSpec(tmp_path / "away", "cifar", f"r{number}", seed=number).rows(3)
    here = RunSpec(tmp_path / "here").rows(3)

    async def work(uploading: Uploading) -> None:
        agent = uploading.agent
        find_logs(agent, tmp_path / "away")
        away.hang()
        await until_async(lambda: agent.planner.lent)
        find_logs(agent, tmp_path / "here")
        log = uploading.data / "mnist/r1/main.0001.tlog"
        await until_async(lambda: log.is_file() and log.read_bytes() == here.log.data)
        assert (1, 1) == (away.waiting, len(agent.planner.lent))
        away.answer()
        await until_async(lambda: agent.planner.is_idle)

    Uploading(tmp_path, away).do(work)
    assert {**tree(tmp_path / "away"), **tree(tmp_path / "here")} == tree(tmp_path / "data")


def test_an_agent_that_is_told_to_stop_waits_for_no_disk_of_its_own(
    tmp_path: Path, away: HangingDisk
) -> None:
    """Neither for one that hung before nor for one that hangs from then on; the task stays wanted."""
    RunSpec(tmp_path / "away").rows(3)

    async def work(uploading: Uploading) -> None:
        agent = uploading.agent
        find_logs(agent, tmp_path / "away")
        away.hang()
        await until_async(lambda: away.waiting)
        if not agent.planner.lent:
            agent.stop()

    uploading = Uploading(tmp_path, away)
    uploading.do(work)
    assert 1 == uploading.agent.planner.wanted


def test_a_slow_read_is_never_given_up(tmp_path: Path, away: HangingDisk) -> None:
    """What it has read is sent: a disk of a megabyte a second uploads as well."""
    slow = RunSpec(tmp_path / "away").rows(3)
    reads = list[str]()

    class Counting(HangingDisk):
        def open(self, path: object) -> int:
            reads.append(threading.current_thread().name)
            return super().open(path)  # type: ignore[arg-type]

    disk = Counting(tmp_path / "away")

    async def work(uploading: Uploading) -> None:
        agent = uploading.agent
        find_logs(agent, tmp_path / "away")
        disk.hang()
        await until_async(lambda: agent.planner.lent)
        before = len(reads)
        disk.answer()
        await until_async(lambda: agent.planner.is_idle)
        assert before < len(reads) <= before + 3

    Uploading(tmp_path, disk).do(work)
    assert slow.log.data == (tmp_path / "data/mnist/r1/main.0001.tlog").read_bytes()
    assert {"tidelog-disk"} == set(reads)
