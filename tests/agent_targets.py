"""Agents for tests, and their targets: a real hub on loopback, and another root."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.http_target import HttpTarget
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.home import Home
from tidelog.syncd.agent.upload.recount import RunsAfter
from tidelog.syncd.agent.upload.state import MemoryState, State
from tidelog.syncd.agent.upload.uploader import Uploader
from tidelog.syncd.agent.watch.inventory import FoundLog
from tidelog.syncd.agent.watch.selection import select_logs
from tidelog.syncd.hub.server import HubServer, Listen

SETTINGS = AgentSettings(
    tail_interval_s=0.01,
    append_bytes=1000,
    small_file_bytes_max=2000,
    batch_bytes=5000,
    batch_files_max=3,
    piece_bytes=3000,
    backoff_first_s=0.01,
    backoff_max_s=0.05,
    answer_timeout_s=5.0,
)

OpenTarget = Callable[[Path], AbstractAsyncContextManager[Target]]


@asynccontextmanager
async def open_hub(data: Path) -> AsyncIterator[Target]:
    """A hub in this process, and a target that speaks to it over loopback."""
    async with HubServer(data, listen=Listen("127.0.0.1", 0)) as hub:
        key = hub.keys.create("test")
        target = HttpTarget(hub.url, read_key=lambda: key, settings=SETTINGS, clock=Clock())
        try:
            yield target
        finally:
            await target.close()


@asynccontextmanager
async def open_root(data: Path) -> AsyncIterator[Target]:
    target = RootTarget(f"file://{data}", str(data), disk=Disk())
    yield target
    await target.close()


def make_uploader(target: Target, state: State, *, disk: Disk | None = None) -> Uploader:
    """An uploader that sets nothing aside."""
    return Uploader(
        target,
        state,
        disk=disk or Disk(),
        settings=SETTINGS,
        is_set_aside=lambda _: False,
        home=Home(lambda _: None, lambda _: None, patience_s=SETTINGS.lend_s),
    )


def make_agent(
    target: Target,
    state: State | None = None,
    *,
    settings: AgentSettings = SETTINGS,
    told: list[str] | None = None,
    runs_after: RunsAfter | None = None,
) -> Agent:
    """An agent that knows nothing yet, and draws no lots; what it tells is added to `told`."""
    return Agent(
        target,
        state or MemoryState(),
        disk=Disk(),
        clock=Clock(),
        settings=settings,
        chance=lambda: 0.5,
        tell=(told if told is not None else []).append,
        runs_after=runs_after,
    )


def find_logs(agent: Agent, root: Path) -> None:
    """Let an agent know of what lies below a root now, as a look of the daemon does."""
    disk = Disk()
    agent.found(
        FoundLog(log.run, log.name, disk.stat(f"{log.run.path}/{log.name}").st_size, is_live=True)
        for log in select_logs(str(root), disk)
    )


async def catch_up(agent: Agent, root: Path) -> None:
    """Upload what lies below a root now."""
    find_logs(agent, root)
    await agent.run(until_idle=True)


def on_target(open_any: OpenTarget, data: Path, work: Callable[[Target], Awaitable[Any]]) -> Any:
    """Run `work` with an open target, in an event loop of its own."""

    async def run() -> Any:
        async with open_any(data) as target:
            return await work(target)

    return asyncio.run(run())
