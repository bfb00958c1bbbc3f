"""The agent against real targets: what is on the disk arrives, whole and once."""

import asyncio
import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from agent_targets import (
    SETTINGS,
    OpenTarget,
    catch_up,
    find_logs,
    make_agent,
    make_uploader,
    on_target,
    open_hub,
)
from run_spec import RunSpec, tree

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.plan.retry import Course, SetbackError, outage
from tidelog.syncd.agent.proof.compare import Verdict
from tidelog.syncd.agent.proof.verify import logs_by_run, verify_run
from tidelog.syncd.agent.target.contract import HeldLog, Target
from tidelog.syncd.agent.target.http_target import HttpTarget
from tidelog.syncd.agent.target.hub_client import HubClient
from tidelog.syncd.agent.target.hub_runs import HubRuns
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.task import LOG, Run, Stage, Task
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.once import Ending, upload_once
from tidelog.syncd.agent.upload.state import MemoryState, State
from tidelog.syncd.agent.upload.uploader import LOG_DELETED
from tidelog.syncd.agent.watch.inventory import FoundLog
from tidelog.syncd.agent.watch.selection import select_logs
from tidelog.syncd.bodies import FileEntry
from tidelog.syncd.hub.guard.key_file import KeyFile


async def sync(target: Target, root: Path, state: State | None = None) -> tuple[Ending, Agent]:
    agent = make_agent(target, state)
    ending = await upload_once(
        agent,
        select_logs(str(root), Disk()),
        disk=Disk(),
        clock=Clock(),
        timeout_s=10.0,
        tick_s=0.01,
        on_tick=lambda: None,
    )
    return ending, agent


def test_a_run_that_was_deleted_at_the_hub_is_parked_until_an_admin_takes_that_back(
    tmp_path: Path,
) -> None:
    """It is not uploaded again by itself; restored, it goes on from where it was."""
    root, told = tmp_path / "root", list[str]()
    spec = RunSpec(root, run="r1").rows(5)

    async def work(target: Target) -> tuple[dict[Task, str], list[Ending]]:
        assert isinstance(target, HttpTarget)
        state = MemoryState()
        endings = [(await sync(target, root, state))[0]]
        key = KeyFile(tmp_path / "data").create("boss", role="admin")
        boss = HubClient(target.name, read_key=lambda: key, settings=SETTINGS, clock=Clock())
        runs = HubRuns(boss)
        try:
            assert await runs.delete("mnist", "r1")
            assert not await runs.delete("mnist", "r1")
            spec.rows(5)
            ending, agent = await sync(target, root, state)
            parked, _ = dict(agent.planner.parked), told.extend(agent.planner.parked.values())
            assert not (tmp_path / "data/mnist/r1").exists()
            assert await runs.restore("mnist", "r1")
            assert await runs.restore("mnist", "r1") is None
            endings += [ending, (await sync(target, root, state))[0]]
        finally:
            await boss.close()
        return parked, endings

    parked, endings = on_target(open_hub, tmp_path / "data", work)
    assert [Ending.WHOLE, Ending.PARKED, Ending.WHOLE] == endings
    assert ["main.0001.tlog"] == [task.name for task in parked]
    assert "The run was deleted at the hub: run 'r1' of project 'mnist'" in told[0]
    assert tree(root) == tree(tmp_path / "data")


async def verify(target: Target, root: Path) -> list[Verdict]:
    runs = logs_by_run(select_logs(str(root), Disk()))
    return [await verify_run(target, run, names, Disk()) for run, names in runs.items()]


def full_root(root: Path) -> Path:
    one = RunSpec(root, "mnist [x] ä", "r 1")
    one.rows(30).media("a.png").media("b c.png").media("c.png").media("d.png").rows(5)
    one.saved("model.npz", 10_000).saved("leer.txt", 0).saved("deep/er/x", 3000).chunk_of(4000).finish()
    one.new_log("rank1.0001.tlog").rows(3).finish()
    RunSpec(root, "cifar", "r2", seed=2).rows(10)
    return root


