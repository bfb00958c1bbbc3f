"""A broken network between agent and hub: the hub equals the disk, and nothing is there twice."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest
from agent_targets import SETTINGS, catch_up, make_agent
from fault_proxy import Action, Break, Call, Fault, FaultProxy, Misquote, Order, Place
from run_spec import RunSpec, stored, tree

from tidelog.datastore.clock import Clock
from tidelog.syncd.agent.target.http_target import HttpTarget
from tidelog.syncd.hub.server import HubServer, Listen

# The agent gives a request up long before the delayed answer comes.
IMPATIENT = replace(SETTINGS, answer_timeout_s=0.3, rate_bytes_min=1 << 30, backoff_max_s=0.02)
DELAY_S = 0.6
PATIENCE_S = 200
PROVED_FAULTS = 1000
SEED = int(os.environ.get("TIDELOG_TEST_SEED", time.time_ns() % 2**32))

CALLS = [call for call in Call if call is not Call.ANY]
HAS_BODY = (Call.PATCH_LOG, Call.MISSING, Call.BATCH, Call.PATCH_FILE)


def places_of(call: Call) -> list[Place]:
    """The classes of bytes that a call and its answer have."""
    return [place for place in Place if call in HAS_BODY or not place.is_body]


async def break_uploads(orders: Iterable[Order], root: Path, data: Path) -> FaultProxy:
    """Upload a run that grows until every order was carried out, and then until all has arrived."""
    run = RunSpec(root).rows(60).media("a.png").media("b.png").saved("model.npz", 9000)
    async with HubServer(data, listen=Listen("127.0.0.1", 0)) as hub:
        key = hub.keys.create("test")
        address = urlsplit(hub.url)
        assert address.hostname is not None
        assert address.port is not None
        proxy = FaultProxy(address.hostname, address.port, delay_s=DELAY_S)
        proxy.orders.extend(orders)
        async with proxy.listening(), asyncio.timeout(PATIENCE_S):
            target = HttpTarget(proxy.url, read_key=lambda: key, settings=IMPATIENT, clock=Clock())
            agent = make_agent(target, settings=IMPATIENT)
            for number in range(10_000):
                await catch_up(agent, root)
                if not proxy.orders:
                    break
                # What was not broken yet gets another chance; a new agent asks first (HEAD).
                run.rows(8).media(f"{number}.png").saved(f"{number}.bin", 7000)
                if proxy.orders[0].call is Call.HEAD_LOG:
                    run.new_log(f"main.{number + 2:04d}.tlog")
            run.finish()
            await catch_up(agent, root)
            await target.close()
        assert {} == agent.planner.parked
    return proxy


def check(orders: list[Order], tmp_path: Path) -> FaultProxy:
    root, data = tmp_path / "root", tmp_path / "data"
    proxy = asyncio.run(break_uploads(orders, root, data))
    assert orders == proxy.broken
    assert tree(root).keys() == stored(data).keys()
    assert tree(root) == stored(data)
    return proxy


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_request_that_fails_as_a_whole(call: Call, tmp_path: Path) -> None:
    """Each fault twice in a row at each kind of request."""
    faults = [fault for fault in Fault if fault is not Fault.KILL]
    check([Order(call, fault) for fault in faults for _ in range(2)], tmp_path)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_each_class_of_bytes_breaks_in_each_way(call: Call, tmp_path: Path) -> None:
    """Cut, reset, closed by half, altered, doubled, left out: what arrives is what was sent."""
    actions = [action for action in Action if action is not Action.STALL]
    breaks = [Break(*each, seed=1) for each in product(actions, places_of(call))]
    breaks += [Break(Action.STALL, place) for place in (Place.REQUEST_GAP, Place.STATUS_LINE)]
    check([Order(call, each) for each in breaks], tmp_path)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_an_altered_byte_is_never_believed(call: Call, tmp_path: Path) -> None:
    """Many bytes of the address, the headers, the status: neither hub nor agent takes one for true."""
    places = [place for place in places_of(call) if not place.is_body]
    breaks = [Break(Action.CORRUPT, place, seed) for place in places for seed in range(5)]
    check([Order(call, each) for each in breaks], tmp_path)


@pytest.mark.parametrize(
    ("call", "pattern", "instead"),
    [
        (Call.HEAD_LOG, rb"(Upload-Offset: )\d", rb"\g<1>9"),
        (Call.HEAD_LOG, rb"(Tidelog-Log-Id: )[0-9a-f]{2}", rb"\g<1>zz"),
        (Call.HEAD_LOG, rb"(Tidelog-Log-Id: .{30})..", rb"\g<1>00"),
        (Call.HEAD_LOG, rb"(sha-256=:)...", rb"\g<1>AAA"),
        (Call.PATCH_LOG, rb"(Upload-Offset: )\d", rb"\g<1>9"),
        (Call.PATCH_LOG, rb"(Upload-Offset: \d+)\r", rb"\g<1>0\r"),
        (Call.MISSING, rb"images/(.).png", rb"images/~.png"),
        (Call.MISSING, rb"\[[^]]+\]", rb"[]"),
        (Call.BATCH, rb"images/(.).png", rb"images/~.png"),
        (Call.HEAD_FILE, rb"HTTP/1.1 404", rb"HTTP/1.1 403"),
        (Call.PATCH_FILE, rb"(Upload-Offset: )\d", rb"\g<1>9"),
        (Call.PATCH_FILE, rb"(Upload-Complete: .)0", rb"\g<1>1"),
    ],
)
def test_an_answer_that_says_something_else_is_not_believed(
    call: Call, pattern: bytes, instead: bytes, tmp_path: Path
) -> None:
    """A digit of an offset, of a log's id, a name: no row is passed over, no log sent twice."""
    # The hub holds something by then, and the agent has to ask.
    first = Order(Call.PATCH_LOG, Break(Action.CUT, Place.STATUS_LINE))
    check([first, Order(call, Misquote(pattern, instead))], tmp_path)


