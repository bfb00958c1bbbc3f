"""Does a target still hold what it acknowledged? An agent finds out by itself, and sends what lacks."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from agent_targets import (
    SETTINGS,
    OpenTarget,
    catch_up,
    find_logs,
    make_agent,
    on_target,
    open_hub,
    open_root,
)
from run_spec import RunSpec, tree

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.plan.planner import Planner
from tidelog.syncd.agent.plan.retry import outage
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.http_target import HttpTarget
from tidelog.syncd.agent.target.hub_client import HubClient
from tidelog.syncd.agent.target.hub_runs import HubRuns
from tidelog.syncd.agent.task import LOG, Run, Task
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.recount import Recount
from tidelog.syncd.agent.upload.state import DOUBT, MemoryState, Round
from tidelog.syncd.bodies import AskedRun, HeldRun
from tidelog.syncd.hub.guard.key_file import KeyFile

ASKING = replace(SETTINGS, recount_pause_s=0.005, recount_hurry_s=0.001, recount_interval_s=0.01)
LOOKS_S = 0.002
PATIENCE_S = 20.0


def runs_below(root: Path) -> Callable[[str, str, int], list[Run]]:
    """What an inventory of this root says, without one."""

    def runs_after(folder: str, name: str, limit: int) -> list[Run]:
        for project in sorted(root.iterdir()):
            runs = [path.name for path in project.iterdir()]
            names = sorted(run for run in runs if (str(project), run) > (folder, name))
            if names:
                return [Run(str(project / n), project.name, n) for n in names[:limit]]
        return []

    return runs_after


async def live(
    target: Target,
    root: Path,
    state: MemoryState,
    until: Callable[[], bool] = lambda: True,
    *,
    told: list[str] | None = None,
    **settings: float,
) -> Agent:
    """Let an agent live until all is sent, everything was asked about after that, and `until`."""
    table = replace(ASKING, **settings)
    agent = make_agent(target, state, settings=table, told=told, runs_after=runs_below(root))
    assert agent.recount is not None
    agent.resume()
    find_logs(agent, root)
    running = asyncio.ensure_future(agent.run())
    rounds = 0
    async with asyncio.timeout(PATIENCE_S):
        # The round that is under way may have begun before that.
        while not agent.planner.is_idle or not until() or agent.recount.rounds < rounds + 2:
            if not agent.planner.is_idle:
                rounds = agent.recount.rounds
            await asyncio.sleep(LOOKS_S)
            assert not running.done()
    agent.stop()
    await running
    return agent


def run_of(root: Path, name: str = "r1", project: str = "mnist") -> Run:
    return Run(str(root / project / name), project, name)


def finished_runs(root: Path) -> None:
    RunSpec(root, run="r1").rows(20).media("a.png").saved("big", 9000).finish()
    RunSpec(root, run="r2", seed=2).rows(20).media("b.png").finish()
    RunSpec(root, "cifar", "r3", seed=3).rows(5).finish()


def copy(data: Path, to: Path) -> None:
    """Copy the runs of a data folder, as a backup does; what is the hub's own stays out of it."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(data, to, ignore=shutil.ignore_patterns(".*"))


def put_back(old: Path, data: Path) -> None:
    """Put an older copy in the place of what is there."""
    for project in data.glob("[!.]*"):
        shutil.rmtree(project)
    shutil.copytree(old, data, dirs_exist_ok=True)


def test_finished_runs_that_a_hub_has_lost_are_sent_again(tmp_path: Path) -> None:
    """Nobody says a word and nothing grows: the agent asks, and tells the loss once."""
    root, data, told, state = tmp_path / "root", tmp_path / "data", list[str](), MemoryState()
    finished_runs(root)

    async def work(target: Target) -> None:
        copy(data, tmp_path / "old")
        await live(target, root, state, told=told)
        assert [] == told
        put_back(tmp_path / "old", data)
        await live(target, root, state, lambda: tree(root) == tree(data), told=told)

    on_target(open_hub, data, work)
    [line] = told
    assert "holds less of cifar/r3 than it had acknowledged" in line


