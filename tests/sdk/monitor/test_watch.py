"""The monitor's life, step by step: with a clock that is moved by hand and trainers that are made up."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidelog.datastore import Reader, Writer
from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import LogName
from tidelog.sdk.monitor.death import Death
from tidelog.sdk.monitor.lock import MonitorLock
from tidelog.sdk.monitor.pace import FIRST_SAMPLE_S
from tidelog.sdk.monitor.trainer_log import TrainerLog
from tidelog.sdk.monitor.trainers import Deceased
from tidelog.sdk.monitor.watch import Watch

DISK = Disk()
LOG_ID = "0a" * 16
LOG = TrainerLog(LogName("main", 1), LOG_ID, 0, 7, 70)


class HandClock(Clock):
    """A clock whose times are set by the test."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.ticks = 0.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.ticks


class Script:
    """Trainers of whom each look finds what the test says: how many are left, and who has died.

    With each look some time passes. Something of theirs is always readable, so that nobody waits.
    """

    def __init__(
        self, clock: HandClock, fd: int, steps: list[tuple[float, int, list[Deceased]]]
    ) -> None:
        self.clock = clock
        self.steps = steps
        self.left = 0
        self.looks = 0
        self.pids: list[int] = []
        self.fds = [fd]
        self.is_dismissed = False

    def __bool__(self) -> bool:
        return self.left > 0

    def look(self, now: float) -> list[Deceased]:
        assert now == self.clock.ticks
        self.looks += 1
        elapsed_s, self.left, deceased = self.steps.pop(0)
        self.clock.ticks += elapsed_s
        return deceased

    def dismiss_first(self) -> None:
        self.is_dismissed = True


class Samples:
    """A sampler that counts."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.times: list[float] = []

    def sample(self, _moment: object) -> dict[str, float]:
        self.times.append(self.clock.ticks)
        return {"n": float(len(self.times))}


class Life:
    """A watch over made-up trainers."""

    def __init__(self, folder: Path, steps: list[Any], *, costs_s: float = 0.0) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.readable, end = os.pipe()
        os.close(end)
        self.trainers = Script(self.clock, self.readable, steps)
        self.samples = Samples(self.clock)
        self.path = str(folder / "lock")
        lock = MonitorLock.acquire(self.path, DISK)
        assert lock is not None
        word, self.word = os.pipe()
        cpu = iter(range(1000))
        self.watch = Watch(
            Writer(folder, stream="monitor", clock=self.clock),
            self.trainers,  # type: ignore[arg-type]
            lambda: self.samples,  # type: ignore[arg-type, return-value]
            lock,
            word,
            interval_s=10.0,
            disk=DISK,
            clock=self.clock,
            cpu_time=lambda: next(cpu) * costs_s,
        )
        self.heard = word

    def run(self) -> "Life":
        self.watch.run()
        return self

    def close(self) -> None:
        os.close(self.word)
        os.close(self.readable)
        if self.watch._word_fd >= 0:
            os.close(self.heard)


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[list[Life]]:
    begun: list[Life] = []
    yield begun
    for life in begun:
        life.close()


def steps(*elapsed: float, end: list[Deceased] | None = None) -> list[tuple[float, int, list[Deceased]]]:
    """So much time passes at each look; at the last two nobody is left."""
    return [*((each, 1, []) for each in elapsed), (0.0, 0, end or []), (0.0, 0, [])]


def test_the_first_sample_comes_soon_and_the_others_at_the_interval(
    tmp_path: Path, lives: list[Life]
) -> None:
    """Before the first there is a look at all counters, which is no sample."""
    lives.append(life := Life(tmp_path, steps(0.0, FIRST_SAMPLE_S, 9.0, 1.0, 10.0, 1.0)))
    life.run()
    assert [0.0, 1.0, 11.0, 21.0] == life.samples.times
    with Reader(tmp_path) as run:
        assert [2.0, 3.0, 4.0] == list(run.system()["n"])


def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, lives: list[Life]) -> None:
    """Intervals are of the clock that never goes back; rows tell the other one's time."""
    lives.append(life := Life(tmp_path, steps(0.0, 1.0, 10.0, 0.5)))
    sample = life.samples.sample

    def jump(moment: object) -> dict[str, float]:
        life.clock.time -= 86400.0
        return sample(moment)

    life.samples.sample = jump  # type: ignore[method-assign]
    life.run()
    with Reader(tmp_path) as run:
        times = list(run.system()["_time"])
    assert [1000.0 - 2 * 86400, 1000.0 - 3 * 86400] == times


