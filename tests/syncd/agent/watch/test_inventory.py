"""What is found on the disk, and at what price."""

import os
from pathlib import Path

import pytest
from looking import MovedClock, found_by, inventory_of, names_by
from run_spec import RunSpec

from tidelog.datastore.disk import Disk, Entry, StrPath
from tidelog.syncd.agent.watch.inventory import Look


class CountingDisk(Disk):
    """Counts the directories that were listed and the paths that were asked for."""

    def __init__(self) -> None:
        self.listed: list[str] = []
        self.asked: list[str] = []

    def list(self, path: StrPath) -> list[Entry]:
        self.listed.append(os.fspath(path))
        return super().list(path)

    def stat(self, path: StrPath) -> os.stat_result:
        self.asked.append(os.fspath(path))
        return super().stat(path)


def test_runs_of_all_projects_are_found(tmp_path: Path) -> None:
    """A sweep finds every log; links, hidden folders and other files are none."""
    RunSpec(tmp_path, "mnist", "r1").new_log("rank3.0001.tlog")
    RunSpec(tmp_path, "cifar", "r1")
    (tmp_path / "latest").symlink_to("mnist/r1")
    (tmp_path / ".hub").mkdir()
    (tmp_path / "mnist" / "r1" / "run.json").write_text("{}")
    expected = ["cifar/r1/main.0001.tlog", "mnist/r1/main.0001.tlog", "mnist/r1/rank3.0001.tlog"]
    assert expected == names_by(inventory_of(tmp_path), Look.SWEEP)


@pytest.mark.parametrize("how", list(Look))
def test_a_new_run_a_new_log_and_new_bytes_are_found_by_any_look(tmp_path: Path, how: Look) -> None:
    """The cheapest look, twice a second, finds what a person who trains waits for."""
    one = RunSpec(tmp_path, "mnist", "r1")
    found = inventory_of(tmp_path)
    found_by(found, Look.SWEEP)
    assert [] == found_by(found, how)
    one.rows(1)
    [log] = found_by(found, how)
    assert (len(one.log.data), True) == (log.size, log.is_live)
    RunSpec(tmp_path, "mnist", "r2")
    assert ["mnist/r2/main.0001.tlog"] == names_by(found, how)
    one.new_log("main.0002.tlog")
    assert ["mnist/r1/main.0002.tlog"] == names_by(found, how)
    assert [] == found_by(found, how)


def test_a_log_that_appears_after_its_directory_is_found(tmp_path: Path) -> None:
    """A directory that was empty when it was first listed is looked at again."""
    (tmp_path / "mnist" / "r1").mkdir(parents=True)
    found = inventory_of(tmp_path)
    assert [] == found_by(found, Look.SWEEP)
    (tmp_path / "mnist" / "r1" / "main.0001.tlog").write_bytes(b"TIDE")
    assert ["mnist/r1/main.0001.tlog"] == names_by(found, Look.TAIL)


def test_a_resumed_old_run_is_found_through_the_root(tmp_path: Path) -> None:
    """Its project does not change, but the root's link to the latest run does."""
    old = RunSpec(tmp_path, "mnist", "r1")
    os.utime(old.path, (1, 1))
    for path in (tmp_path, tmp_path / "mnist"):
        os.utime(path, (1, 1))
    found = inventory_of(tmp_path, clock=MovedClock(100_000))
    found_by(found, Look.SWEEP)
    assert [] == found_by(found, Look.TAIL)
    old.new_log("main.0002.tlog")
    (tmp_path / "latest").symlink_to("mnist/r1")
    again = found_by(found, Look.TAIL)
    # Nobody remembers which log of a run that slept is another one.
    assert ["mnist/r1/main.0001.tlog", "mnist/r1/main.0002.tlog"] == sorted(
        f"{log.run}/{log.name}" for log in again
    )
    assert all(log.is_other for log in again)
    assert [] == found_by(found, Look.TAIL)


def test_finished_runs_cost_nothing_between_two_looks_at_all_runs(tmp_path: Path) -> None:
    """The cheapest look asks for the root and the projects alone."""
    for number in range(20):
        RunSpec(tmp_path, "mnist", f"r{number}")
    disk = CountingDisk()
    found = inventory_of(tmp_path, clock=MovedClock(100_000), disk=disk)
    found_by(found, Look.SWEEP)
    disk.asked.clear()
    disk.listed.clear()
    assert [] == found_by(found, Look.TAIL)
    assert [str(tmp_path), str(tmp_path / "mnist")] == disk.asked
    assert [] == disk.listed
    found_by(found, Look.RUNS)
    assert [] == disk.listed