def test_a_run_that_is_shorter_than_it_was_is_made_whole(open_any: OpenTarget, tmp_path: Path) -> None:
    """At a hub and in another root."""
    root, data, state = tmp_path / "root", tmp_path / "data", MemoryState()
    spec = RunSpec(root).rows(20).saved("a", 100)

    async def work(target: Target) -> None:
        await live(target, root, state)
        copy(data, tmp_path / "old")
        spec.rows(5).saved("b", 100).finish()
        await live(target, root, state)
        assert tree(root) == tree(data)
        put_back(tmp_path / "old", data)
        await live(target, root, state, lambda: tree(root) == tree(data))

    on_target(open_any, data, work)


def test_a_file_that_is_gone_is_sent_again_though_the_logs_are_whole(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """So it is where the copy was made between the end of a log and its files."""
    root, data, state = tmp_path / "root", tmp_path / "data", MemoryState()
    finished_runs(root)

    async def work(target: Target) -> None:
        await live(target, root, state)
        (data / "mnist/r1/files/big").unlink()
        await live(target, root, state, lambda: tree(root) == tree(data))

    on_target(open_any, data, work)


def test_a_run_that_was_to_start_over_does_so_after_a_restart(tmp_path: Path) -> None:
    """A kill between the answer and the comparison must not make a new run's files out of it."""
    root, data, state = tmp_path / "root", tmp_path / "data", MemoryState()
    finished_runs(root)

    async def work(target: Target) -> None:
        await live(target, root, state)
        (data / "mnist/r1/files/big").unlink()
        state.put_mark(target.name, run_of(root), DOUBT)
        await live(target, root, state, lambda: tree(root) == tree(data))
        assert state.mark(target.name, run_of(root)) not in (None, DOUBT)

    on_target(open_hub, data, work)


def test_in_a_hurry_a_run_of_which_nothing_was_told_is_compared(tmp_path: Path) -> None:
    """The target is known to have lost something, maybe files of this run."""
    root, data, state = tmp_path / "root", tmp_path / "data", MemoryState()
    finished_runs(root)

    async def work(target: Target) -> None:
        await catch_up(make_agent(target, state), root)
        (data / "mnist/r1/files/big").unlink()
        state.put_round(target.name, Round(Clock().now(), is_hurried=True))
        await live(target, root, state, lambda: tree(root) == tree(data))

    on_target(open_hub, data, work)


def test_what_an_admin_deleted_stays_deleted(tmp_path: Path) -> None:
    """Also at a hub that came back from a copy that knows nothing of it; nothing is parked over that."""
    root, data, told, state = tmp_path / "root", tmp_path / "data", list[str](), MemoryState()
    finished_runs(root)

    async def work(target: Target) -> None:
        assert isinstance(target, HttpTarget)
        await live(target, root, state)
        key = KeyFile(data).create("boss", role="admin")
        boss = HubClient(target.name, read_key=lambda: key, settings=SETTINGS, clock=Clock())
        assert await HubRuns(boss).delete("mnist", "r1")
        await boss.close()
        for _ in range(2):
            agent = await live(target, root, state, told=told)
            assert {} == agent.planner.parked
            assert not (data / "mnist/r1").exists()
            shutil.rmtree(data / ".hub/deleted", ignore_errors=True)

    on_target(open_hub, data, work)
    assert [] == told


def test_what_somebody_removed_from_a_root_stays_away(tmp_path: Path) -> None:
    """There is no other way to delete a run there."""
    root, data, state = tmp_path / "root", tmp_path / "data", MemoryState()
    finished_runs(root)

    async def work(target: Target) -> None:
        await live(target, root, state)
        shutil.rmtree(data / "mnist/r1")
        await live(target, root, state)

    on_target(open_root, data, work)
    assert not (data / "mnist/r1").exists()


def test_a_hub_of_an_older_version_is_asked_in_vain(tmp_path: Path) -> None:
    """It takes what is sent to it, as ever."""
    root, data, told = tmp_path / "root", tmp_path / "data", list[str]()
    finished_runs(root)

    async def work(target: Target) -> None:
        assert isinstance(target, HttpTarget)
        old = OldHub(target)
        await live(old, root, MemoryState(), told=told)
        await old.close()

    on_target(open_hub, data, work)
    assert tree(root) == tree(data)
    assert [] == told


def test_a_run_that_came_to_rest_is_asked_about_once_the_target_answers(tmp_path: Path) -> None:
    """An outage takes no question away, nor does an answer in part; what is parked is no question."""
    root, state, settings = tmp_path / "root", MemoryState(), replace(ASKING, recount_interval_s=1e9)
    finished_runs(root)
    planner = Planner(settings, chance=lambda: 0.5)
    target, started_over = HalfHub(), list[Task]()
    recount = Recount(
        target,
        state,
        planner,
        runs_after=runs_below(root),
        start_over=started_over.extend,
        may_ask=lambda: True,
        disk=Disk(),
        clock=Clock(),
        settings=settings,
        tell=print,
    )
    runs = [run_of(root), run_of(root, "r2")]
    for run in runs:
        state.advance(target.name, Task(run, LOG, "main.0001.tlog"), Cursor("ab" * 16, 500), [])
        recount.note(run)
    planner.park(Task(runs[1], LOG, "main.0001.tlog"), "it was cut")
    state.put_round(target.name, Round(Clock().now(), is_done=True))

    async def work() -> None:
        running = asyncio.ensure_future(recount.run())
        async with asyncio.timeout(PATIENCE_S):
            await target.was_asked_thrice.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())
    one, two = AskedRun("r1", {"main.0001.tlog": 500}), AskedRun("r2", {})
    assert [[one, two], [one, two], [two]] == target.asked[:3]
    assert ("1-aa", None, []) == (
        state.mark(target.name, runs[0]),
        state.mark(target.name, runs[1]),
        started_over,
    )


