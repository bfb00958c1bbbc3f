"""The daemon's loop: what goes wrong in it is told, and it goes on."""

import asyncio
import shutil
import time
from dataclasses import replace
from pathlib import Path

from agent_targets import SETTINGS
from notify_socket import NotifySocket
from run_spec import RunSpec, tree
from waiting import PATIENCE_S, until_async

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, Entry, StrPath
from tidelog.syncd.agent.config import Config
from tidelog.syncd.agent.daemon.service import Service
from tidelog.syncd.agent.target.http_target import HttpTarget
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.upload.state import LmdbState
from tidelog.syncd.notify import Notifier


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
        async with asyncio.timeout(PATIENCE_S):
            while tree(root) != tree(data):
                assert not running.done()
                await asyncio.sleep(0.01)
        service.stop()
        await running

    with LmdbState(tmp_path, disk=Disk(), bytes_max=1 << 24) as state:
        asyncio.run(work(state))
    assert [f"{root} cannot be looked at: RuntimeError: a bug; trying again"] == told


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
        await until_async(lambda: len(told) == 2 and not service.pending(str(run.path)))
        service.stop()
        await running

    with LmdbState(tmp_path, disk=Disk(), bytes_max=1 << 24) as state:
        asyncio.run(work(state))
    assert "mnist/r1 is gone from here before" in told[1]


def test_a_request_that_nobody_answers_holds_up_the_end_for_a_bound_time(tmp_path: Path) -> None:
    """The hub took the connection and is silent; the manager hears all the while that we live."""
    RunSpec(tmp_path / "root").rows(5)
    settings = replace(SETTINGS, answer_timeout_s=3600.0, drain_s=0.4)

    async def work(state: LmdbState, address: str, manager: NotifySocket) -> float:
        taken = asyncio.Event()

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken.set()
            await reader.read()
            writer.close()

        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        service = Service(
            lambda config: [HttpTarget(url, read_key=lambda: "k", settings=settings, clock=Clock())],
            lambda: Config(settings=settings),
            state,
            socket=tmp_path / "s",
            disk=Disk(),
            clock=Clock(),
            tell=print,
            notifier=Notifier(address, beat_s=0.05),
        )
        service.add_root(str(tmp_path / "root"))
        async with server:
            running = asyncio.ensure_future(service.run())
            await taken.wait()
            began = time.monotonic()
            manager.forget()
            service.stop()
            await running
        return time.monotonic() - began

    with (
        NotifySocket(str(tmp_path / "notify")) as manager,
        LmdbState(tmp_path, disk=Disk(), bytes_max=1 << 24) as state,
    ):
        took_s = asyncio.run(work(state, manager.address, manager))
        assert settings.drain_s <= took_s
        manager.message_with("STOPPING=1")
        assert "WATCHDOG=1" in manager.message()
        assert "WATCHDOG=1" in manager.message()