def test_everything_arrives_byte_for_byte(open_any: OpenTarget, tmp_path: Path) -> None:
    """Logs, media, large files; verify finds no difference."""
    root, data = full_root(tmp_path / "root"), tmp_path / "data"

    async def work(target: Target) -> None:
        ending, agent = await sync(target, root)
        assert (Ending.WHOLE, []) == (ending, list(agent.planner.parked))
        assert (2, 2, 7, 7) == (
            agent.progress.runs,
            agent.progress.runs_done,
            agent.progress.files,
            agent.progress.files_done,
        )
        assert agent.progress.bytes_total == agent.progress.bytes_done
        assert [True, True] == [verdict.is_equal for verdict in await verify(target, root)]

    on_target(open_any, data, work)
    assert tree(root) == tree(data)


def test_a_second_sync_sends_nothing(open_any: OpenTarget, tmp_path: Path) -> None:
    """What the target holds is asked, with or without a state."""
    root = full_root(tmp_path / "root")
    state = MemoryState()

    async def work(target: Target) -> None:
        await sync(target, root, state)
        for other in (state, MemoryState()):
            ending, agent = await sync(target, root, other)
            assert (Ending.WHOLE, 0) == (ending, agent.progress.bytes_sent)

    on_target(open_any, tmp_path / "data", work)


def test_a_growing_log_is_gone_on_with(open_any: OpenTarget, tmp_path: Path) -> None:
    """Only what is new travels."""
    root, data = tmp_path / "root", tmp_path / "data"
    run, state = RunSpec(root).rows(10), MemoryState()

    async def work(target: Target) -> None:
        await sync(target, root, state)
        before = len(run.log.data)
        run.rows(3).media("x.png", 100)
        _, agent = await sync(target, root, state)
        assert len(run.log.data) - before + 100 == agent.progress.bytes_sent

    on_target(open_any, data, work)
    assert tree(root) == tree(data)


def test_a_torn_tail_stays_at_home_and_is_told(open_any: OpenTarget, tmp_path: Path) -> None:
    """It is no difference and no failure."""
    root = tmp_path / "root"
    run = RunSpec(root).rows(10).tear(5)

    async def work(target: Target) -> None:
        ending, agent = await sync(target, root)
        assert Ending.WHOLE is ending
        [(_, tail)] = agent.losses.torn
        assert run.log.ends[-2] == tail.offset
        [verdict] = await verify(target, root)
        assert verdict.is_equal
        assert [run.log.ends[-2]] == [tail.offset for tail in verdict.torn_tails]

    on_target(open_any, tmp_path / "data", work)


def test_damage_travels_declared_and_is_told(open_any: OpenTarget, tmp_path: Path) -> None:
    """The target has the same damaged bytes, and the command says so."""
    root, data = tmp_path / "root", tmp_path / "data"
    RunSpec(root).rows(40).damage(20).finish()

    async def work(target: Target) -> None:
        ending, agent = await sync(target, root)
        assert Ending.DAMAGED is ending
        assert [1] == [damage.chunks for _, damage in agent.losses.damaged]
        [verdict] = await verify(target, root)
        assert ([], 1, False) == (verdict.differences, len(verdict.damage), verdict.is_equal)

    on_target(open_any, data, work)
    assert tree(root) == tree(data)


def test_a_file_shorter_than_a_header_has_nothing_to_send(open_any: OpenTarget, tmp_path: Path) -> None:
    """An empty log is one that was just made."""
    run = RunSpec(tmp_path / "root")
    (run.path / "main.0002.tlog").write_bytes(b"TIDE123")

    async def work(target: Target) -> None:
        ending, agent = await sync(target, tmp_path / "root")
        assert (Ending.WHOLE, [7]) == (ending, [tail.length for _, tail in agent.losses.torn])

    on_target(open_any, tmp_path / "data", work)


def test_what_is_no_log_is_parked(open_any: OpenTarget, tmp_path: Path) -> None:
    """Beside it everything else arrives."""
    run = RunSpec(tmp_path / "root").rows(3)
    (run.path / "main.0002.tlog").write_bytes(b"x" * 1000)

    async def work(target: Target) -> None:
        ending, agent = await sync(target, tmp_path / "root")
        assert Ending.PARKED is ending
        assert ["main.0002.tlog"] == [task.name for task in agent.planner.parked]

    on_target(open_any, tmp_path / "data", work)
    assert f"mnist/r1/{run.name}" in tree(tmp_path / "data")


