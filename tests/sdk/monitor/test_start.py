"""The trainer's side of the monitor: nothing that goes wrong there reaches training."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from waiting import PATIENCE_S, until

from tidelog.datastore.disk import Disk
from tidelog.sdk.monitor.start import Handles, Monitor, monitor_command
from tidelog.sdk.notices import Notices


class Spawner:
    """Takes the place of starting a process: keeps what it is given."""

    def __init__(self, outcome: int | Exception = 0) -> None:
        self.outcome = outcome
        self.commands: list[list[str]] = []
        self.inherited: list[int] = []

    def __call__(self, command: Sequence[str], *, pass_fds: Sequence[int]) -> Callable[[], int]:
        self.commands.append(list(command))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        self.inherited += [os.dup(fd) for fd in pass_fds]  # As a child has them.
        outcome = self.outcome
        return lambda: outcome

    def end(self) -> None:
        for fd in self.inherited:
            os.close(fd)
        self.inherited.clear()


def monitor(
    tmp_path: Path, spawn: Spawner, *, notices: Notices | None = None, delay_s: float = 0.0
) -> Monitor:
    return Monitor(
        tmp_path,
        "main.0001.tlog",
        interval_s=2.5,
        notices=notices or Notices(),
        disk=Disk(),
        environ={"TMPDIR": str(tmp_path)},
        spawn=spawn,
        delay_s=delay_s,
    )


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_command_keeps_the_working_directory_out() -> None:
    """A folder of runs named `tidelog` lies in it."""
    expected = [sys.executable, "-P", "-m", "tidelog.sdk.monitor"]
    expected += ["/runs/r", "main.0001.tlog", "2.5", "5", "6", "7"]
    assert expected == monitor_command("/runs/r", "main.0001.tlog", 2.5, Handles(5, 6, 7))


def test_a_monitor_is_started_once_per_run(tmp_path: Path) -> None:
    """As long as one lives; then another process may start the next."""
    spawn = Spawner()
    first, second = monitor(tmp_path, spawn), monitor(tmp_path, spawn)
    first.start()
    until(lambda: spawn.inherited)
    second._start_soon()
    assert 1 == len(spawn.commands)
    spawn.end()
    second._start_soon()
    assert 2 == len(spawn.commands)
    spawn.end()
    first.stop()
    second.stop()


def test_the_word_reaches_the_monitor_and_its_end_is_waited_for(tmp_path: Path) -> None:
    """What stays open in the trainer is closed by then."""
    before = descriptors()
    spawn = Spawner()
    started = monitor(tmp_path, spawn)
    started._start_soon()
    _lock, word, _end = spawn.inherited
    os.set_blocking(word, False)
    with pytest.raises(BlockingIOError):
        os.read(word, 1)
    started._stopping.clear()
    import threading

    stopping = threading.Thread(target=started.stop)
    stopping.start()
    assert b"." == until(lambda: _read(word))
    spawn.end()
    stopping.join(PATIENCE_S)
    assert not stopping.is_alive()
    assert before == descriptors()


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 1)
    except BlockingIOError:
        return b""


def test_a_run_that_is_over_at_once_starts_none(tmp_path: Path) -> None:
    """Nor does its end wait for anything."""
    spawn = Spawner()
    short = monitor(tmp_path, spawn, delay_s=3600.0)
    short.start()
    short.stop()
    short._start_soon()
    assert [] == spawn.commands


def test_a_dead_monitor_is_no_trouble_at_the_end(tmp_path: Path) -> None:
    """It may have been killed: nobody hears the word."""
    spawn = Spawner()
    started = monitor(tmp_path, spawn)
    started._start_soon()
    spawn.end()
    started.stop()
    started.stop()


@pytest.mark.parametrize("outcome", [OSError(12, "Cannot allocate memory"), TypeError("None"), 1])
def test_a_monitor_that_does_not_start_is_told_once(
    tmp_path: Path, outcome: int | Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is lost and how to do without; the lock is free again, no descriptor is left."""
    before = descriptors()
    spawn, notices = Spawner(outcome), Notices()
    for _ in range(2):
        failing = monitor(tmp_path, spawn, notices=notices)
        failing._start_soon()
        spawn.end()
        failing.stop()
    (line,) = capsys.readouterr().err.splitlines()
    assert "no system metrics are recorded, training goes on; TIDELOG_MONITOR=off" in line
    assert 2 == len(spawn.commands)
    assert before == descriptors()


def test_a_run_directory_that_is_gone_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody deleted it right after init."""
    monitor(tmp_path / "gone", Spawner())._start_soon()
    assert "the monitor could not be started" in capsys.readouterr().err


def test_a_forked_child_stops_nothing(tmp_path: Path) -> None:
    """The monitor is its parent's; a lock that a thread held at the fork is not waited for."""
    spawn = Spawner()
    started = monitor(tmp_path, spawn)
    started._start_soon()
    with started._lock:
        child = os.fork()
        if child == 0:
            started.stop()
            os._exit(0)
        until(lambda: os.waitpid(child, os.WNOHANG)[0])
    os.set_blocking(spawn.inherited[1], False)
    assert b"" == _read(spawn.inherited[1])
    spawn.end()
    started.stop()
