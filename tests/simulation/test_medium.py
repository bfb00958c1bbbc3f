"""The simulated disk: what a power cut may take, and what it must leave."""

import errno
from collections.abc import Iterator
from random import Random

import pytest
from simulation.disk import Faults, SimulatedDisk
from simulation.loop import Killed
from simulation.medium import Medium

SEEDS = range(200)


def media() -> Iterator[tuple[Medium, SimulatedDisk, Faults]]:
    """Yield a fresh disk for each seed."""
    for seed in SEEDS:
        medium, faults = Medium(lambda: 0.0, Random(seed)), Faults()
        yield medium, SimulatedDisk(medium, faults), faults


def left(medium: Medium) -> dict[str, bytes]:
    """Cut the power and return the files."""
    medium.cut_power()
    return {path: bytes(file.data) for path, file in medium.files("")}


def test_what_was_synced_survives_a_power_cut() -> None:
    """Bytes by their own sync, names by that of their folder."""
    for medium, disk, _ in media():
        disk.make_directory("/a/b")
        disk.replace("/a/b/file", b"x" * 700)
        assert left(medium) == {"/a/b/file": b"x" * 700}


def test_what_was_not_synced_may_be_gone_torn_or_there() -> None:
    """Over many seeds each of these is seen."""
    seen = set()
    for medium, disk, _ in media():
        fd = disk.create("/file")
        disk.sync_directory("/")
        disk.write(fd, b"x" * 700)
        seen.add(left(medium)["/file"])
    assert {b"", b"x" * 350, b"x" * 700, bytes(700)} <= seen


def test_a_name_that_was_not_synced_may_be_gone() -> None:
    """The sync of a file is not that of its name."""
    seen = set()
    for medium, disk, _ in media():
        fd = disk.create("/file")
        disk.write(fd, b"x")
        disk.fdatasync(fd)
        seen.add(tuple(left(medium).items()))
    assert {(), (("/file", b"x"),)} == seen


def test_a_rename_is_one_step() -> None:
    """The old file or the new one, never none and never both."""
    for medium, disk, _ in media():
        disk.replace("/file", b"old")
        disk.place("/file", b"new")
        files = left(medium)
        assert files["/file"] in (b"old", b"new", b"", bytes(3), b"n")


def test_no_later_sync_saves_what_a_failed_one_dropped() -> None:
    """As on Linux: pages count as clean after the error, and may be gone."""
    seen = set()
    for medium, disk, faults in media():
        fd = disk.create("/file")
        disk.sync_directory("/")
        disk.write(fd, b"x" * 700)
        faults.eio_sync = 1.0
        with pytest.raises(OSError, match=r"\[Errno 5\]"):
            disk.fdatasync(fd)
        faults.heal()
        disk.fdatasync(fd)
        seen.add(left(medium)["/file"])
    assert {b"", b"x" * 700, bytes(700)} <= seen


def test_the_dead_do_nothing() -> None:
    """From the call on at which it dies, no call of a process has an effect."""
    medium = Medium(lambda: 0.0, Random(1))
    died: list[bool] = []
    disk = SimulatedDisk(medium, Faults(), on_death=lambda: died.append(True))
    disk.die_in = 3
    with pytest.raises(Killed):
        disk.replace("/file", b"x")
    with pytest.raises(Killed):
        disk.remove("/file")
    assert [True] == died
    assert [] == [path for path, _ in medium.files("") if not path.endswith(".tmp")]


def test_a_full_disk_takes_nothing_and_gives_all() -> None:
    """ENOSPC for bytes and for names."""
    medium, faults = Medium(lambda: 0.0, Random(1)), Faults()
    disk = SimulatedDisk(medium, faults)
    disk.replace("/file", b"x")
    faults.is_full = True
    with pytest.raises(OSError, match=r"\[Errno 28\]") as caught:
        disk.replace("/other", b"y")
    assert errno.ENOSPC == caught.value.errno
    assert b"x" == disk.read("/file")
