"""The daemon's loop: what goes wrong in it is told, and it goes on."""

import asyncio
import shutil
from pathlib import Path

from agent_targets import SETTINGS
from run_spec import RunSpec, tree
from waiting import until_async

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, Entry, StrPath
from tidelog.syncd.agent.config import Config
from tidelog.syncd.agent.daemon.service import Service
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.upload.state import LmdbState


class StumblingDisk(Disk):
    """Fails with a bug of its own the first few times that a run is listed."""

    def __init__(self) -> None:
        self.failures = 2

    def list(self, path: StrPath) -> list[Entry]:
        if str(path).endswith("/r1") and self.failures:
            self.failures -= 1
            raise RuntimeError("a bug")
        return super().list(path)


def test_a_look_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    """One bad look at the roots ends neither the looking nor the daemon."""
    root, data, told = tmp_path / "root", tmp_path / "data", []
    RunSpec(root).rows(5)
    RunSpec(root, "mnist", "r2").rows(5)

    async def work(state: LmdbState) -> None:
        service = Service(
            lambda config: [RootTarget(f"file://{data}", str(data), disk=Disk())],
            lambda: Config(settings=SETTINGS),
            state,
            socket=tmp_path / "s",
            disk=StumblingDisk(),
            clock=Clock(),
            tell=told.append,
        )
        service.add_root(str(root))
        running = asyncio.ensure_future(service.run())
        async with asyncio.timeout(20):
            while tree(root) != tree(data):
                assert not running.done()
                await asyncio.sleep(0.01)
        service.stop()
        await running

    with LmdbState(tmp_path, disk=Disk(), bytes_max=1 << 24) as state:
        asyncio.run(work(state))
    assert ["the roots cannot be looked at: RuntimeError: a bug; trying again"] == told


def test_what_a_deleted_run_left_to_do_is_forgotten(tmp_path: Path) -> None:
    """While the target is away a run is deleted: its loss is told, and nothing of it waits for ever."""
    root, told = tmp_path / "root", []
    run = RunSpec(root).rows(5)

    async def work(state: LmdbState) -> None:
        away = tmp_path / "not mounted" / "data"
        service = Service(
            lambda config: [RootTarget(f"file://{away}", str(away), disk=Disk())],
            lambda: Config(settings=SETTINGS),
            state,
            socket=tmp_path / "s",
            disk=Disk(),
            clock=Clock(),
            tell=lambda line: told.append(str(line)),
        )
        service.add_root(str(root))
        running = asyncio.ensure_future(service.run())
        await until_async(lambda: told)
        shutil.rmtree(run.path)
        await until_async(lambda: len(told) == 2 and not service._pending(str(run.path)))
        service.stop()
        await running

    with LmdbState(tmp_path, disk=Disk(), bytes_max=1 << 24) as state:
        asyncio.run(work(state))
    assert "mnist/r1 is gone from here before" in told[1]
