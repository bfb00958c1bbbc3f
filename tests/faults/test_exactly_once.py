"""Two agents, clones, lost and old states, hubs of yesterday: the hub equals the disk, once."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from agent_targets import SETTINGS, catch_up, make_agent
from own_port import own_port
from run_spec import RunSpec, stored, tree
from waiting import PATIENCE_S

from tidelog.datastore import Reader
from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.target.http_target import HttpTarget
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.state import LmdbState, MemoryState, State
from tidelog.syncd.hub.server import HubServer, Listen

STATE_BYTES = 1 << 24
LOG = "main.0001.tlog"


class Lab:
    """A hub whose data can be exchanged, and as many agents as a test wants."""

    def __init__(self, data: Path, stack: AsyncExitStack, port: int) -> None:
        self.data = data
        self._stack = stack
        self._port = port
        self._hub: HubServer | None = None

    async def start(self) -> None:
        self._hub = HubServer(self.data, listen=Listen("127.0.0.1", self._port))
        await self._hub.start()
        self._stack.push_async_callback(self.stop)

    async def stop(self) -> None:
        if self._hub is not None:
            await self._hub.stop()
            self._hub = None

    def agent(self, state: State | None = None, told: list[str] | None = None) -> Agent:
        assert self._hub is not None
        if not self._hub.keys.keys():
            self.key = self._hub.keys.create("test")
        target = HttpTarget(self._hub.url, read_key=lambda: self.key, settings=SETTINGS, clock=Clock())
        self._stack.push_async_callback(target.close)
        return make_agent(target, state, told=told)

    def stored(self) -> dict[str, bytes]:
        return stored(self.data)


def in_lab(data: Path, work: Callable[[Lab], Awaitable[Any]]) -> None:
    async def run() -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S):
            lab = Lab(data, stack, port)
            await lab.start()
            await work(lab)

    with own_port() as port:
        asyncio.run(run())


def a_run(root: Path, run: str = "r1", *, seed: int = 1) -> RunSpec:
    return RunSpec(root, run=run, seed=seed).rows(20).media("a.png").saved("model.npz", 7000).rows(20)


@pytest.mark.parametrize("what", ["lost", "old"])
def test_a_state_that_was_lost_or_is_an_old_copy_changes_nothing(what: str, tmp_path: Path) -> None:
    """The state is a cache: what the hub holds is asked."""
    root, home, copy = tmp_path / "root", tmp_path / "home", tmp_path / "copy"
    run = a_run(root)

    async def work(lab: Lab) -> None:
        for stage in range(3):
            with LmdbState(home, disk=Disk(), bytes_max=STATE_BYTES) as state:
                agent = lab.agent(state)
                await catch_up(agent, root)
            assert {} == agent.planner.parked
            assert tree(root) == lab.stored()
            if stage == 0:
                shutil.copytree(home, copy)
            run.rows(20).media(f"{stage}.png").saved("model.npz", 8000 + stage)
        shutil.rmtree(home)
        if what == "old":
            shutil.copytree(copy, home)
        with LmdbState(home, disk=Disk(), bytes_max=STATE_BYTES) as state:
            agent = lab.agent(state)
            await catch_up(agent, root)
        assert {} == agent.planner.parked
        assert tree(root) == lab.stored()

    in_lab(tmp_path / "data", work)


@pytest.mark.parametrize("seed", range(4))
def test_two_agents_on_one_root_give_one_copy(seed: int, tmp_path: Path) -> None:
    """Their appends come in any order, some from behind, some over what the other has sent."""
    root, random = tmp_path / "root", Random(seed)
    run = a_run(root, seed=seed)

    async def work(lab: Lab) -> None:
        agents = [lab.agent(), lab.agent()]
        for number in range(12):
            run.rows(random.randrange(1, 30))
            if random.random() < 0.3:
                run.media(f"{number}.png").saved(f"{number}.bin", random.choice([100, 7000]))
            chosen = random.choice([agents, agents[:1], agents[1:]])
            await asyncio.gather(*(catch_up(agent, root) for agent in chosen))
        run.finish()
        await asyncio.gather(*(catch_up(agent, root) for agent in agents))
        assert [{}, {}] == [agent.planner.parked for agent in agents]

    in_lab(tmp_path / "data", work)
    assert tree(root) == tree(tmp_path / "data")


def cloned(tmp_path: Path, lead_rows: int) -> tuple[Path, Path, list[str], dict[str, bytes]]:
    """Two machines go on with one log after the first was cloned; one of them is ahead."""
    root, clone, told = tmp_path / "root", tmp_path / "clone", []
    data = tmp_path / "data"

    async def work(lab: Lab) -> None:
        run = RunSpec(root).rows(20)
        shutil.copytree(root, clone)
        ours, theirs = lab.agent(), lab.agent(told=told)
        await catch_up(ours, root)
        # The clone's agent knows how far the hub was before they parted.
        await catch_up(theirs, clone)
        log = run.log.data
        for index, (agent, place, count) in enumerate(((ours, root, lead_rows), (theirs, clone, 3))):
            twin = RunSpec(tmp_path / f"draft{index}").rows(20)
            assert log == twin.log.data
            # The same rows first: one range of the clone is held already, word by word.
            twin.rows(2).rows(0).random.seed(index)
            twin.rows(count).finish()
            (place / "mnist" / "r1" / LOG).write_bytes(twin.log.data)
            await catch_up(agent, place)
        # Once more: nothing changes when both go on.
        await catch_up(ours, root)
        theirs.retry(parked=True)
        await catch_up(theirs, clone)
        assert {} == ours.planner.parked
        assert [LOG] == [task.name for task in theirs.planner.parked]

    in_lab(data, work)
    return root, clone, told, tree(data)


@pytest.mark.parametrize("lead_rows", [1, 3, 200])
def test_a_clone_is_parked_and_never_mixed_in(lead_rows: int, tmp_path: Path) -> None:
    """Two machines with one log id and other bytes: the hub keeps the first, the other says so."""
    root, clone, told, held = cloned(tmp_path, lead_rows)
    assert tree(root) == held
    assert tree(clone) != held
    assert any("other bytes" in line or "not those here" in line or "fewer" in line for line in told), (
        told
    )


def test_an_agent_does_not_believe_in_bytes_that_it_never_compared(tmp_path: Path) -> None:
    """An append is answered with the hub's end; what another put behind it need not be ours."""
    root, clone = tmp_path / "root", tmp_path / "clone"

    async def work(lab: Lab) -> None:
        run = RunSpec(root).rows(20)
        shutil.copytree(root, clone)
        ours, theirs = lab.agent(), lab.agent()
        await catch_up(ours, root)
        await catch_up(theirs, clone)
        # Both log the same row, then each its own.
        both = run.rows(1).log.data
        (clone / "mnist" / "r1" / LOG).write_bytes(both)
        run.random.seed(8)
        run.rows(30)
        await catch_up(ours, root)
        await catch_up(theirs, clone)
        other = RunSpec(tmp_path / "draft").rows(20).rows(1)
        assert both == other.log.data
        other.random.seed(9)
        (clone / "mnist" / "r1" / LOG).write_bytes(other.rows(30).log.data)
        await catch_up(theirs, clone)
        assert [LOG] == [task.name for task in theirs.planner.parked]

    in_lab(tmp_path / "data", work)
    assert tree(root) == tree(tmp_path / "data")


