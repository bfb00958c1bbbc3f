"""When the roots are looked at, and that one look waits for no other."""

import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from looking import WATCHING, Watch
from run_spec import RunSpec

from tidelog.datastore.disk import Disk, Entry, StrPath


def test_new_runs_new_logs_and_new_rows_are_told(tmp_path: Path) -> None:
    """Each by the looks at what may grow: those at all runs are an hour apart."""
    run = RunSpec(tmp_path)
    watch = Watch(tmp_path)

    async def work() -> None:
        await watch.until(lambda: "mnist/r1/main.0001.tlog" in watch.found)
        run.rows(1)
        await watch.until(lambda: len(watch.found["mnist/r1/main.0001.tlog"]) == 2)
        RunSpec(tmp_path, "cifar", "r2")
        await watch.until(lambda: "cifar/r2/main.0001.tlog" in watch.found)
        RunSpec(tmp_path, "cifar", "r3")
        await watch.until(lambda: "cifar/r3/main.0001.tlog" in watch.found)
        run.new_log("main.0002.tlog")
        await watch.until(lambda: "mnist/r1/main.0002.tlog" in watch.found)

    watch.do(work)
    assert [] == watch.told


def test_a_hint_brings_the_next_look_forward(tmp_path: Path) -> None:
    """Otherwise it would come in an hour."""
    root = tmp_path / "root"
    root.mkdir()
    made = [RunSpec(tmp_path, project).path.parent for project in ("mnist", "cifar")]
    watch = Watch(root, settings=replace(WATCHING, tail_interval_s=3600.0))

    async def work() -> None:
        await watch.until(lambda: watch.lookouts.sweeps)
        await watch.until(lambda: "inotify" in watch.way_to(root))
        for project in made:
            project.rename(root / project.name)
            log = f"{project.name}/r1/main.0001.tlog"
            await watch.until(lambda log=log: log in watch.found)  # type: ignore[misc]

    watch.do(work)


class SlowDisk(Disk):
    """Takes so long for each old run that a slice of a sweep has four of them at most."""

    def __init__(self) -> None:
        self.listed = 0

    def list(self, path: StrPath) -> list[Entry]:
        if "/old-" in os.fspath(path):
            self.listed += 1
            time.sleep(WATCHING.slice_s / 4)
        return super().list(path)


OLD_RUNS = 120


def is_long(moments: list[float], count: int) -> bool:
    return len(moments) == count


def test_rows_are_told_while_a_sweep_goes_on(tmp_path: Path) -> None:
    """A hundred thousand finished runs must not keep a live one waiting."""
    run = RunSpec(tmp_path)
    for number in range(OLD_RUNS):
        old = RunSpec(tmp_path, "done", f"old-{number}", seed=number)
        for path in (old.path / old.name, old.path):
            os.utime(path, (1, 1))
    disk = SlowDisk()
    # The tails' turn comes after each slice, however long they took.
    watch = Watch(tmp_path, settings=replace(WATCHING, tail_share=1e6), disk=disk)

    async def work() -> None:
        await watch.until(lambda: watch.lookouts.sweeps == 1)
        disk.listed = 0
        watch.lookouts.sweep_now()
        await watch.until(lambda: disk.listed)
        moments = watch.found["mnist/r1/main.0001.tlog"]
        for count in (2, 3, 4):
            run.rows(1)
            await watch.until(partial(is_long, moments, count))
        assert (1, True) == (watch.lookouts.sweeps, disk.listed < OLD_RUNS)

    watch.do(work)


def test_more_new_runs_than_a_look_takes_in_are_all_told(tmp_path: Path) -> None:
    """A folder that is moved in with all its runs, say."""
    (tmp_path / "root").mkdir()
    for number in range(50):
        RunSpec(tmp_path, "mnist", f"r{number}", seed=number)
    watch = Watch(tmp_path / "root", settings=replace(WATCHING, fresh_max=7, slice_logs=3))

    async def work() -> None:
        await watch.until(lambda: watch.lookouts.sweeps)
        (tmp_path / "mnist").rename(tmp_path / "root" / "mnist")
        await watch.until(lambda: len(watch.found) == 50)

    watch.do(work)
    assert {1} == {len(moments) for moments in watch.found.values()}


def test_a_removed_root_is_looked_at_no_more(tmp_path: Path) -> None:
    """At once, and its watches are given back."""
    run = RunSpec(tmp_path / "one")
    watch = Watch(tmp_path / "one", tmp_path / "two")

    async def work() -> None:
        await watch.until(lambda: watch.found)
        assert watch.lookouts.remove_root(str(tmp_path / "one"))
        run.rows(1)
        RunSpec(tmp_path / "two", "cifar", "r2")
        await watch.until(lambda: "cifar/r2/main.0001.tlog" in watch.found)

    watch.do(work)
    assert 1 == len(watch.found["mnist/r1/main.0001.tlog"])


def test_a_look_that_fails_is_told_once_and_everything_is_told_again(tmp_path: Path) -> None:
    """What the failed look had found was told to nobody."""

    class StumblingDisk(Disk):
        failures = 3

        def list(self, path: StrPath) -> list[Entry]:
            if os.fspath(path).endswith("/r2") and self.failures:
                self.failures -= 1
                raise RuntimeError("a bug")
            return super().list(path)

    RunSpec(tmp_path)
    RunSpec(tmp_path, "mnist", "r2")
    watch = Watch(tmp_path, disk=StumblingDisk())

    async def work() -> None:
        await watch.until(lambda: {f"mnist/r{n}/main.0001.tlog" for n in (1, 2)} == watch.found.keys())

    watch.do(work)
    assert [f"{tmp_path} cannot be looked at: RuntimeError: a bug; trying again"] == watch.told


def test_a_deleted_run_is_told_with_its_logs(tmp_path: Path) -> None:
    """Also where its whole project goes; a root that goes is a disk that is away, and told by nobody."""
    run = RunSpec(tmp_path / "root")
    other = RunSpec(tmp_path / "root", "cifar", "r2")
    watch = Watch(tmp_path / "root")

    async def work() -> None:
        await watch.until(lambda: len(watch.found) == 2)
        (tmp_path / "root").rename(tmp_path / "away")
        await watch.until(lambda: watch.lookouts.problems)
        (tmp_path / "away").rename(tmp_path / "root")
        await watch.until(lambda: watch.lookouts.run_count == 2)
        assert [] == watch.gone
        run.path.rename(tmp_path / "r1")
        await watch.until(lambda: watch.gone)
        other.path.parent.rename(tmp_path / "cifar")
        await watch.until(lambda: len(watch.gone) == 2)

    watch.do(work)
    assert ["mnist/r1", "cifar/r2"] == watch.gone