def test_a_log_that_is_final_is_not_looked_at_any_more(tmp_path: Path) -> None:
    """Nothing can follow its final chunk."""
    run = RunSpec(tmp_path, "mnist", "r1")
    disk = CountingDisk()
    found = inventory_of(tmp_path, disk=disk)
    [log] = found_by(found, Look.SWEEP)
    found.note_final(log.run, log.name)
    disk.asked.clear()
    found_by(found, Look.TAIL)
    assert str(run.path / "main.0001.tlog") not in disk.asked[2:3]
    [again] = found_by(inventory_of(tmp_path), Look.SWEEP)
    assert again.is_live


def test_the_end_of_a_log_is_told_once_more_when_it_is_noted(tmp_path: Path) -> None:
    """One target has seen it and another one not; after that it sleeps, and no sweep wakes it up."""
    run, clock = RunSpec(tmp_path).rows(2), MovedClock()
    found = inventory_of(tmp_path, clock=clock)
    [log] = found_by(found, Look.SWEEP)
    run.rows(1).finish()
    found.note_final(log.run, log.name)
    assert [len(run.log.data)] == [log.size for log in found_by(found, Look.TAIL)]
    clock.passed_s += 3.0
    found_by(found, Look.TAIL)
    assert 0 == found.awake_count
    assert [] == found_by(found, Look.SWEEP)


def test_a_root_that_is_not_there_yet_is_told_and_found_later(tmp_path: Path) -> None:
    """`syncd start` may come before the first run."""
    root = tmp_path / "tidelog"
    found = inventory_of(root)
    assert [] == found_by(found, Look.SWEEP)
    assert str(root) in found.problems
    RunSpec(root)
    assert ["mnist/r1/main.0001.tlog"] == names_by(found, Look.TAIL)
    assert {} == found.problems


def test_a_folder_whose_name_can_be_no_project_is_told(tmp_path: Path) -> None:
    """Nothing is passed over without a word."""
    RunSpec(tmp_path, "a:b")
    found = inventory_of(tmp_path)
    assert [] == found_by(found, Look.SWEEP)
    assert "a:b" in next(iter(found.problems))


def test_runs_are_listed_in_an_order_in_which_one_can_go_on(tmp_path: Path) -> None:
    """A few of one project at a time; a run that is gone by then is no obstacle."""
    for project, run in (("b", "r2"), ("b", "r1"), ("a", "r3"), ("a", "r1"), ("a", "r2")):
        RunSpec(tmp_path, project, run)
    found = inventory_of(tmp_path)
    found_by(found, Look.SWEEP)
    listed, place = [], ("", "")
    while runs := found.runs_after(*place, 2):
        listed.append([str(run) for run in runs])
        place = (str(tmp_path / runs[-1].project), runs[-1].name)
    assert [["a/r1", "a/r2"], ["a/r3"], ["b/r1", "b/r2"]] == listed
    assert ["a/r3"] == [str(run) for run in found.runs_after(str(tmp_path / "a"), "r2x", 9)]


def test_a_run_that_was_deleted_is_forgotten(tmp_path: Path) -> None:
    """Deleting is the person's own act."""
    run = RunSpec(tmp_path)
    found = inventory_of(tmp_path)
    found_by(found, Look.SWEEP)
    for path in run.path.iterdir():
        path.unlink()
    run.path.rmdir()
    found_by(found, Look.SWEEP)
    assert 0 == found.run_count
    assert {} == found.problems


@pytest.mark.parametrize("what", ["mnist/r1", "mnist"])
def test_a_run_that_is_gone_is_told_once(tmp_path: Path, what: str) -> None:
    """Whether it sleeps or is awake, by itself or with its project."""
    root = tmp_path / "root"
    RunSpec(root, "mnist", "r1").rows(1)
    RunSpec(root, "cifar", "r1").rows(1)
    found = inventory_of(root)
    found_by(found, Look.SWEEP)
    (root / what).rename(tmp_path / "elsewhere")
    found_by(found, Look.RUNS)
    assert [(str(root / "mnist/r1"), "mnist", "r1")] == found.take_gone()
    found_by(found, Look.SWEEP)
    assert [] == found.take_gone()


@pytest.mark.parametrize("is_empty", [True, False])
def test_a_root_that_is_gone_takes_no_run_with_it(tmp_path: Path, is_empty: bool) -> None:
    """Its disk may be away, an empty folder in its place; it is remembered for when it is back."""
    root = tmp_path / "root"
    RunSpec(root, "mnist", "r1").rows(1)
    found = inventory_of(root)
    found_by(found, Look.SWEEP)
    root.rename(tmp_path / "elsewhere")
    if is_empty:
        root.mkdir()
    found_by(found, Look.SWEEP)
    assert ([], 0) == (found.take_gone(), found.run_count)