@pytest.mark.parametrize("rows_known", [0, 20])
def test_an_agent_that_sees_less_of_a_log_than_the_hub_goes_on(rows_known: int, tmp_path: Path) -> None:
    """On NFS the other machine's rows come into sight late; the hub compares what there is."""
    root, late, state = tmp_path / "root", tmp_path / "late", MemoryState()

    async def work(lab: Lab) -> None:
        run = RunSpec(root).rows(20)
        shutil.copytree(root, late)
        if rows_known:
            await catch_up(lab.agent(state), late)
        seen = run.rows(20).log.data
        run.rows(20)
        await catch_up(lab.agent(), root)
        (late / "mnist" / "r1" / LOG).write_bytes(seen)
        agent = lab.agent(state)
        await catch_up(agent, late)
        assert {} == agent.planner.parked
        shutil.copytree(root, late, dirs_exist_ok=True)
        await catch_up(agent, late)
        assert {} == agent.planner.parked

    in_lab(tmp_path / "data", work)
    assert tree(root) == tree(tmp_path / "data")


def test_a_run_that_is_resumed_elsewhere_is_one_run_at_the_hub(tmp_path: Path) -> None:
    """Each machine writes a log of its own; two of one name are kept side by side."""
    root, other = tmp_path / "root", tmp_path / "other"

    async def work(lab: Lab) -> None:
        a_run(root).finish()
        await catch_up(lab.agent(), root)
        for seed, place in ((2, root), (3, other)):
            resumed = a_run(place.with_name(f"draft{seed}"), seed=seed)
            shutil.copytree(resumed.path, place / "mnist" / "r1", dirs_exist_ok=True)
            here = place / "mnist" / "r1"
            (here / LOG).rename(here / "main.0002.tlog")
        # The second machine never saw the first log.
        shutil.rmtree(root / "mnist" / "r1" / "media")
        a_run(tmp_path / "draft1").finish()
        shutil.copyfile(tmp_path / "draft1" / "mnist" / "r1" / LOG, root / "mnist" / "r1" / LOG)

    async def upload(lab: Lab) -> None:
        await work(lab)
        agents = [lab.agent(), lab.agent()]
        await catch_up(agents[0], other)
        await catch_up(agents[1], root)
        logs = sorted(path.name for path in (lab.data / "mnist" / "r1").glob("*.tlog"))
        assert [LOG, "main.0002.tlog"] == [logs[0], logs[-1]]
        assert 3 == len(logs)
        with Reader(lab.data / "mnist" / "r1") as run:
            assert 3 * 41 == sum(record.kind == "row" for record in run.records())

    in_lab(tmp_path / "data", upload)


