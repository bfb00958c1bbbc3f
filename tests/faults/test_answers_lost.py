"""A hub that dies between its fsync and its answer: what it had stored is there once."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from agent_targets import SETTINGS
from fault_proxy import Call, Fault, FaultProxy, Order
from run_spec import RunSpec, tree
from syncd_process import HubProcess, make_key

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.target.http_target import HttpTarget
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.state import MemoryState
from tidelog.syncd.agent.watch.inventory import FoundLog
from tidelog.syncd.agent.watch.selection import select_logs

DEATHS = 2
PATIENCE_S = 60


@pytest.mark.parametrize(
    "call", [Call.PATCH_LOG, Call.BATCH, Call.PATCH_FILE], ids=lambda call: call.name
)
def test_a_hub_that_dies_before_it_can_answer(call: Call, tmp_path: Path) -> None:
    """The answer never comes, the bytes are on its disk: the agent asks, and sends nothing twice."""
    root, data = tmp_path / "root", tmp_path / "data"
    RunSpec(root).rows(60).media("a.png").media("b.png").saved("model.npz", 9000).finish()
    key = make_key(data)

    async def work() -> None:
        hub = await asyncio.to_thread(HubProcess, data)
        proxy = FaultProxy("127.0.0.1", hub.port, delay_s=0.0, hub_pid=hub.pid)
        async with proxy.listening(), asyncio.timeout(PATIENCE_S):
            target = HttpTarget(proxy.url, read_key=lambda: key, settings=SETTINGS, clock=Clock())
            agent = make_agent(target)
            disk = Disk()
            agent.found(
                FoundLog(log.run, log.name, 10_000, True) for log in select_logs(str(root), disk)
            )
            uploading = asyncio.ensure_future(agent.run(until_idle=True))
            for _ in range(DEATHS):
                before = len(proxy.broken)
                proxy.orders.append(Order(call, Fault.KILL))
                while len(proxy.broken) == before and not uploading.done():  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
                if uploading.done():
                    break
                await asyncio.to_thread(hub.wait)
                hub = await asyncio.to_thread(HubProcess, data, port=hub.port)
                proxy.hub_pid = hub.pid
            proxy.orders.clear()
            await uploading
            await target.close()
        assert proxy.broken
        assert {} == agent.planner.parked
        with contextlib.ExitStack() as stack:
            stack.enter_context(hub)

    asyncio.run(work())
    held = {path: data for path, data in tree(data).items() if not path.endswith(".tmp")}
    assert tree(root) == held


def make_agent(target: HttpTarget) -> Agent:
    return Agent(
        target,
        MemoryState(),
        disk=Disk(),
        clock=Clock(),
        settings=SETTINGS,
        chance=lambda: 0.5,
        tell=lambda line, **_: None,
    )