def test_two_logs_of_one_name_are_kept_apart(open_any: OpenTarget, tmp_path: Path) -> None:
    """The second travels under its twin's name, and verify knows it by its id."""
    for seed in (1, 2):
        RunSpec(tmp_path / f"root{seed}", seed=seed).rows(5).finish()

    async def work(target: Target) -> None:
        for seed in (1, 2, 1, 2):
            assert Ending.WHOLE is (await sync(target, tmp_path / f"root{seed}"))[0]
        for seed in (1, 2):
            assert [True] == [v.is_equal for v in await verify(target, tmp_path / f"root{seed}")]

    on_target(open_any, tmp_path / "data", work)
    assert 2 == len(tree(tmp_path / "data"))


def test_other_bytes_under_the_same_id_are_parked(open_any: OpenTarget, tmp_path: Path) -> None:
    """Neither copy is overwritten, and verify names the difference."""
    root = tmp_path / "root"
    run = RunSpec(root).rows(20)

    async def work(target: Target) -> None:
        await sync(target, root)
        before = tree(tmp_path / "data")
        run.damage(5).rows(1)
        ending, _ = await sync(target, root)
        assert Ending.PARKED is ending
        assert before == tree(tmp_path / "data")
        [verdict] = await verify(target, root)
        assert any("SHA-256" in found.reason for found in verdict.differences)

    on_target(open_any, tmp_path / "data", work)