@pytest.mark.parametrize(
    ("call", "pattern", "instead"),
    [
        (Call.PATCH_LOG, b"/runs/r1/", b"/runs/r2/"),
        (Call.PATCH_LOG, b"main.0001", b"main.0007"),
        (Call.PATCH_LOG, rb"(Upload-Offset: )[1-8]", rb"\g<1>9"),
        (Call.PATCH_LOG, rb"(Tidelog-Log-Id: .{30})..", rb"\g<1>00"),
        (Call.BATCH, b"/runs/r1/", b"/runs/r2/"),
        (Call.PATCH_FILE, b"/model.npz", b"/model.npy"),
        (Call.PATCH_FILE, b"(sha256=..).", rb"\g<1>~"),
        (Call.PATCH_FILE, rb"(Upload-Complete: .)0", rb"\g<1>1"),
        (Call.MISSING, b"tide_....", b"tide_AAAA"),
    ],
)
def test_a_request_that_says_something_else_changes_nothing(
    call: Call, pattern: bytes, instead: bytes, tmp_path: Path
) -> None:
    """Another run, another log, another offset, another key: the hub takes none of it."""
    check([Order(call, Misquote(pattern, instead, is_answer=False))], tmp_path)


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_a_thousand_faults(tmp_path: Path) -> None:
    """Any call, any byte, any way to break it, one after the other."""
    print(f"TIDELOG_TEST_SEED={SEED}")
    random = Random(SEED)
    began, total = time.monotonic(), Counter[str]()
    requests = size = 0
    for part in range(PROVED_FAULTS // 50):
        orders = []
        for seed in range(50):
            call = random.choice(CALLS)
            place = random.choice(places_of(call))
            orders.append(Order(call, Break(random.choice(list(Action)), place, part * 50 + seed)))
        proxy = check(orders, tmp_path / str(part))
        total.update(f"{o.fault.action.name} {o.fault.place.name}" for o in proxy.broken)  # type: ignore[union-attr]
        requests, size = requests + len(proxy.seen), size + proxy.bytes_seen
    print(f"{sum(total.values())} faults in {requests} requests, {size} bytes, ", end="")
    print(f"{time.monotonic() - began:.0f} s; {len(total)} of {len(Action) * len(Place)} classes")
    assert PROVED_FAULTS == sum(total.values())
