"""What people, other programs and clocks do to roots while they are watched, on a real file system."""

import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.mounts import needs_root
from looking import MovedClock, found_by, inventory_of, names_by
from run_spec import RunSpec

from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.watch.inventory import Look

SETTINGS = AgentSettings()
DAY_S = 24 * 3600.0
LOG = "mnist/r1/main.0001.tlog"
NOBODY = 65534


def age(path: Path, *, age_s: float) -> None:
    """Give all that is at and below a path a time so far back, or ahead where it is negative."""
    at = time.time() - age_s
    for folder, _, files in os.walk(path, topdown=False):
        for name in files:
            os.utime(Path(folder, name), (at, at))
        os.utime(folder, (at, at))


# -- folders that come and go ------------------------------------------------------------------------


@pytest.mark.parametrize("look", list(Look))
def test_a_project_that_is_deleted_is_forgotten_with_its_runs(tmp_path: Path, look: Look) -> None:
    """And no problem is left behind; made anew, its runs are new."""
    RunSpec(tmp_path)
    found = inventory_of(tmp_path)
    found_by(found, Look.SWEEP)
    shutil.rmtree(tmp_path / "mnist")
    assert [] == found_by(found, look)
    assert (0, 0, {}) == (found.run_count, found.awake_count, found.problems)
    RunSpec(tmp_path, seed=2)
    assert [LOG] == names_by(found, look)


def test_a_root_that_is_deleted_is_told_and_found_again(tmp_path: Path) -> None:
    """It was asked for by name, so it is not let go."""
    root = tmp_path / "root"
    RunSpec(root)
    found = inventory_of(root)
    found_by(found, Look.SWEEP)
    shutil.rmtree(root)
    assert [] == found_by(found, Look.TAIL)
    assert ({str(root): "No such file or directory"}, 0) == (found.problems, found.run_count)
    RunSpec(root)
    assert [LOG] == names_by(found, Look.TAIL)
    assert {} == found.problems


def test_a_renamed_project_is_another_one(tmp_path: Path) -> None:
    """The folders give the names."""
    RunSpec(tmp_path)
    found = inventory_of(tmp_path)
    found_by(found, Look.SWEEP)
    (tmp_path / "mnist").rename(tmp_path / "digits")
    assert ["digits/r1/main.0001.tlog"] == names_by(found, Look.TAIL)
    assert 1 == found.run_count


@pytest.mark.parametrize("is_asleep", [True, False])
def test_a_log_of_the_same_size_in_another_ones_place_is_found(tmp_path: Path, is_asleep: bool) -> None:
    """And marked, because who remembers sizes alone would take it for the old one."""
    run = RunSpec(tmp_path / "root").rows(3)
    if is_asleep:
        age(tmp_path / "root", age_s=9 * DAY_S)
    found = inventory_of(tmp_path / "root")
    found_by(found, Look.SWEEP)
    assert is_asleep == (found.awake_count == 0)
    other = RunSpec(tmp_path / "other", seed=2).rows(3)
    (other.path / other.name).replace(run.path / run.name)
    [log] = found_by(found, Look.SWEEP)
    assert (LOG, True) == (f"{log.run}/{log.name}", log.is_other)


def test_a_run_directory_in_another_ones_place_is_looked_into(tmp_path: Path) -> None:
    """As after a restore: same name, other inode, other logs."""
    run = RunSpec(tmp_path / "root").rows(3)
    age(tmp_path / "root", age_s=9 * DAY_S)
    found = inventory_of(tmp_path / "root")
    found_by(found, Look.SWEEP)
    other = RunSpec(tmp_path / "other", seed=2).rows(7)
    shutil.rmtree(run.path)
    other.path.rename(run.path)
    assert [LOG] == names_by(found, Look.RUNS)
    assert [] == found_by(found, Look.SWEEP)


@pytest.mark.parametrize("is_asleep", [True, False])
def test_a_log_that_got_shorter_is_found_once(tmp_path: Path, is_asleep: bool) -> None:
    """It is told, and no look after that tells it again."""
    run = RunSpec(tmp_path).rows(9)
    if is_asleep:
        age(tmp_path, age_s=9 * DAY_S)
    found = inventory_of(tmp_path)
    [before] = found_by(found, Look.SWEEP)
    run.tear(100)
    [after] = found_by(found, Look.SWEEP)
    assert before.size - 100 == after.size
    assert [[], [], []] == [found_by(found, look) for look in Look]


