"""Several roots: none of them keeps another one, and what two of them mean is looked at once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hanging_disk import HangingDisk
from looking import WATCHING, Watch
from run_spec import RunSpec

LOG = "mnist/r1/main.0001.tlog"
OTHER = "cifar/r1/main.0001.tlog"
SETTINGS = replace(WATCHING, runs_interval_s=0.02, answer_s=0.05)


@pytest.fixture
def away(tmp_path: Path) -> Iterator[HangingDisk]:
    """A disk whose folder `away` can be made to hang; it answers again at the end."""
    disk = HangingDisk(tmp_path / "away")
    yield disk
    disk.answer()


def test_a_root_that_does_not_answer_keeps_no_other(tmp_path: Path, away: HangingDisk) -> None:
    """It is told once, looked at by one thread, and found again when it answers; one line says so."""
    here, there = RunSpec(tmp_path / "here"), RunSpec(tmp_path / "away", "cifar")
    watch = Watch(tmp_path / "away", tmp_path / "here", settings=SETTINGS, disk=away)

    async def work() -> None:
        await watch.until(lambda: {LOG, OTHER} == watch.found.keys())
        away.hang()
        await watch.until(lambda: watch.told)
        for count in (2, 3, 4):
            here.rows(1)
            await watch.until(lambda count=count: len(watch.found[LOG]) == count)  # type: ignore[misc]
        assert {str(tmp_path / "away")} == watch.lookouts.unanswered(for_s=0.05).keys()
        assert {str(tmp_path / "away")} == watch.lookouts.silent_folders(for_s=0.05)
        assert 1 == away.waiting
        there.rows(1)
        away.answer()
        await watch.until(lambda: len(watch.found[OTHER]) == 2)
        await watch.until(lambda: len(watch.told) == 2)

    watch.do(work)
    assert f"{tmp_path}/away has not answered for" in watch.told[0]
    assert f"{tmp_path}/away answers again after" in watch.told[1]


def test_a_root_that_did_not_answer_for_hours_is_looked_at_as_often_as_before(
    tmp_path: Path, away: HangingDisk
) -> None:
    """Looks pace themselves by what they cost, and a hang is no work."""
    run = RunSpec(tmp_path / "away")
    watch = Watch(tmp_path / "away", settings=replace(SETTINGS, sweep_interval_s=0.5), disk=away)

    async def work() -> None:
        await watch.until(lambda: LOG in watch.found)
        away.hang()
        await watch.until(lambda: watch.told)
        watch.clock.passed_s += 3 * 3600.0
        away.answer()
        await watch.until(lambda: len(watch.told) == 2)
        for count in (2, 3):
            run.rows(1)
            await watch.until(lambda count=count: len(watch.found[LOG]) == count)  # type: ignore[misc]
        sweeps = watch.lookouts.sweeps
        await watch.until(lambda: watch.lookouts.sweeps > sweeps + 1)

    watch.do(work)
    assert "answers again after 3 h" in watch.told[1]


def test_a_root_that_does_not_answer_at_the_start_keeps_no_other(
    tmp_path: Path, away: HangingDisk
) -> None:
    """Nor does it keep the end: the thread is left where it is."""
    RunSpec(tmp_path / "here")
    RunSpec(tmp_path / "away", "cifar")
    away.hang()
    watch = Watch(tmp_path / "away", tmp_path / "here", settings=SETTINGS, disk=away)

    async def work() -> None:
        await watch.until(lambda: LOG in watch.found)
        await watch.until(lambda: away.waiting)

    watch.do(work)
    assert OTHER not in watch.found


def test_a_root_that_does_not_answer_can_be_removed_and_added_again(
    tmp_path: Path, away: HangingDisk
) -> None:
    """What its look finds after that is told to nobody; the new one tells all of it."""
    RunSpec(tmp_path / "away", "cifar")
    root = str(tmp_path / "away")
    away.hang()
    watch = Watch(tmp_path / "away", settings=SETTINGS, disk=away)

    async def work() -> None:
        await watch.until(lambda: away.waiting)
        assert (True, False) == (watch.lookouts.remove_root(root), watch.lookouts.remove_root(root))
        assert {} == watch.lookouts.unanswered(for_s=0.0)
        away.answer()
        await watch.until(lambda: not away.waiting)
        assert (True, False) == (watch.lookouts.add_root(root), watch.lookouts.add_root(root))
        await watch.until(lambda: OTHER in watch.found)

    watch.do(work)
    assert 1 == len(watch.found[OTHER])


def test_a_removed_root_is_let_go_with_its_problems_and_others_stay(tmp_path: Path) -> None:
    """Runs, folders and what cannot be watched are those of the roots that are left."""
    one, two = tmp_path / "one", tmp_path / "two"
    RunSpec(one, "a:b")
    RunSpec(one)
    RunSpec(two, "cifar")
    watch = Watch(one, two)

    async def work() -> None:
        await watch.until(lambda: watch.lookouts.run_count == 2 and watch.lookouts.problems)
        watch.lookouts.remove_root(str(one))
        assert (1, 1, {}) == (
            watch.lookouts.run_count,
            watch.lookouts.awake_count,
            watch.lookouts.problems,
        )
        assert [str(two)] == watch.lookouts.roots

    watch.do(work)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_folder_that_two_roots_mean_is_looked_at_once(tmp_path: Path, is_first: bool) -> None:
    """For the root that names it, whichever came first, and for the pattern once that root goes."""
    named, pattern = tmp_path / "ann" / "tidelog", tmp_path / "*" / "tidelog"
    RunSpec(named)
    RunSpec(tmp_path / "bob" / "tidelog", "cifar")
    watch = Watch(*((named, pattern) if is_first else (pattern, named)), settings=SETTINGS)

    def owners() -> dict[str, str]:
        return {folder.path: folder.root for folder in watch.lookouts.folders}

    async def work() -> None:
        both = {str(named): str(named), str(tmp_path / "bob/tidelog"): str(pattern)}
        await watch.until(lambda: {LOG, OTHER} == watch.found.keys() and owners() == both)
        watch.lookouts.remove_root(str(named))
        await watch.until(lambda: owners().get(str(named)) == str(pattern))
        await watch.until(lambda: len(watch.found[LOG]) == 2)
        watch.lookouts.add_root(str(named))
        await watch.until(lambda: owners() == both)

    watch.do(work)
    assert {} == watch.lookouts.problems


def test_a_folder_that_two_patterns_match_is_looked_at_once(tmp_path: Path) -> None:
    """For the first of them."""
    RunSpec(tmp_path / "ann" / "tidelog")
    first, second = tmp_path / "*" / "tidelog", tmp_path / "a*" / "tidelog"
    watch = Watch(first, second, settings=SETTINGS)

    async def work() -> None:
        await watch.until(lambda: LOG in watch.found and watch.lookouts.sweeps == 2)
        await watch.until(lambda: [str(first)] == [folder.root for folder in watch.lookouts.folders])

    watch.do(work)


def test_the_end_of_a_log_is_noted_where_its_run_is_looked_at(tmp_path: Path) -> None:
    """By a root that names the folder or by a pattern: the run sleeps, and is told no more."""
    RunSpec(tmp_path / "ann" / "tidelog").finish()
    watch = Watch(tmp_path / "bob", tmp_path / "*" / "tidelog", settings=replace(SETTINGS, settle_s=0.0))

    async def work() -> None:
        await watch.until(lambda: LOG in watch.found)
        [(run, name)] = watch.lookouts.live
        watch.lookouts.note_final(run, name)
        await watch.until(lambda: watch.lookouts.awake_count == 0)

    watch.do(work)