class HalfHub(HttpTarget):
    """A hub that is away first, and then answers about one run at a time."""

    def __init__(self) -> None:
        self.name = "http://hub"
        self.asked: list[list[AskedRun]] = []
        self.was_asked_thrice = asyncio.Event()

    async def held_runs(self, project: str, asked: Sequence[AskedRun]) -> list[HeldRun] | None:
        assert "mnist" == project
        self.asked.append(list(asked))
        if len(self.asked) == 3:
            self.was_asked_thrice.set()
        if len(self.asked) == 1:
            raise outage("the cable is out")
        return [HeldRun(asked[0].run, [], "1-aa")]


class OldHub(HttpTarget):
    """A hub that does not know the call."""

    def __init__(self, target: HttpTarget) -> None:
        super().__init__(target.name, read_key=target.client._read_key, settings=SETTINGS, clock=Clock())

    async def held_runs(self, project: str, asked: Sequence[AskedRun]) -> list[HeldRun] | None:
        answer = await self.client.ask("POST", f"/v2/projects/{project}/runs:held", body=b"{}")
        assert answer is None
        assert asked
        return None


def test_a_round_goes_on_where_the_last_daemon_left_it(tmp_path: Path) -> None:
    """Else a daemon that is started anew each hour would never come to the end of many runs."""
    root, data, state = tmp_path / "root", tmp_path / "data", MemoryState()
    finished_runs(root)

    async def work(target: Target) -> None:
        await live(target, root, state)
        at = Round(Clock().now(), str(root / "mnist"), "r1")
        state.put_round(target.name, at)
        asked = list[str]()

        class Listening(HttpTarget):
            async def held_runs(self, project: str, runs: Sequence[AskedRun]) -> list[HeldRun] | None:
                asked.extend(f"{project}/{run.run}" for run in runs)
                return await super().held_runs(project, runs)

        assert isinstance(target, HttpTarget)
        other = Listening(
            target.name, read_key=target.client._read_key, settings=SETTINGS, clock=Clock()
        )
        await live(other, root, state)
        await other.close()
        assert ["mnist/r2", "cifar/r3", "mnist/r1", "mnist/r2"] == asked[:4]

    on_target(open_hub, data, work)
