"""A process of somebody else's is watched: whether it lives, and how it ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from waiting import until

from tidelog.datastore.disk import Disk
from tidelog.datastore.process import pid_started
from tidelog.sdk.monitor.process_watch import ProcessWatch, parse_zombie_status

DISK = Disk()
WAITS = "import os, sys\nsys.stdin.read(1)\n"


class Child:
    """A process that does what it is told once it is let go."""

    def __init__(self, end: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", WAITS + end], stdin=subprocess.PIPE)
        self.pid = self.process.pid
        self.started = pid_started(self.pid, DISK)

    def let_go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.process.kill()
        child.let_go()
        child.process.wait()


ENDS = [
    (9, "os.kill(os.getpid(), 9)"),
    (11, "os.kill(os.getpid(), 11)"),
    (3 << 8, "os._exit(3)"),
    (0, "os._exit(0)"),
]


@pytest.mark.parametrize("is_reaped", [True, False])
@pytest.mark.parametrize(("status", "end"), ENDS)
def test_an_end_is_seen_at_once_with_its_status(
    children: list[Child], status: int, end: str, is_reaped: bool
) -> None:
    """Whether the parent has fetched the status already, or leaves a zombie."""
    child = Child(end)
    children.append(child)
    watch = ProcessWatch.open(child.pid, child.started, DISK)
    assert watch is not None
    assert not watch.has_ended()
    child.let_go()
    if is_reaped:
        child.process.wait()
    until(watch.has_ended)
    if not is_reaped and status == 0:
        assert watch.exit_status() is None
    found = watch.exit_status(is_last_try=True)
    assert status == (None if found is None else found & ~0x80)  # Without "core dumped".
    watch.close()


def test_one_that_is_stopped_has_not_ended(children: list[Child]) -> None:
    """SIGSTOP, a debugger or a suspended job is no death."""
    child = Child("")
    children.append(child)
    watch = ProcessWatch.open(child.pid, child.started, DISK)
    assert watch is not None
    os.kill(child.pid, signal.SIGSTOP)
    until(lambda: b") T " in DISK.read(f"/proc/{child.pid}/stat"))
    assert not watch.has_ended()
    os.kill(child.pid, signal.SIGCONT)
    watch.close()


def test_another_process_with_the_same_id_is_not_watched() -> None:
    """An id counts with the start of its process alone."""
    here = pid_started(os.getpid(), DISK)
    assert here is not None
    assert ProcessWatch.open(os.getpid(), here - 1, DISK) is None


def test_a_process_that_has_ended_is_not_watched(children: list[Child]) -> None:
    """Nobody knows any more how it was."""
    child = Child("os._exit(0)")
    children.append(child)
    child.let_go()
    child.process.wait()
    assert ProcessWatch.open(child.pid, child.started, DISK) is None


@pytest.mark.parametrize("knows_start", [True, False])
def test_without_a_pidfd_a_process_is_asked_for(children: list[Child], knows_start: bool) -> None:
    """As on kernels before 5.3, and where no /proc tells its start; its zombie tells the status."""
    child = Child("os._exit(3)")
    children.append(child)
    watch = ProcessWatch(child.pid, child.started if knows_start else None, -1, DISK)
    assert not watch.has_ended()
    child.let_go()
    until(watch.has_ended)
    assert 3 << 8 == watch.exit_status()
    child.process.wait()
    assert watch.exit_status(is_last_try=True) is None


def test_watches_leave_no_descriptor(children: list[Child]) -> None:
    """Each is closed with its watch, and with one that is refused."""
    child = Child("")
    children.append(child)
    before = len(os.listdir("/proc/self/fd"))
    watch = ProcessWatch.open(child.pid, child.started, DISK)
    assert watch is not None
    watch.close()
    watch.close()
    assert ProcessWatch.open(child.pid, (child.started or 0) + 1, DISK) is None
    assert before == len(os.listdir("/proc/self/fd"))


HEAD = b"7 (a) Z (b)) "
TAIL = b" 1" * 48


def test_a_status_is_field_52_of_a_zombie() -> None:
    """A name may hold spaces and brackets; a process that runs has no status."""
    assert 768 == parse_zombie_status(HEAD + b"Z" + TAIL + b" 768\n")
    assert parse_zombie_status(HEAD + b"S" + TAIL + b" 0\n") is None
