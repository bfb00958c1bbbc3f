"""One monitor per machine and run: the lock is one's alone, and its holder's death gives it up."""

import os
import subprocess
import sys
from pathlib import Path

from tidelog.datastore.disk import Disk
from tidelog.sdk.monitor.lock import MonitorLock, lock_path

DISK = Disk()


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    """Given up, it is free, and leaves no file behind."""
    path = str(tmp_path / "lock")
    lock = MonitorLock.acquire(path, DISK)
    assert lock is not None
    assert MonitorLock.acquire(path, DISK) is None
    lock.release()
    assert [] == os.listdir(tmp_path)
    again = MonitorLock.acquire(path, DISK)
    assert again is not None
    again.release()


def test_a_lock_that_is_given_up_twice_is_not_taken_from_its_next_holder(tmp_path: Path) -> None:
    """The file of the same name is another's by then."""
    path = str(tmp_path / "lock")
    first = MonitorLock.acquire(path, DISK)
    assert first is not None
    first.release()
    second = MonitorLock.acquire(path, DISK)
    assert second is not None
    first.release()
    assert MonitorLock.acquire(path, DISK) is None
    second.release()


def test_a_file_that_is_removed_while_it_is_opened_locks_nobody_out(tmp_path: Path) -> None:
    """Its last holder gave it up between our open and our lock."""
    path = str(tmp_path / "lock")

    class SlowDisk(Disk):
        is_first = True

        def open_update(self, path: object, *, mode: int = 0o666) -> int:
            fd = super().open_update(path, mode=mode)  # type: ignore[arg-type]
            if self.is_first:
                self.is_first = False
                os.unlink(str(path))
            return fd

    lock = MonitorLock.acquire(path, SlowDisk())
    assert lock is not None
    assert MonitorLock.acquire(path, DISK) is None
    lock.release()


def test_a_holder_that_is_killed_gives_it_up(tmp_path: Path) -> None:
    """Also where it was handed on: it goes with the last of those who hold it."""
    path = str(tmp_path / "lock")
    lock = MonitorLock.acquire(path, DISK)
    assert lock is not None
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock.fd]
    ) as heir:
        lock.let_go()
        assert MonitorLock.acquire(path, DISK) is None
        heir.kill()
    again = MonitorLock.acquire(path, DISK)
    assert again is not None
    again.release()


def test_all_paths_to_a_run_lead_to_one_lock(tmp_path: Path) -> None:
    """Through links as well; runs have locks of their own, on this machine and not in the run."""
    (tmp_path / "run").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "latest").symlink_to("run")
    environ = {"TMPDIR": str(tmp_path)}
    path = lock_path(str(tmp_path / "run"), environ, DISK)
    assert path == lock_path(str(tmp_path / "latest"), environ, DISK)
    assert path != lock_path(str(tmp_path / "other"), environ, DISK)
    assert str(tmp_path) == os.path.dirname(path)
    assert f"-{os.getuid()}-" in path


def test_the_users_runtime_folder_is_taken_where_there_is_one(tmp_path: Path) -> None:
    """One that is named and not there, as in many batch jobs, is not."""
    environ = {"XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": "/nowhere"}
    assert str(tmp_path) == os.path.dirname(lock_path("/", environ, DISK))
    assert "/tmp" == os.path.dirname(lock_path("/", {"XDG_RUNTIME_DIR": "/nowhere"}, DISK))