# -- what is no folder and no log --------------------------------------------------------------------


def test_links_pipes_sockets_and_devices_are_passed_over(tmp_path: Path) -> None:
    """None of them is opened, none of them hangs a look."""
    run = RunSpec(tmp_path)
    (run.path / "main.0002.tlog").symlink_to(run.name)
    (run.path / "main.0003.tlog").symlink_to("nowhere")
    os.mkfifo(run.path / "main.0004.tlog")
    (run.path / "main.0005.tlog").mkdir()
    (tmp_path / "linked").symlink_to("mnist")
    (tmp_path / "mnist" / "loop").symlink_to("..")
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "mnist" / "pipe")
    if os.geteuid() == 0:
        os.mknod(run.path / "main.0006.tlog", 0o600 | 0o020000, os.makedev(1, 3))
    found = inventory_of(tmp_path)
    assert [LOG] == names_by(found, Look.SWEEP)
    assert ({}, 1) == (found.problems, found.run_count)


@pytest.mark.parametrize(
    "put", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)], ids=["a pipe", "a link"]
)
def test_a_live_log_that_turns_into_something_else_is_let_go(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    """Nothing of it is told any more."""
    run = RunSpec(tmp_path)
    found = inventory_of(tmp_path)
    found_by(found, Look.SWEEP)
    (run.path / run.name).unlink()
    put(run.path / run.name)
    assert [[], [], []] == [found_by(found, look) for look in Look]


def test_hard_links_are_files_like_others(tmp_path: Path) -> None:
    """A snapshot by `cp -al` is a run of its own, and grows with the log that it shares."""
    run = RunSpec(tmp_path)
    (tmp_path / "backup" / "r1").mkdir(parents=True)
    os.link(run.path / run.name, tmp_path / "backup" / "r1" / run.name)
    found = inventory_of(tmp_path)
    both = ["backup/r1/main.0001.tlog", LOG]
    assert both == names_by(found, Look.SWEEP)
    run.rows(1)
    assert both == names_by(found, Look.TAIL)


def test_names_that_are_no_unicode_are_told_and_hide_nothing(tmp_path: Path) -> None:
    """A project, a run, a file beside the log; the paths go into JSON."""
    run = RunSpec(tmp_path)
    bad = os.fsdecode(b"b\xffd")
    for path in (tmp_path / bad, tmp_path / "mnist" / bad, run.path / bad):
        path.mkdir()
    (run.path / os.fsdecode(b"m\xff.0001.tlog")).write_bytes(b"TIDE")
    found = inventory_of(tmp_path)
    assert [LOG] == names_by(found, Look.SWEEP)
    expected = [str(tmp_path / bad), str(tmp_path / "mnist" / bad)]
    assert expected == sorted(found.problems)
    assert all("not valid Unicode" in problem for problem in found.problems.values())
    assert found.problems == json.loads(json.dumps(found.problems))


def test_a_root_that_is_no_unicode_is_watched(tmp_path: Path) -> None:
    """Its own name is on no wire."""
    root = tmp_path / os.fsdecode(b"r\xff")
    RunSpec(root)
    assert [LOG] == names_by(inventory_of(root), Look.SWEEP)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that another account can reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_nobody(work: Callable[[], Any]) -> Any:
    """Return what `work` returns in a process of an account that owns nothing."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    return json.loads(text)


@needs_root
@pytest.mark.parametrize("shut", ["root", "root/mnist", "root/mnist/r1"])
def test_what_is_shut_is_told_hides_nothing_else_and_is_found_once_it_opens(
    open_to_all: Path, shut: str
) -> None:
    """Opening it changes no time of it, so a look at all runs tries again."""
    root = open_to_all / "root"
    RunSpec(root)
    RunSpec(root, "cifar", "r2")
    folder = open_to_all / shut
    folder.chmod(0o700)
    opening, told = os.pipe(), os.pipe()

    def work() -> Any:
        found = inventory_of(root)
        before = names_by(found, Look.SWEEP), dict(found.problems)
        os.write(told[1], b"!")
        os.read(opening[0], 1)
        return before, names_by(found, Look.RUNS), found.problems

    def opener() -> None:
        os.read(told[0], 1)
        folder.chmod(0o755)
        os.write(opening[1], b"!")

    thread = threading.Thread(target=opener)
    thread.start()
    (before, problems), after, left = as_nobody(work)
    thread.join()
    all_logs = ["cifar/r2/main.0001.tlog", LOG]
    assert ([] if shut == "root" else all_logs[:1]) == before
    assert {str(folder): "Permission denied"} == problems
    assert (sorted({*all_logs} - {*before}), {}) == (after, left)


# -- clocks ------------------------------------------------------------------------------------------

JUMPS_S = [-400 * DAY_S, -2 * 3600.0, 2 * 3600.0, 400 * DAY_S]


@pytest.mark.parametrize("ahead_s", JUMPS_S)
def test_a_server_whose_clock_differs_costs_speed_at_most(tmp_path: Path, ahead_s: float) -> None:
    """Rows, new logs and new runs are found by a sweep at the latest, and then by every look."""
    run = RunSpec(tmp_path)
    found = inventory_of(tmp_path, clock=MovedClock(ahead_s))
    assert [LOG] == names_by(found, Look.SWEEP)
    run.rows(1)
    assert [LOG] == names_by(found, Look.SWEEP)
    run.rows(1)
    assert [LOG] == names_by(found, Look.TAIL)
    run.new_log("main.0002.tlog")
    assert ["mnist/r1/main.0002.tlog"] == names_by(found, Look.TAIL)
    RunSpec(tmp_path, "mnist", "r2")
    assert ["mnist/r2/main.0001.tlog"] == names_by(found, Look.TAIL)


@pytest.mark.parametrize("jump_s", JUMPS_S)
def test_a_clock_that_jumps_takes_no_log_out_of_sight(tmp_path: Path, jump_s: float) -> None:
    """A live log stays live, and everything sleeps in the end."""
    run, clock = RunSpec(tmp_path), MovedClock()
    found = inventory_of(tmp_path, clock=clock)
    found_by(found, Look.SWEEP)
    clock.ahead_s = jump_s
    run.rows(1)
    assert [LOG] == names_by(found, Look.TAIL)
    for _ in range(3):
        clock.passed_s += SETTINGS.live_s + SETTINGS.settle_s
        found_by(found, Look.TAIL)
    assert 0 == found.awake_count
    run.rows(1)
    assert [LOG] == names_by(found, Look.SWEEP)


def test_files_from_the_future_do_not_stay_awake(tmp_path: Path) -> None:
    """However far ahead their times are: what is final sleeps at once, the rest in some hours."""
    for number in range(3):
        RunSpec(tmp_path, run=f"r{number}")
    age(tmp_path, age_s=-400 * DAY_S)
    clock = MovedClock()
    found = inventory_of(tmp_path, clock=clock)
    logs = found_by(found, Look.SWEEP)
    assert 3 == found.awake_count
    for log in logs[:2]:
        found.note_final(log.run, log.name)
    clock.passed_s += SETTINGS.settle_s
    found_by(found, Look.TAIL)
    assert 1 == found.awake_count
    clock.passed_s += SETTINGS.live_s
    found_by(found, Look.TAIL)
    assert 0 == found.awake_count


def test_a_row_an_hour_is_seen_by_every_look(tmp_path: Path) -> None:
    """Also right after a start that saw the log for the first time."""
    run, clock = RunSpec(tmp_path), MovedClock()
    age(tmp_path, age_s=3500.0)
    found = inventory_of(tmp_path, clock=clock)
    found_by(found, Look.SWEEP)
    for _ in range(5):
        clock.passed_s += 3700.0
        assert [] == found_by(found, Look.TAIL)
        run.rows(1)
        assert [LOG] == names_by(found, Look.TAIL)


# -- roots that come and go --------------------------------------------------------------------------


def test_a_pattern_finds_new_folders_at_the_next_look_at_all_runs_and_lets_old_ones_go(
    tmp_path: Path,
) -> None:
    """While nothing matches, that is told."""
    found = inventory_of(tmp_path / "*" / "tidelog")
    assert [] == found_by(found, Look.SWEEP)
    assert {str(tmp_path / "*" / "tidelog"): "nothing matches it yet"} == found.problems
    RunSpec(tmp_path / "ann" / "tidelog")
    RunSpec(tmp_path / "bob" / "tidelog", "cifar")
    assert ["cifar/r1/main.0001.tlog", LOG] == names_by(found, Look.RUNS)
    assert {} == found.problems
    shutil.rmtree(tmp_path / "bob")
    assert [] == found_by(found, Look.RUNS)
    assert (1, {}) == (found.run_count, found.problems)
    assert [str(tmp_path / "ann" / "tidelog")] == [folder.path for folder in found.folders]
