"""Logs that are not what they were: cut, emptied, replaced; found as the watch finds them."""

from pathlib import Path

import pytest
from agent_targets import SETTINGS, OpenTarget, on_target
from looking import found_by
from run_spec import RunSpec, tree

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.state import MemoryState
from tidelog.syncd.agent.watch.inventory import Inventory, Look


class Watched:
    """An agent, and the looks that tell it what is on the disk."""

    def __init__(self, target: Target, root: Path) -> None:
        self.told: list[str] = []
        self.inventory = Inventory(str(root), disk=Disk(), clock=Clock(), settings=SETTINGS)
        self.agent = Agent(
            target,
            MemoryState(),
            disk=Disk(),
            clock=Clock(),
            settings=SETTINGS,
            chance=lambda: 0.5,
            tell=self.told.append,
            on_final=self.inventory.note_final,
        )

    async def look(self) -> int:
        """Look at everything, upload what was found; return how many logs these were."""
        found = found_by(self.inventory, Look.SWEEP)
        self.agent.found(found)
        await self.agent.run(until_idle=True)
        return len(found)


@pytest.mark.parametrize("left", [0, 20, 40, 200])
def test_a_log_that_got_shorter_is_parked_once_and_not_looped(
    open_any: OpenTarget, tmp_path: Path, left: int
) -> None:
    """To nothing, within the header, to the header, within a chunk; the target keeps what it has."""
    root, data = tmp_path / "root", tmp_path / "data"
    run = RunSpec(root).rows(20)

    async def work(target: Target) -> None:
        watched = Watched(target, root)
        assert 1 == await watched.look()
        before = tree(data)
        run.tear(len(run.log.data) - left)
        assert [1, 0, 0] == [await watched.look() for _ in range(3)]
        [reason] = watched.agent.planner.parked.values()
        assert "fewer" in reason
        assert before == tree(data)
        assert 1 == len(watched.told)

    on_target(open_any, data, work)


@pytest.mark.parametrize("is_finished", [True, False])
def test_another_log_of_the_same_size_is_sent_as_what_it_is(
    open_any: OpenTarget, tmp_path: Path, is_finished: bool
) -> None:
    """Beside the bytes of the one whose place it took."""
    root, data = tmp_path / "root", tmp_path / "data"
    specs = [RunSpec(top, seed=n).rows(5) for n, top in enumerate((root, tmp_path / "other"))]
    for spec in specs if is_finished else ():
        spec.finish()
    run, other = specs

    async def work(target: Target) -> None:
        watched = Watched(target, root)
        await watched.look()
        assert len(run.log.data) == len(other.log.data)
        (other.path / other.name).replace(run.path / run.name)
        assert [1, 0] == [await watched.look() for _ in range(2)]
        assert {} == watched.agent.planner.parked

    on_target(open_any, data, work)
    assert sorted([bytes(run.log.data), bytes(other.log.data)]) == sorted(tree(data).values())


def test_a_log_that_is_touched_sends_nothing(open_any: OpenTarget, tmp_path: Path) -> None:
    """Another time alone costs a look at its first bytes."""
    root, data = tmp_path / "root", tmp_path / "data"
    run = RunSpec(root).rows(5).finish()

    async def work(target: Target) -> None:
        watched = Watched(target, root)
        await watched.look()
        sent = watched.agent.progress.bytes_sent
        (run.path / run.name).touch()
        assert [1, 0] == [await watched.look() for _ in range(2)]
        assert sent == watched.agent.progress.bytes_sent

    on_target(open_any, data, work)