def test_a_file_that_changed_or_is_gone_is_parked_and_named(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """Small or large: only the bytes of the ledger travel."""
    root = tmp_path / "root"
    run = RunSpec(root).media("a.png").media("b.png").media("c.png").saved("big", 9000).finish()
    (run.path / "media/images/a.png").write_bytes(b"changed")
    (run.path / "media/images/b.png").unlink()
    (run.path / "files/big").write_bytes(b"changed")

    async def work(target: Target) -> None:
        ending, agent = await sync(target, root)
        assert Ending.PARKED is ending
        expected = ["files/big", "media/images/a.png", "media/images/b.png"]
        assert expected == sorted(task.name for task in agent.planner.parked)
        [verdict] = await verify(target, root)
        assert set(expected) == {difference.item for difference in verdict.differences}

    on_target(open_any, tmp_path / "data", work)
    assert "mnist/r1/media/images/c.png" in tree(tmp_path / "data")


def test_the_last_version_of_a_file_is_the_one_that_arrives(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """Also where the log with the older entry is read after the newer one."""
    root, data = tmp_path / "root", tmp_path / "data"
    run, state = RunSpec(root).saved("model.npz", 900).finish(), MemoryState()
    run.new_log("main.0002.tlog").saved("model.npz", 5000).finish()
    older, newer = (FoundLog(_run(run), f"main.000{n}.tlog", 1 << 20, is_live=False) for n in (1, 2))

    async def work(target: Target) -> None:
        for log in (newer, older):
            agent = make_agent(target, state)
            agent.found([log])
            await agent.run(until_idle=True)
            assert {} == agent.planner.parked

    on_target(open_any, data, work)
    assert tree(root) == tree(data)


def test_a_target_that_lost_what_it_had_is_given_all_of_it_again(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """The cursor is a cache, the target's offset is the truth."""
    root, data = tmp_path / "root", tmp_path / "data"
    run, state = RunSpec(root).rows(30), MemoryState()

    async def work(target: Target) -> None:
        await sync(target, root, state)
        (data / "mnist" / "r1" / run.name).unlink()
        run.rows(1)
        assert Ending.WHOLE is (await sync(target, root, state))[0]

    on_target(open_any, data, work)
    assert tree(root) == tree(data)


def test_a_log_that_was_cut_after_its_upload_is_parked(open_any: OpenTarget, tmp_path: Path) -> None:
    """The target's copy is then the better one; nothing of it is touched."""
    root = tmp_path / "root"
    run, state = RunSpec(root).rows(30), MemoryState()

    async def work(target: Target) -> None:
        await sync(target, root, state)
        before = tree(tmp_path / "data")
        os.truncate(run.path / run.name, run.log.ends[10])
        ending, agent = await sync(target, root, state)
        assert Ending.PARKED is ending
        assert "fewer" in next(iter(agent.planner.parked.values()))
        assert before == tree(tmp_path / "data")

    on_target(open_any, tmp_path / "data", work)


@pytest.mark.parametrize("is_project_there", [True, False])
def test_a_run_that_went_while_no_agent_ran_is_forgotten(
    open_any: OpenTarget, tmp_path: Path, *, is_project_there: bool
) -> None:
    """It is told, once; where the project is not there either, its disk may come back, and it waits."""
    root, data, told = tmp_path / "root", tmp_path / "data", list[str]()
    run, state = RunSpec(root).media("a.png").finish(), MemoryState()
    image = run.path / "media/images/a.png"
    entry = FileEntry("media/images/a.png", 500, hashlib.sha256(image.read_bytes()).hexdigest())

    async def work(target: Target) -> None:
        state.queue(target.name, Run(str(run.path), "mnist", "r1"), [entry])
        shutil.rmtree(run.path if is_project_there else run.path.parent)
        agent = make_agent(target, state, told=told)
        agent.resume()
        await agent.run(until_idle=True)
        assert (0, {}) == (agent.planner.wanted, agent.planner.parked)
        assert is_project_there == (not state.runs_with_files(target.name)) == bool(agent.runs_lost)

    on_target(open_any, data, work)
    assert is_project_there == any("is gone from here before" in line for line in told) == bool(told)


def test_parked_items_are_remembered_until_a_retry(open_any: OpenTarget, tmp_path: Path) -> None:
    """A new agent knows them; a retry sends what was mended."""
    root, data = tmp_path / "root", tmp_path / "data"
    run, state = RunSpec(root).media("a.png").finish(), MemoryState()
    image = run.path / "media/images/a.png"
    good = image.read_bytes()
    image.write_bytes(b"changed")

    async def work(target: Target) -> None:
        await sync(target, root, state)
        image.write_bytes(good)
        agent = make_agent(target, state)
        agent.resume()
        find_logs(agent, root)
        assert ["media/images/a.png"] == [task.name for task in agent.planner.parked]
        await agent.run(until_idle=True)
        assert "mnist/r1/media/images/a.png" not in tree(data)
        assert 1 == agent.retry(parked=True)
        await agent.run(until_idle=True)
        assert {} == state.parked(target.name)

    on_target(open_any, data, work)
    assert tree(root) == tree(data)


def test_an_outage_is_told_once_and_its_end_once(tmp_path: Path) -> None:
    """However many tries fail in between."""
    root, told = tmp_path / "root", []
    RunSpec(root).rows(5)

    async def work(target: Target) -> None:
        assert isinstance(target, HttpTarget)
        agent = make_agent(target, told=told)
        url, target.client.url = target.client.url, "http://127.0.0.1:9"
        agent.found([FoundLog(Run(str(root / "mnist/r1"), "mnist", "r1"), "main.0001.tlog", 1, True)])
        running = asyncio.ensure_future(agent.run(until_idle=True))
        while agent.outage is None or agent.outage.attempt < 5:
            assert not running.done()
            await asyncio.sleep(0.01)
        target.client.url = url
        await running

    on_target(open_hub, tmp_path / "data", work)
    assert 2 == len(told), told
    assert "cannot be reached" in told[0]
    assert "works again" in told[1]
    assert tree(root) == tree(tmp_path / "data")


def test_a_bug_in_one_task_does_not_end_the_others(tmp_path: Path) -> None:
    """It is told, and tried again like any failure."""
    root, told = tmp_path / "root", []
    RunSpec(root).rows(5)

    async def work(target: Target) -> None:
        agent = make_agent(target, told=told)
        # A task whose run directory is a number can only come from a bug.
        broken = Task(Run(7, "p", "r"), LOG, "main.0001.tlog")  # type: ignore[arg-type]
        agent.planner.want(broken, Stage.LIVE_LOG)
        agent.found([FoundLog(Run(str(root / "mnist/r1"), "mnist", "r1"), "main.0001.tlog", 1, True)])
        running = asyncio.ensure_future(agent.run())
        while not tree(tmp_path / "data"):  # noqa: ASYNC110 - the disk sends no event
            await asyncio.sleep(0.01)
        agent.stop()
        await running

    on_target(open_hub, tmp_path / "data", work)
    assert "TypeError" in told[0]


def test_one_refused_file_keeps_no_other_at_home(open_any: OpenTarget, tmp_path: Path) -> None:
    """A file below the name of another file cannot be stored: it alone is parked."""
    root, data = tmp_path / "root", tmp_path / "data"
    run, state = RunSpec(root).saved("a", 10).finish(), MemoryState()

    async def work(target: Target) -> None:
        await sync(target, root, state)
        (run.path / "files/a").unlink()
        run.new_log("main.0002.tlog").saved("b", 20).saved("a/b", 30).saved("c", 40).finish()
        _, agent = await sync(target, root, state)
        assert ["files/a/b"] == [task.name for task in agent.planner.parked]

    on_target(open_any, data, work)
    assert {"mnist/r1/files/b", "mnist/r1/files/c"} <= tree(data).keys()


def test_a_log_that_took_another_ones_place_is_sent_as_what_it_is(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """Also by an agent that has known the old one, and beside the old one's bytes."""
    root, data = tmp_path / "root", tmp_path / "data"
    run = RunSpec(root).rows(5)
    home = Run(str(root / "mnist/r1"), "mnist", "r1")

    async def work(target: Target) -> None:
        agent = make_agent(target)
        agent.found([FoundLog(home, run.name, len(run.log.data), True)])
        await agent.run(until_idle=True)
        other = RunSpec(tmp_path / "other", seed=2).rows(50)
        (run.path / run.name).write_bytes(other.log.data)
        agent.found([FoundLog(home, run.name, len(other.log.data), True)])
        await agent.run(until_idle=True)
        assert {} == agent.planner.parked
        assert {run.log.data, other.log.data} == set(tree(data).values())

    on_target(open_any, data, work)


def test_a_state_that_cannot_be_written_ends_no_upload(open_any: OpenTarget, tmp_path: Path) -> None:
    """What is parked then is parked as long as this process lives, and told."""
    root, told = tmp_path / "root", []
    RunSpec(root).media("a.png").media("b.png").finish()
    (root / "mnist/r1/media/images/a.png").unlink()

    class FullState(MemoryState):
        def park(self, target: str, task: Task, reason: str) -> None:
            raise OSError(28, "No space left on device")

    async def work(target: Target) -> None:
        agent = make_agent(target, FullState(), told=told)
        agent.found([FoundLog(Run(str(root / "mnist/r1"), "mnist", "r1"), "main.0001.tlog", 1, True)])
        await agent.run(until_idle=True)
        assert ["media/images/a.png"] == [task.name for task in agent.planner.parked]

    on_target(open_any, tmp_path / "data", work)
    assert "No space left" in told[0]
    assert "mnist/r1/media/images/b.png" in tree(tmp_path / "data")


def test_a_run_is_forgotten_also_where_the_state_cannot_be_written(tmp_path: Path) -> None:
    """Else the agents of other targets would not hear of it, and wait for the run for ever."""
    told: list[str] = []
    run = Run(str(tmp_path / "root/mnist/r1"), "mnist", "r1")

    class FullState(MemoryState):
        def forget(self, target: str, run: Run) -> None:
            raise OSError(28, "No space left on device")

    data = tmp_path / "data"
    agent = make_agent(RootTarget(f"file://{data}", str(data), disk=Disk()), FullState(), told=told)
    agent.found([FoundLog(run, "main.0001.tlog", 500, is_live=True)])
    agent.gone(run)
    assert agent.planner.is_idle
    assert "mnist/r1: the state cannot be written: OSError: [Errno 28] No space left" in told[0]
    assert "500 B of its logs and 0 files were not" in told[1]


def _run(run: RunSpec) -> Run:
    return Run(str(run.path), run.path.parent.name, run.path.name)


def test_a_run_that_is_gone_is_forgotten_and_its_loss_told(open_any: OpenTarget, tmp_path: Path) -> None:
    """Nothing of it waits or is parked for ever; where it comes back, it arrives whole."""
    root, kept, told, state = tmp_path / "root", tmp_path / "kept", [], MemoryState()
    spec = RunSpec(root).rows(20).media("a.png").saved("big", 9000)
    (spec.path / "media/images/a.png").rename(tmp_path / "a.png")
    run = Run(str(spec.path), "mnist", "r1")

    async def work(target: Target) -> None:
        await sync(target, root, state)
        agent = make_agent(target, state, told=told)
        agent.resume()
        find_logs(agent, root)
        assert ["media/images/a.png"] == [task.name for task in agent.planner.parked]
        size = (spec.path / spec.name).stat().st_size
        agent.found([FoundLog(run, spec.name, size + 500, is_live=True)])
        (tmp_path / "a.png").rename(spec.path / "media/images/a.png")
        root.rename(kept)

        agent.gone(run)
        lost = "500 B of its logs and 1 file were not"
        assert told == [f"mnist/r1 is gone from here before {target.name} had all of it: {lost}"]
        assert agent.planner.is_idle
        assert {} == {**agent.planner.parked, **state.parked(target.name)}
        assert None is state.cursor(target.name, Task(run, LOG, spec.name))

        kept.rename(root)
        assert Ending.WHOLE is (await sync(target, root, state))[0]

    on_target(open_any, tmp_path / "data", work)
    assert tree(root) == tree(tmp_path / "data")


def test_what_was_left_of_a_run_that_was_deleted_meanwhile_is_not_tried(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """Nobody was there to see it go; where it comes back, it goes on as it was left."""
    root, kept, state = tmp_path / "root", tmp_path / "kept", MemoryState()
    run = RunSpec(root).rows(5).media("a.png").media("b.png").finish()
    image = run.path / "media/images/a.png"
    good = image.read_bytes()

    async def work(target: Target) -> None:
        image.write_bytes(b"changed")
        before = make_agent(target, state)
        find_logs(before, root)
        while not state.runs_with_files(target.name):
            await before._uploader.upload(Task(Run(str(run.path), "mnist", "r1"), LOG, run.name))
        root.rename(kept)

        agent = make_agent(target, state)
        agent.resume()
        await agent.run(until_idle=True)
        assert (0, {}) == (agent.planner.wanted, agent.planner.parked)

        kept.rename(root)
        await catch_up(agent, root)
        assert ["media/images/a.png"] == [task.name for task in agent.planner.parked]
        assert "mnist/r1/media/images/b.png" in tree(data)
        image.write_bytes(good)
        agent.retry(parked=True)
        await agent.run(until_idle=True)

    data = tmp_path / "data"
    on_target(open_any, data, work)
    assert tree(root) == tree(data)


def test_a_log_that_was_deleted_from_a_run_is_parked_until_it_is_back(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """Trying again cannot help; a run that is out of reach as a whole is tried again."""
    root, kept = tmp_path / "root", tmp_path / "kept"
    run = RunSpec(root).rows(5).finish()
    log, task = run.path / run.name, Task(Run(str(run.path), "mnist", "r1"), LOG, run.name)

    async def work(target: Target) -> None:
        agent = make_agent(target)
        find_logs(agent, root)
        root.rename(kept)
        with pytest.raises(SetbackError) as away:
            await agent._uploader.upload(task)
        assert Course.AGAIN is away.value.setback.course

        kept.rename(root)
        log.rename(kept)
        await agent.run(until_idle=True)
        assert {task: LOG_DELETED} == agent.planner.parked

        kept.rename(log)
        assert 1 == agent.retry(parked=True)
        await agent.run(until_idle=True)
        assert {} == agent.planner.parked

    on_target(open_any, tmp_path / "data", work)
    assert tree(root) == tree(tmp_path / "data")


def test_a_run_that_goes_while_it_is_sent_waits_no_more(tmp_path: Path) -> None:
    """The try under way ends as it may; nothing of the run is tried after it."""
    root, told = tmp_path / "root", []
    spec = RunSpec(root).rows(20)
    run = Run(str(spec.path), "mnist", "r1")

    class Vanishing(RootTarget):
        async def held_log(self, run: Run, log: str) -> HeldLog | None:
            agent.gone(run)
            raise outage("the cable is out")

    async def work() -> None:
        agent.found([FoundLog(run, spec.name, 1000, is_live=True)])
        await agent.run(until_idle=True)

    data = tmp_path / "data"
    agent = make_agent(Vanishing(f"file://{data}", str(data), disk=Disk()), told=told)
    asyncio.run(work())
    assert {} == {**agent.planner.waiting, **agent.planner.parked, **agent.lag.behind}


def test_a_header_that_was_damaged_after_the_upload_makes_no_second_log(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """Under an id of its own every row would be at the target twice."""
    root, data = tmp_path / "root", tmp_path / "data"
    run = RunSpec(root).rows(10)

    async def work(target: Target) -> None:
        await sync(target, root)
        log = run.path / run.name
        log.write_bytes(bytes(40) + log.read_bytes()[40:])
        run.rows(3)
        ending, agent = await sync(target, root)
        [reason] = agent.planner.parked.values()
        assert Ending.PARKED is ending
        assert "header" in reason

    on_target(open_any, data, work)
    assert ["main.0001.tlog"] == [path.name for path in data.rglob("*.tlog")]


def test_a_header_that_was_damaged_after_the_upload_as_a_twin_makes_no_third_log(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """The target has another log under its name: what was acknowledged before tells whose it was."""
    root, data, state = tmp_path / "root", tmp_path / "data", MemoryState()
    RunSpec(tmp_path / "other", seed=1).rows(5).finish()
    run = RunSpec(root, seed=2).rows(10)

    async def work(target: Target) -> None:
        await sync(target, tmp_path / "other")
        await sync(target, root, state)
        log = run.path / run.name
        log.write_bytes(bytes(40) + log.read_bytes()[40:])
        run.rows(3)
        ending, agent = await sync(target, root, state)
        [reason] = agent.planner.parked.values()
        assert Ending.PARKED is ending
        assert "header" in reason

    on_target(open_any, data, work)
    assert 2 == len(list(data.rglob("*.tlog")))


def test_a_file_is_sent_in_its_last_version_in_whatever_order_logs_are_read(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """An old entry that is met last must not take the new one out of the queue."""
    root, data = tmp_path / "root", tmp_path / "data"
    run = RunSpec(root).saved("small", 100).saved("large", 5000)
    run.finish().new_log("main.0002.tlog").saved("small", 150).saved("large", 6000).finish()

    async def work(target: Target) -> None:
        agent = make_agent(target, settings=replace(SETTINGS, tasks_max=1))
        home = Run(str(run.path), run.path.parent.name, run.path.name)
        for name in ("main.0002.tlog", "main.0001.tlog"):
            size = (run.path / name).stat().st_size
            agent.found([FoundLog(home, name, size, is_live=False)])
        await agent.run(until_idle=True)

    on_target(open_any, data, work)
    assert tree(root) == tree(data)


def test_a_log_that_is_begun_anew_is_not_asked_for_with_an_append_of_nothing(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """At the very start nothing is no chunk: the target would refuse it, and the log would be parked."""
    root, state = tmp_path / "root", MemoryState()
    spec = RunSpec(root).rows(3)
    task = Task(Run(str(spec.path), "mnist", "r1"), LOG, spec.name)

    async def work(target: Target) -> None:
        state.advance(target.name, task, Cursor(spec.log.data[8:24].hex()), [])
        uploader = make_uploader(target, state)
        uploader.doubt(task)
        while (await uploader.upload(task)).has_more:
            pass

    on_target(open_any, tmp_path / "data", work)
    assert tree(root) == tree(tmp_path / "data")


def test_a_large_file_whose_parts_a_crash_has_garbled_is_sent_again(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """A power cut at the target may leave zeros behind what was synced of a part."""
    root, data = tmp_path / "root", tmp_path / "data"
    RunSpec(root).saved("model.npz", 10_000).finish()
    held = (root / "mnist/r1/files/model.npz").read_bytes()
    staged = data / f"mnist/r1/files/model.npz.{hashlib.sha256(held).hexdigest()[:16]}.tmp"
    staged.parent.mkdir(parents=True)
    staged.write_bytes(held[:3000] + bytes(500))

    async def work(target: Target) -> None:
        ending, _ = await sync(target, root)
        assert Ending.WHOLE is ending

    on_target(open_any, data, work)
    assert tree(root) == tree(data)
