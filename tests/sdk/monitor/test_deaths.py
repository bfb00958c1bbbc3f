"""Trainers that die without a word, as processes: the monitor says when, how and why."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from monitored import deaths_of, is_closed, is_running
from waiting import until

from tidelog.datastore import Reader
from tidelog.datastore.state import Machine

StartMonitored = Callable[..., Any]

AN_HOUR = "3600"


@pytest.mark.parametrize(
    ("code", "words", "end"),
    [
        (-9, "killed by SIGKILL", "os.kill(os.getpid(), signal.SIGKILL)"),
        (-11, "killed by SIGSEGV", "os.kill(os.getpid(), signal.SIGSEGV)"),
        (-15, "killed by SIGTERM", "os.kill(os.getpid(), signal.SIGTERM)"),
        (3, "exit code 3 without finish()", "os._exit(3)"),
        (0, "exit code 0 without finish()", "os._exit(0)"),
    ],
)
def test_a_death_without_a_word_is_told_and_waits_for_no_sample(
    script: StartMonitored, code: int, words: str, end: str
) -> None:
    """With its code and its reason, and all that was logged; then the monitor ends, too.

    The next sample would come in an hour.
    """
    trainer = script(end, TIDELOG_MONITOR=AN_HOUR).until_sampled()
    trainer.end()
    (death,) = until(lambda: deaths_of(trainer.run))
    assert (code, True) == (death["code"], words in death["reason"])
    until(lambda: is_closed(trainer.run))
    with Reader(trainer.run) as run:
        assert ("crashed", code, death["reason"]) == (run.state, run.exit_code, run.exit_reason)
        assert (1, {"loss": 0.5}) == (run.rows, run.summary)


def test_a_death_is_known_where_the_process_cannot_be_asked_for(script: StartMonitored) -> None:
    """As on the machine to which the run was carried."""
    trainer = script("os.kill(os.getpid(), signal.SIGKILL)").until_sampled()
    trainer.end()
    until(lambda: is_closed(trainer.run))
    elsewhere = Machine("elsewhere", None, lambda pid, started: False)
    with Reader(trainer.run) as run:
        outline = run._logs.outline()
    assert "crashed" == outline.state(now=time.time() + 9999, machine=elsewhere)


@pytest.mark.parametrize(
    ("state", "code", "end"),
    [
        ("finished", 0, "pass"),
        ("failed", 3, "sys.exit(3)"),
        ("failed", 1, "raise ValueError('x')"),
        ("finished", 0, "run.finish(); os._exit(3)"),
    ],
)
def test_who_ends_properly_speaks_for_himself(
    script: StartMonitored, state: str, code: int, end: str
) -> None:
    """The monitor adds nothing, and its log is whole by the time that the process has ended."""
    trainer = script(end).until_sampled()
    trainer.end()
    with Reader(trainer.run / "monitor.0001.tlog") as monitor:
        assert "finished" == monitor.state
    assert [] == deaths_of(trainer.run)
    with Reader(trainer.run) as run:
        assert (state, code, 1, []) == (run.state, run.exit_code, run.rows, run.damage)


def test_a_forked_child_that_lives_on_does_not_hide_the_death(script: StartMonitored) -> None:
    """It has copies of the trainer's descriptors, and is no trainer."""
    end = """
child = os.fork()
if child == 0:
    run.log({"of_child": 1})
    time.sleep(600)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    trainer = script(end).until_sampled()
    trainer.end()
    child = int(trainer.line())
    try:
        until(lambda: is_closed(trainer.run))
        assert [-9] == [death["code"] for death in deaths_of(trainer.run)]
        assert is_running(child)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_trainer_that_is_suspended_is_not_dead(script: StartMonitored) -> None:
    """Ctrl-Z, a debugger, a batch system that suspends jobs; it is sampled on."""
    trainer = script("pass").until_sampled()
    os.kill(trainer.pid, signal.SIGSTOP)
    trainer.until_sampled_again(8)
    assert [] == deaths_of(trainer.run)
    os.kill(trainer.pid, signal.SIGCONT)
    assert 0 == trainer.end()
    with Reader(trainer.run) as run:
        assert "finished" == run.state


def test_a_run_that_is_resumed_after_a_death_has_its_own_end(
    script: StartMonitored, tmp_path: Path
) -> None:
    """The next life has a monitor of its own, and what the first one said is overruled."""
    script("os._exit(3)").until_sampled().end()
    run = tmp_path / "root" / "p" / "r"
    until(lambda: is_closed(run))
    (tmp_path / "root.go").unlink()
    again = script("run.finish()")
    until(lambda: (run / "monitor.0002.tlog").exists())
    with Reader(run) as reader:
        assert ("running", None) == (reader.state, reader.exit_code)
    assert 0 == again.end()
    with Reader(run) as reader:
        assert ("finished", 0, 2) == (reader.state, reader.exit_code, reader.rows)


@pytest.fixture
def memory_cgroup() -> Iterator[Path]:
    """Give a memory cgroup of our own, of version 1, below the one that we are in."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = next((line.split(":", 2)[2] for line in lines if ":memory:" in line), "")
    folder = Path("/sys/fs/cgroup/memory", own.lstrip("/"), f"tidelog-test-{os.getpid()}")
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here ({error}): test_oom.py has its counters as text")
    yield folder
    until(lambda: not (folder / "cgroup.procs").read_text())
    folder.rmdir()


def test_a_kill_by_the_oom_killer_is_told_as_one(script: StartMonitored, memory_cgroup: Path) -> None:
    """With the limit that was reached: a real limit, and the kernel's own kill."""
    limit = 192 * 1024 * 1024
    (memory_cgroup / "memory.limit_in_bytes").write_text(str(limit))
    trainer = script("held = [b'x' * 2**20 for _ in range(2000)]")
    (memory_cgroup / "cgroup.procs").write_text(str(trainer.pid))
    trainer.until_sampled()
    assert -9 == trainer.end()
    (death,) = until(lambda: deaths_of(trainer.run))
    reason = "the OOM killer: the memory limit of the cgroup, 201.3 MB, was reached"
    assert (-9, reason) == (death["code"], death["reason"])
    with Reader(trainer.run) as run:
        assert limit == run.system()["system/cgroup/memory_limit_bytes"][0]
