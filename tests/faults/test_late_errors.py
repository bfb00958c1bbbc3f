"""Errors that come at the wrong moment: after the bytes got there, or never."""

import errno
import os
import threading
from pathlib import Path

import pytest
from waiting import PATIENCE_S

from tidelog.datastore import Reader, Writer, WriterLimits
from tidelog.datastore.disk import Disk


class LateDisk(Disk):
    """Takes the bytes of a write that holds `mark`, and then says that it failed, once."""

    def __init__(self, mark: bytes) -> None:
        self.mark: bytes | None = mark

    def write(self, fd: int, data: bytes) -> int:  # type: ignore[override]
        taken = os.write(fd, data)
        if self.mark is not None and self.mark in data:
            self.mark = None
            raise OSError(errno.EIO, "an earlier write failed")
        return taken


class FirstSyncFails(Disk):
    """Fails the first fdatasync."""

    has_failed = False

    def fdatasync(self, fd: int) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise OSError(errno.EIO, "I/O error")
        super().fdatasync(fd)


class HungDisk(Disk):
    """fdatasync does not return before `released` is set."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.is_waiting = threading.Event()

    def fdatasync(self, fd: int) -> None:
        self.is_waiting.set()
        self.released.wait()
        super().fdatasync(fd)


LIMITS = WriterLimits(reopen_backoff_first_s=0.001, sync_interval_s=0.01)


def silent(_problem: str) -> None:
    pass


def values(directory: Path) -> list[object]:
    with Reader(directory) as run:
        assert [] == run.damage
        return [record.data["a"] for record in run.records() if record.kind == "row"]


def test_a_row_whose_write_failed_late_counts_once(tmp_path: Path) -> None:
    """It is in both files, and the second says so."""
    writer = Writer(tmp_path, disk=LateDisk(b"needle"), on_problem=silent, limits=LIMITS)
    for text in ("hay", "needle", "straw"):
        writer.log_row({"a": text}, step=0)
    writer.close()
    assert ["hay", "needle", "straw"] == sorted(values(tmp_path), key=["hay", "needle", "straw"].index)


def test_a_carry_over_that_failed_late_counts_once(tmp_path: Path) -> None:
    """The third file supersedes what the second took and denied."""

    class Both(LateDisk, FirstSyncFails):
        pass

    writer = Writer(tmp_path, disk=Both(b"supersedes"), on_problem=silent, limits=LIMITS)
    for step in range(3):
        writer.log_row({"a": step}, step=step)
    writer.close()
    assert [0, 1, 2] == values(tmp_path)
    assert 3 == len(list(tmp_path.glob("*.tlog")))


def test_close_does_not_wait_for_ever_for_a_sync_that_hangs(tmp_path: Path) -> None:
    """It says so and leaves; what was logged is in the kernel."""
    disk, told = HungDisk(), list[str]()
    limits = WriterLimits(sync_interval_s=0.01, close_patience_s=0.01, sync_patience_s=0.01)
    writer = Writer(tmp_path, disk=disk, on_problem=told.append, limits=limits)
    writer.log_row({"a": 1}, step=0)
    assert disk.is_waiting.wait(PATIENCE_S)
    writer.close()
    assert "has not answered" in told[-1]
    assert [1] == values(tmp_path)
    disk.released.set()
    assert writer._delivery._writing.close(patience_s=PATIENCE_S)


def test_a_buffered_child_that_closes_at_once_loses_no_row(tmp_path: Path) -> None:
    """Its rows wait in memory when it ends, before it ever had a file; then it has an ending."""
    writer = Writer(tmp_path, durability="buffered", limits=WriterLimits(buffered_interval_s=60.0))
    pid = os.fork()
    if pid == 0:
        try:
            writer.log_row({"a": "child"}, step=0)
            writer.close()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    writer.close()
    assert ["child"] == values(tmp_path)
    with Reader(tmp_path / "main.0002.tlog") as run:
        assert 0 == run.exit_code


@pytest.mark.parametrize("durability", ["process", "buffered"])
def test_the_largest_row_is_carried_over(durability: str, tmp_path: Path) -> None:
    """A record leaves room for what its chunk must say besides when it is carried over or buffered."""
    text = "x" * (16 * 2**20 - 64 * 1024 - 60)
    writer = Writer(
        tmp_path, durability=durability, disk=LateDisk(text.encode()), on_problem=silent, limits=LIMITS
    )
    writer.log_row({"a": "small"}, step=0)
    writer.log_row({"a": text}, step=1)
    writer.close()
    assert {"small", text} == set(values(tmp_path))


def test_more_schemas_than_a_chunk_holds_are_carried_over(tmp_path: Path) -> None:
    """They are spread over as many chunks as they need."""
    writer = Writer(tmp_path, disk=LateDisk(b"needle"), on_problem=silent, limits=LIMITS)
    for step in range(9):
        writer.log_row({"a": step, "k" * 2**21 + str(step): 1}, step=step)
    writer.log_row({"a": "needle"}, step=9)
    writer.close()
    assert 10 == len(values(tmp_path))


def test_a_value_that_changes_after_it_was_logged_is_recorded_as_it_was(tmp_path: Path) -> None:
    """Lists belong to the caller: what becomes of them neither raises later nor gets into a summary."""
    writer = Writer(tmp_path)
    values, by_hand = [1], [2]
    writer.log_row({"a": values}, step=0)
    writer.log_summary({"best": by_hand})
    values.append(object())  # type: ignore[arg-type]
    by_hand.append(object())  # type: ignore[arg-type]
    assert {"a": [1], "best": [2]} == writer.summary
    writer.close()
    with Reader(tmp_path) as run:
        assert {"a": [1], "best": [2]} == run.summary


def test_a_stream_must_name_a_log(tmp_path: Path) -> None:
    """Else its file would lie elsewhere, or no reader would find it."""
    for stream in ("../x", "Main", "", "3", "a.b"):
        with pytest.raises(ValueError, match="name a log"):
            Writer(tmp_path / "run", stream=stream)
    assert [] == list(tmp_path.iterdir())