def test_samples_that_cost_much_are_rarer(tmp_path: Path, lives: list[Life]) -> None:
    """A tenth of a second of processor time: the next one comes after twenty seconds."""
    lives.append(life := Life(tmp_path, steps(0.0, 1.0, 10.0, 9.0, 1.0, 1.0), costs_s=0.1))
    life.run()
    assert [0.0, 1.0, 21.0] == life.samples.times


def test_a_run_that_is_over_before_the_first_sample_has_one(tmp_path: Path, lives: list[Life]) -> None:
    """A short run is a run."""
    lives.append(life := Life(tmp_path, steps()))
    life.run()
    with Reader(tmp_path) as run:
        assert 1 == len(run.system())


def test_a_death_is_recorded_and_ends_the_monitors_log(tmp_path: Path, lives: list[Life]) -> None:
    """It names the log that was left open."""
    died = Deceased(LOG, Death(-9, "killed by SIGKILL"))
    lives.append(life := Life(tmp_path, steps(0.1, end=[died])))
    life.run()
    with Reader(tmp_path) as run:
        exits = [record.data for record in run.records() if record.kind == "exit"]
        assert ("crashed", -9) == (run.state, run.exit_code)
    assert {"code": -9, "reason": "killed by SIGKILL", "log": LOG_ID} == exits[0]
    assert {"code": -9, "reason": "killed by SIGKILL"} == exits[1]


def test_who_comes_while_the_lock_is_given_up_is_watched_on(tmp_path: Path, lives: list[Life]) -> None:
    """It found the lock taken, and counts on us."""
    comes = [(0.1, 0, []), (0.1, 1, []), (0.1, 1, []), (0.1, 0, []), (0.1, 0, [])]
    lives.append(life := Life(tmp_path, comes))
    life.run()
    assert ([], 5) == (life.trainers.steps, life.trainers.looks)
    assert not (tmp_path / "lock").exists()


def test_the_faster_of_two_monitors_watches_on(tmp_path: Path, lives: list[Life]) -> None:
    """Where another one has the lock by then, this one ends."""
    lives.append(life := Life(tmp_path, [(0.1, 0, []), (0.1, 1, [])]))
    look = life.trainers.look

    def look_and_lose(now: float) -> list[Deceased]:
        if life.trainers.looks == 1:
            others.append(MonitorLock.acquire(life.path, DISK))
        return look(now)

    others: list[MonitorLock | None] = []
    life.trainers.look = look_and_lose  # type: ignore[method-assign]
    life.run()
    assert [] == life.trainers.steps
    (other,) = others
    assert other is not None
    assert (tmp_path / "lock").exists()
    other.release()


def test_the_word_dismisses_the_first_trainer(tmp_path: Path, lives: list[Life]) -> None:
    """It wakes the monitor at once."""
    lives.append(life := Life(tmp_path, steps(0.1)))
    os.write(life.word, b".")
    life.run()
    assert life.trainers.is_dismissed


def test_a_trainer_that_has_closed_its_pipe_is_watched_on(tmp_path: Path, lives: list[Life]) -> None:
    """A daemon may close all its descriptors, and exec does: that is no word."""
    lives.append(life := Life(tmp_path, steps(0.1, 0.1, 0.1)))
    os.close(life.word)
    life.word = os.dup(2)
    life.run()
    assert not life.trainers.is_dismissed
    assert -1 == life.watch._word_fd
