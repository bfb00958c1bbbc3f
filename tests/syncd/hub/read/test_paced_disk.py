"""How a look at a run is kept short, or lets others have their turn."""

import threading
from pathlib import Path

import pytest
from reading_disk import ReadingDisk

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.hub.read.paced_disk import (
    WORK_S,
    PacedDisk,
    TakesLongError,
    at_ease,
    no_pause,
    within,
)


class HandClock(Clock):
    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at


class Ending(threading.Event):
    """Notes how long somebody wanted to wait, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


def read(path: Path, pause, sizes: list[int]) -> list[bytes]:
    disk = PacedDisk(Disk(), pause)
    fd = disk.open(path)
    try:
        return [disk.read_at(fd, 0, size) for size in sizes]
    finally:
        disk.close(fd)


def test_a_short_look_ends_once_it_has_read_too_much(tmp_path: Path) -> None:
    """What was read counts, not what was asked for."""
    path = tmp_path / "log"
    path.write_bytes(b"x" * 10)
    assert [b"x" * 10] * 3 == read(path, within(30), [10, 10, 10])
    assert [b"x" * 10] * 2 == read(path, no_pause, [1000, 1000])
    with pytest.raises(TakesLongError):
        read(path, within(30), [10, 10, 10, 10])


def test_a_short_look_takes_no_memory_for_what_it_must_not_read(tmp_path: Path) -> None:
    """It ends before that is read."""
    path, disk = tmp_path / "log", ReadingDisk()
    path.write_bytes(b"x" * 1000)
    paced = PacedDisk(disk, within(30))
    fd = paced.open(path)
    with pytest.raises(TakesLongError):
        paced.read_at(fd, 0, 1000)
    paced.close(fd)
    assert 0 == disk.bytes_read


def test_a_long_look_rests_as_long_as_it_works_and_ends_when_it_is_told(tmp_path: Path) -> None:
    """So a hub that is stopped waits for none."""
    clock, ending = HandClock(), Ending()
    pause = at_ease(clock, ending)
    pause(1)
    clock.at = WORK_S * 3
    pause(1)
    pause(1)
    assert [WORK_S * 3] == ending.waits
    ending.set()
    clock.at += WORK_S
    with pytest.raises(TakesLongError):
        pause(1)
