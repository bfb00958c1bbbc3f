"""The log of a daemon in the background: bounded, whatever happens to it meanwhile."""

import errno
import logging
import os
import subprocess
import sys
from pathlib import Path

from tidelog.datastore.disk import Disk
from tidelog.syncd.log_file import LogFile, part_of

LINE = "x" * 49  # 50 bytes with its end.


def event(message: str) -> logging.LogRecord:
    return logging.LogRecord("test", logging.INFO, "", 0, message, None, None)


def test_the_log_is_bounded_and_no_line_is_torn(tmp_path: Path) -> None:
    """So many parts of so many bytes, the youngest lines in them; for this account alone."""
    path = tmp_path / "daemon.log"
    log = LogFile(path, disk=Disk(), bytes_max=200, parts_max=3)
    for number in range(100):
        log.emit(event(f"{number:03}{LINE[3:]}"))
    log.close()
    parts = [part_of(path, number) for number in (2, 1, 0)]
    assert sorted(parts) == sorted(tmp_path.iterdir())
    assert all(200 >= part.stat().st_size for part in parts)
    lines = "".join(part.read_text() for part in parts).splitlines()
    assert [f"{number:03}" for number in range(88, 100)] == [line[:3] for line in lines]
    assert {0o600} == {part.stat().st_mode & 0o777 for part in parts}


def test_a_line_longer_than_a_part_is_written_whole(tmp_path: Path) -> None:
    """A part holds one line at least."""
    log = LogFile(tmp_path / "log", disk=Disk(), bytes_max=10, parts_max=2)
    log.emit(event("a" * 30))
    log.emit(event("b" * 30))
    log.close()
    assert ("a" * 30, "b" * 30) == tuple(
        (tmp_path / name).read_text().strip() for name in ("log.1", "log")
    )


def test_a_log_that_somebody_deleted_is_begun_anew(tmp_path: Path) -> None:
    """What nobody can read is not written on."""
    log = LogFile(tmp_path / "log", disk=Disk())
    log.emit(event("before"))
    (tmp_path / "log").unlink()
    log.emit(event("after"))
    log.close()
    assert "after\n" == (tmp_path / "log").read_text()


class FullDisk(Disk):
    """Takes nothing while `is_full`."""

    is_full = False

    def write(self, fd: int, data: bytes) -> int:  # type: ignore[override]
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(fd, data)


def test_a_full_disk_stops_nobody_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    """Once there is room again, the next line says how many were not written."""
    disk = FullDisk()
    log = LogFile(tmp_path / "log", disk=disk)
    disk.is_full = True
    for _ in range(3):
        log.emit(event("lost"))
    disk.is_full = False
    log.emit(event("kept"))
    log.emit(event("and on"))
    log.close()
    assert ["3 lines before this one could not be written", "kept", "and on"] == (
        (tmp_path / "log").read_text().splitlines()
    )


PROGRAM = """
import logging, os, sys
from pathlib import Path
from tidelog.datastore.disk import Disk
from tidelog.syncd.log_file import LogFile
log = LogFile(Path(sys.argv[1]), disk=Disk(), bytes_max=100, parts_max=2)
log.take_stdio()
for _ in range(5):
    log.emit(logging.LogRecord("t", 20, "", 0, "x" * 60, None, None))
os.write(1, b"printed\\n")
os.write(2, b"a crash\\n")
"""


def test_what_is_printed_past_the_log_lands_in_its_youngest_part(tmp_path: Path) -> None:
    """A traceback of a crash too, after any number of rotations."""
    path = tmp_path / "log"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True
    )
    assert ("", "") == (done.stdout, done.stderr)
    assert ["x" * 60, "printed", "a crash"] == path.read_text().splitlines()
