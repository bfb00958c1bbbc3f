"""A broken network between agent and hub: the hub equals the disk, and nothing is there twice."""

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest
from agent_targets import SETTINGS
from fault_proxy import Fault, FaultProxy, Order
from run_spec import RunSpec, tree

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.target.http_target import HttpTarget
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.once import Ending, upload_once
from tidelog.syncd.agent.upload.state import MemoryState
from tidelog.syncd.agent.watch.selection import select_logs
from tidelog.syncd.hub.server import HubServer, Listen

# The agent gives a request up long before the delayed answer comes.
IMPATIENT = replace(SETTINGS, answer_timeout_s=0.3, rate_bytes_min=1 << 30)
DELAY_S = 0.6


def make_root(root: Path) -> Path:
    run = RunSpec(root).rows(60).media("a.png").media("b.png").saved("model.npz", 12_000)
    run.chunk_of(3000).finish()
    return root


async def upload_through(orders: list[Order], root: Path, data: Path) -> FaultProxy:
    async with HubServer(data, listen=Listen("127.0.0.1", 0)) as hub:
        key = hub.keys.create("test")
        address = urlsplit(hub.url)
        assert address.hostname is not None
        assert address.port is not None
        proxy = FaultProxy(address.hostname, address.port, delay_s=DELAY_S)
        proxy.orders.extend(orders)
        async with proxy.listening():
            agent = Agent(
                HttpTarget(proxy.url, read_key=lambda: key, settings=IMPATIENT, clock=Clock()),
                MemoryState(),
                disk=Disk(),
                clock=Clock(),
                settings=IMPATIENT,
                chance=lambda: 0.5,
                tell=lambda line: None,
            )
            ending = await upload_once(
                agent,
                select_logs(str(root), Disk()),
                disk=Disk(),
                clock=Clock(),
                timeout_s=30.0,
                tick_s=0.05,
                on_tick=lambda: None,
            )
            assert Ending.WHOLE is ending, (agent.planner.parked, agent.planner.waiting)
    return proxy


def stored(data: Path) -> dict[str, bytes]:
    """What the hub has, without pieces that a broken request left under a temporary name."""
    return {path: held for path, held in tree(data).items() if not path.endswith(".tmp")}


@pytest.mark.parametrize(
    ("fault", "method"),
    [
        pytest.param(fault, method, id=f"{fault.name}-{method}")
        for fault in Fault
        for method in ("HEAD", "PATCH", "POST")
        if (fault, method) != (Fault.GARBLE_BODY, "HEAD")  # A HEAD has no body.
    ],
)
def test_each_fault_at_each_kind_of_request(fault: Fault, method: str, tmp_path: Path) -> None:
    """Twice in a row, then the network works."""
    root, data = make_root(tmp_path / "root"), tmp_path / "data"
    proxy = asyncio.run(upload_through([Order(method, fault)] * 2, root, data))
    assert [fault] * 2 == proxy.broken
    assert tree(root) == stored(data)


@pytest.mark.parametrize("seed", range(3))
def test_any_mixture_of_faults(seed: int, tmp_path: Path) -> None:
    """Every second request breaks in some way."""
    random = Random(seed)
    faults = [fault for fault in Fault if fault not in (Fault.DELAY, Fault.GARBLE_BODY)]
    orders = [Order(random.choice(["HEAD", "PATCH", "POST"]), random.choice(faults)) for _ in range(25)]
    root, data = make_root(tmp_path / "root"), tmp_path / "data"
    proxy = asyncio.run(upload_through(orders, root, data))
    assert proxy.broken, f"seed {seed} broke nothing"
    assert tree(root) == stored(data)