def test_a_hub_of_yesterday_gets_what_it_lost(tmp_path: Path) -> None:
    """Live logs and idle ones alike are asked for again when a hub comes back, and it is told."""
    root, data, yesterday = tmp_path / "root", tmp_path / "data", tmp_path / "yesterday"
    told: list[str] = []

    async def work(lab: Lab) -> None:
        live, idle = a_run(root, "live"), a_run(root, "idle", seed=2)
        agent = lab.agent(told=told)
        await catch_up(agent, root)
        await lab.stop()
        shutil.copytree(data, yesterday)
        await lab.start()
        live.rows(30).media("b.png")
        idle.rows(30).media("b.png").saved("late.bin", 9000).finish()
        await catch_up(agent, root)
        assert tree(root) == lab.stored()
        await lab.stop()
        shutil.rmtree(data)
        shutil.copytree(yesterday, data)
        live.rows(1)
        catching_up = asyncio.ensure_future(catch_up(agent, root))
        while agent.outage is None:  # noqa: ASYNC110 - an agent has no event for it.
            await asyncio.sleep(0.005)
        await lab.start()
        await catching_up
        assert {} == agent.planner.parked
        assert tree(root) == lab.stored()

    in_lab(data, work)
    assert 1 == sum("older copy" in line and "what else it lacks" in line for line in told), told


def test_what_a_hub_refuses_is_parked_with_its_words(tmp_path: Path) -> None:
    """A key for other projects stops these logs, visibly, and no others."""
    root = tmp_path / "root"
    a_run(root)

    async def work(lab: Lab) -> None:
        assert lab._hub is not None
        lab.key = lab._hub.keys.create("narrow", project="cifar*")
        agent = lab.agent()
        await catch_up(agent, root)
        [reason] = agent.planner.parked.values()
        assert "key 'narrow' has not the role 'write' on project 'mnist'" in reason

    in_lab(tmp_path / "data", work)
