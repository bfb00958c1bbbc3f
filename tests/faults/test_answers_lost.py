"""A hub that dies between its fsync and its answer: what it had stored is there once."""

import asyncio
import contextlib
from functools import partial
from pathlib import Path

import pytest
from agent_targets import SETTINGS, find_logs, make_agent
from fault_proxy import Call, Fault, FaultProxy, Order
from own_port import own_port
from run_spec import RunSpec, stored, tree
from syncd_process import HubProcess, make_key
from waiting import PATIENCE_S

from tidelog.datastore.clock import Clock
from tidelog.syncd.agent.target.http_target import HttpTarget

DEATHS = 2


@pytest.mark.parametrize(
    "call", [Call.PATCH_LOG, Call.BATCH, Call.PATCH_FILE], ids=lambda call: call.name
)
def test_a_hub_that_dies_before_it_can_answer(call: Call, tmp_path: Path) -> None:
    """The answer never comes, the bytes are on its disk: the agent asks, and sends nothing twice."""
    root, data = tmp_path / "root", tmp_path / "data"
    RunSpec(root).rows(60).media("a.png").media("b.png").saved("model.npz", 9000).finish()
    key = make_key(data)

    async def work(port: int) -> None:
        hub = await asyncio.to_thread(partial(HubProcess, data, port=port))
        proxy = FaultProxy("127.0.0.1", port, delay_s=0.0, hub_pid=hub.pid)
        async with proxy.listening(), asyncio.timeout(PATIENCE_S):
            target = HttpTarget(proxy.url, read_key=lambda: key, settings=SETTINGS, clock=Clock())
            agent = make_agent(target)
            find_logs(agent, root)
            uploading = asyncio.ensure_future(agent.run(until_idle=True))
            for _ in range(DEATHS):
                before = len(proxy.broken)
                proxy.orders.append(Order(call, Fault.KILL))
                while len(proxy.broken) == before and not uploading.done():  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
                if uploading.done():
                    break
                await asyncio.to_thread(hub.wait)
                hub = await asyncio.to_thread(partial(HubProcess, data, port=port))
                proxy.hub_pid = hub.pid
            proxy.orders.clear()
            await uploading
            await target.close()
        assert proxy.broken
        assert {} == agent.planner.parked
        with contextlib.ExitStack() as stack:
            stack.enter_context(hub)

    with own_port() as port:
        asyncio.run(work(port))
    assert tree(root) == stored(data)
