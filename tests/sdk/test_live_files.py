import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE_S, until

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import WriterClosedError
from tidelog.sdk.live_files import LiveFiles
from tidelog.sdk.notices import Notices
from tidelog.sdk.saving import FileSaver

INTERVAL_S = 0.01


class Recorded:
    """Live files of one run, the ledger that they write, and what the run holds."""

    def __init__(
        self, run: Path, disk: Disk | None = None, record: Callable[[Any], None] | None = None
    ) -> None:
        self.run = run
        self.ledger: list[dict[str, Any]] = []
        self.files = FileSaver(
            run, disk=disk or Disk(), notices=Notices(), record=record or self.ledger.append
        )
        self.live = LiveFiles(self.files, notices=Notices(), interval_s=INTERVAL_S)

    def content(self, name: str = "files/m") -> bytes:
        path = self.run / name
        return path.read_bytes() if path.exists() else b""

    def wait_for(self, content: bytes, name: str = "files/m") -> None:
        until(lambda: self.content(name) == content)

    def last(self, name: str = "files/m") -> tuple[str, str]:
        entry = [entry for entry in self.ledger if entry["path"] == name][-1]
        return entry["sha256"], entry["policy"]


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    (tmp_path / "work" / "run").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    return Recorded(tmp_path / "work" / "run")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_live_file_is_copied_again_while_the_run_goes_on(recorded: Recorded) -> None:
    """Each change is in the run and in the ledger soon, without another call."""
    Path("m").write_bytes(b"1")
    recorded.files.save("m", base_path=None, policy="live")
    recorded.live.keep("m", None, policy="live")
    for data in (b"22", b"333"):
        Path("m").write_bytes(data)
        recorded.wait_for(data)
        until(lambda data=data: recorded.last() == (sha256(data), "live"))  # type: ignore[misc]
    recorded.live.stop()
    assert 1 == recorded.files.count


def test_a_file_that_appears_later_is_live_too(recorded: Recorded) -> None:
    """A pattern may be given before the first checkpoint is written, and the script may go elsewhere."""
    recorded.live.keep("out/*.pt", None, policy="live")
    work = Path.cwd()
    Path("elsewhere").mkdir()
    os.chdir("elsewhere")
    (work / "out").mkdir()
    (work / "out" / "a.pt").write_bytes(b"1")
    recorded.wait_for(b"1", "files/out/a.pt")
    recorded.live.stop()


def test_the_last_version_counts_however_fast_it_came(recorded: Recorded) -> None:
    """A file of the same size, written within one tick of the clock, is found out at the end."""
    Path("m").write_bytes(b"1")
    status = os.stat("m")
    recorded.files.save("m", base_path=None, policy="live")
    recorded.live.keep("m", None, policy="live")
    Path("m").write_bytes(b"2")
    os.utime("m", ns=(status.st_atime_ns, status.st_mtime_ns))
    recorded.live.stop()
    assert (b"2", (sha256(b"2"), "live")) == (recorded.content(), recorded.last())


def test_a_file_that_is_written_all_the_time_ends_whole(recorded: Recorded) -> None:
    """Whatever half was seen on the way, ledger and copy agree in the end on what the script wrote."""
    stop = threading.Event()

    def write() -> None:
        with open("m", "wb", buffering=0) as file:
            while not stop.is_set():
                file.write(os.urandom(1000))

    writer = threading.Thread(target=write)
    writer.start()
    recorded.live.keep("m", None, policy="live")
    time.sleep(20 * INTERVAL_S)  # Time in which something might go wrong.
    stop.set()
    writer.join()
    recorded.live.stop()
    data = Path("m").read_bytes()
    assert (data, sha256(data)) == (recorded.content(), recorded.last()[0])


def test_policy_end_copies_at_the_end_alone(recorded: Recorded) -> None:
    """What is there then."""
    Path("m").write_bytes(b"1")
    recorded.live.keep("m", None, policy="end")
    assert b"" == recorded.content()
    Path("m").write_bytes(b"2")
    recorded.live.stop()
    assert (b"2", (sha256(b"2"), "end")) == (recorded.content(), recorded.last())


def test_what_did_not_change_is_not_copied_at_the_end(recorded: Recorded) -> None:
    """A file of an hour ago, saved live, is one copy."""
    Path("m").write_bytes(b"1")
    os.utime("m", (1, 1))
    recorded.files.save("m", base_path=None, policy="live")
    recorded.live.keep("m", None, policy="live")
    inode = (recorded.run / "files" / "m").stat().st_ino
    recorded.live.stop()
    assert inode == (recorded.run / "files" / "m").stat().st_ino
    assert 1 == len(recorded.ledger)


def test_a_live_file_that_is_removed_stays_in_the_run(
    recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run has its last copy."""
    Path("m").write_bytes(b"1")
    recorded.files.save("m", base_path=None, policy="live")
    recorded.live.keep("*", None, policy="live")
    os.remove("m")
    recorded.live.stop()
    assert b"1" == recorded.content()


class SlowDisk(Disk):
    """A disk on which a look at a folder takes a while, and which counts them."""

    looks = 0

    def glob(self, pattern: str) -> list[str]:
        self.looks += 1
        time.sleep(0.02)
        return []


def test_looking_takes_a_small_share_of_the_time(recorded: Recorded) -> None:
    """A look of 20 ms is followed by a second of rest, however short the interval is."""
    disk = SlowDisk()
    slow = Recorded(recorded.run, disk)
    slow.live.keep("*.none", None, policy="live")
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 0.6 and disk.looks)
    assert disk.looks <= 1 + (time.monotonic() - began) / 1.0
    slow.live.stop()


class BrokenDisk(Disk):
    """A disk that fails in an unforeseen way."""

    def stat(self, path: StrPath) -> os.stat_result:
        raise RuntimeError("a bug")


def test_trouble_of_any_kind_stays_here(recorded: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    """One file's does not keep the others from being saved; a closed log is no trouble."""
    Path("m").write_bytes(b"1")

    def closed(entry: object) -> None:
        raise WriterClosedError("closed")

    broken, late = Recorded(recorded.run, BrokenDisk()), Recorded(recorded.run, record=closed)
    for each in (broken, late):
        each.live.keep("m", None, policy="end")
        each.live.stop()
    (line,) = capsys.readouterr().err.splitlines()
    assert "a bug" in line
    assert "training goes on" in line


def test_a_forked_child_may_save_while_the_parents_thread_copies(recorded: Recorded) -> None:
    """A lock that a thread of the parent held at the fork is nobody's in the child."""
    Path("m").write_bytes(b"1")
    with recorded.files._lock:
        holder = threading.Thread(target=recorded.files._lock.acquire, daemon=True)
    holder.start()
    holder.join(PATIENCE_S)
    pid = os.fork()
    if pid == 0:
        saved = recorded.files.save("m", base_path=None, policy="now")
        os._exit(0 if saved else 1)
    deadline = time.monotonic() + PATIENCE_S
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    assert (pid, 0) == ended
