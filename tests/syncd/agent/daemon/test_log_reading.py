"""Reading a log that is rotated meanwhile: every line once, in order."""

import random
from pathlib import Path

import pytest

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.log_place import log_place, unit_in
from tidelog.syncd.agent.daemon.log_reading import LogReading
from tidelog.syncd.log_file import LogFile


def write(log: LogFile, numbers: range) -> None:
    import logging

    for number in numbers:
        log.emit(logging.LogRecord("t", 20, "", 0, f"{number:09}", None, None))


def test_all_parts_are_read_oldest_first(tmp_path: Path) -> None:
    """The first look gives what there is, the next ones what is new."""
    log = LogFile(tmp_path / "log", disk=Disk(), bytes_max=50, parts_max=3)
    write(log, range(12))
    with LogReading(tmp_path / "log", disk=Disk()) as reading:
        assert [f"{number:09}" for number in range(12)] == reading.new_lines()
        assert [] == reading.new_lines()
        write(log, range(12, 13))
        assert ["000000012"] == reading.new_lines()
    log.close()


@pytest.mark.parametrize("seed", range(20))
def test_a_follower_gets_every_line_once_over_rotations(seed: int, tmp_path: Path) -> None:
    """However many lines and rotations, as long as not all parts are gone, lie between two looks."""
    chance = random.Random(seed)
    log = LogFile(tmp_path / "log", disk=Disk(), bytes_max=50, parts_max=4)
    told, taken = 0, []
    with LogReading(tmp_path / "log", disk=Disk(), parts_max=4) as reading:
        for _ in range(30):
            count = chance.randrange(0, 16)  # Five lines fill a part.
            write(log, range(told, told + count))
            told += count
            taken += reading.new_lines()
    log.close()
    assert [f"{number:09}" for number in range(told)] == taken, f"seed {seed}"


def test_a_line_is_given_once_it_is_whole(tmp_path: Path) -> None:
    """A log that is not there yet has none."""
    path = tmp_path / "log"
    with LogReading(path, disk=Disk()) as reading:
        assert [] == reading.new_lines()
        with path.open("ab", buffering=0) as log:
            log.write(b"a\nhal")
            assert ["a"] == reading.new_lines()
            log.write(b"f\n\xff\n")
            assert ["half", "\\xff"] == reading.new_lines()


def test_a_log_that_was_deleted_is_followed_in_its_new_file(tmp_path: Path) -> None:
    """As `tail -F` does."""
    path = tmp_path / "log"
    path.write_text("old\n")
    with LogReading(path, disk=Disk()) as reading:
        assert ["old"] == reading.new_lines()
        path.unlink()
        path.write_text("new\n")
        assert ["new"] == reading.new_lines()


def test_a_daemon_says_where_its_log_goes(tmp_path: Path) -> None:
    """A file that it was given, else what stderr leads to."""
    assert {"to": "file", "path": "/x/log"} == log_place("/x/log", {}, Disk())
    assert "stderr" == log_place(None, {}, Disk())["to"]


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        ("0::/system.slice/syncd.service\n", ("syncd.service", False)),
        ("0::/user.slice/user-1.slice/user@1.service/app.slice/syncd.service", ("syncd.service", True)),
        ("4:memory:/\n1:name=systemd:/system.slice/mine.service\n0::/\n", ("mine.service", False)),
        ("0::/user.slice/session-2.scope", (None, False)),
        ("", (None, False)),
    ],
)
def test_the_unit_is_named_by_the_control_group(cgroup: str, expected: tuple[str | None, bool]) -> None:
    """The innermost service, and whether a user's manager runs it."""
    assert expected == unit_in(cgroup)
