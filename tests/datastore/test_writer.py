"""A writer on a disk that fails: each row is read back once, and training never hears of it."""

import contextlib
import errno
import io
import itertools
import math
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.faulty_disk import TROUBLES, FaultyDisk
from waiting import PATIENCE_S, until

from tidelog.datastore import Reader, RecordError, Writer
from tidelog.datastore.clock import Clock
from tidelog.datastore.errors import WriterBusyError, WriterClosedError
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.writer import tell_on_stderr

NEVER_S = 3600.0
BY_HAND = WriterLimits(sync_interval_s=NEVER_S, reopen_backoff_first_s=0.001, reopen_backoff_max_s=0.002)
"""Nothing is synced unless a test says so; a failed file is followed by the next one at once."""


class Problems(list[str]):
    """What a writer told a person; `seen` waits for a word of it."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def __call__(self, problem: str) -> None:
        with self._changed:
            self.append(problem)
            self._changed.notify_all()

    def seen(self, word: str, *, times: int = 1) -> None:
        with self._changed:
            met = self._changed.wait_for(
                lambda: sum(word in p for p in self) >= times, timeout=PATIENCE_S
            )
        assert met, f"{word!r} was not told: {self}"


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    disk = FaultyDisk()
    yield disk
    disk.release()


@pytest.fixture
def problems() -> Problems:
    return Problems()


def writer_of(
    directory: Path, disk: FaultyDisk, problems: Problems, limits: WriterLimits = BY_HAND, **more: Any
) -> Writer:
    return Writer(directory, disk=disk, on_problem=problems, limits=limits, **more)


def rows_of(directory: Path) -> list[int]:
    """The `i` of every row, in reading order; nothing may be damaged."""
    with Reader(directory) as run:
        assert [] == run.damage
        found = [record.data["i"] for record in run.records() if record.kind == "row"]
        assert len(found) == run.rows
        assert Counter(found) == Counter(run.history()["i"]) if found else True
        return found


def log_rows(writer: Writer, first: int, end: int) -> None:
    for i in range(first, end):
        writer.log_row({"i": i}, step=i)


# -- a file that fails ------------------------------------------------------------------------------


@pytest.mark.parametrize("code", TROUBLES)
@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_failed_file_is_left_alone_and_the_next_one_carries_on(
    call: str, code: int, disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """What was not synced goes to the next log; each row is read back once, in order."""
    writer = writer_of(tmp_path, disk, problems)
    log_rows(writer, 0, 3)
    assert writer.sync()
    log_rows(writer, 3, 6)
    disk.fail(call, code)
    if call == "write":
        log_rows(writer, 6, 7)
    else:
        assert not writer.sync()
        log_rows(writer, 6, 7)
    problems.seen("takes data again")
    log_rows(writer, 7, 9)
    writer.close()
    assert "main.0002.tlog" == writer.path.name
    assert list(range(9)) == rows_of(tmp_path)
    assert [] == disk.written_again
    assert 0 == writer.lost_rows
    assert 1 == sum(os.strerror(code) in problem for problem in problems)
    with Reader(tmp_path) as run:
        assert "finished" == run.state
        assert 9 == run.rows
        assert [3, 6] == [
            sum(1 for r in run.records() if r.kind == "row" and r.log == log) for log in run.logs
        ]


def test_a_disk_that_comes_and_goes_is_told_three_times(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """As under a limit of the size of files, where each of them fails; no row is lost."""
    writer = writer_of(tmp_path, disk, problems)
    for number in range(6):
        disk.write_short(10)
        log_rows(writer, number, number + 1)
        until(lambda number=number: writer.sync() and writer.path.name == f"main.{number + 2:04}.tlog")
    writer.close()
    assert list(range(6)) == rows_of(tmp_path)
    assert 3 == sum("cannot be written" in problem for problem in problems)
    assert "this is told no more unless rows are lost" in problems[-2]
    assert "takes data again" in problems[-1]


def test_what_was_deleted_is_not_told_as_kept(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """Somebody removes the log while it is written: what it held is not in the next one."""
    writer = writer_of(tmp_path, disk, problems)
    log_rows(writer, 0, 3)
    assert writer.sync()
    writer.path.unlink()
    log_rows(writer, 3, 5)
    assert not writer.sync()
    problems.seen("takes data again")
    writer.close()
    assert [3, 4] == rows_of(tmp_path)
    assert "nothing is lost, besides what was deleted" in problems[-1]


@pytest.mark.parametrize("taken", [0, 1, 10, 19, 20, 30])
def test_a_short_write_is_a_failed_write(
    taken: int, disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """What it left behind is a torn tail; the row goes to the next log."""
    writer = writer_of(tmp_path, disk, problems)
    log_rows(writer, 0, 3)
    disk.write_short(taken)
    log_rows(writer, 3, 4)
    problems.seen("takes data again")
    writer.close()
    assert list(range(4)) == rows_of(tmp_path)
    assert [] == disk.written_again


@pytest.mark.parametrize("durability", ["process", "power", "buffered"])
def test_the_failure_of_any_single_write_loses_nothing(
    durability: str, problems: Problems, tmp_path: Path
) -> None:
    """Every write in turn, those of the carry-over included, whatever the durability."""
    limits = WriterLimits(
        sync_interval_s=NEVER_S,
        buffered_bytes_max=60,
        checkpoint_bytes_min=100,
        checkpoint_growth=1,
        carried_chunk_bytes=40,
        reopen_backoff_first_s=0.001,
        reopen_backoff_max_s=0.002,
    )
    for at in itertools.count(2):  # The first is the header of a log that the constructor makes.
        disk, directory = FaultyDisk(), tmp_path / str(at)
        writer = writer_of(directory, disk, problems, limits, durability=durability)
        disk.fail("write", errno.EIO, at=at)
        disk.fail("fdatasync", errno.EIO, at=2)
        log_rows(writer, 0, 6)
        writer.sync()
        log_rows(writer, 6, 12)
        writer.sync()
        log_rows(writer, 12, 14)
        writer.close()
        assert list(range(14)) == rows_of(directory), f"write {at} failed"
        assert [] == disk.written_again
        assert 0 == writer.lost_rows
        with Reader(directory) as run:
            assert "finished" == run.state
        if disk.calls["write"] < at:
            break
    assert at > 10


@pytest.mark.parametrize("first", range(2, 9))
def test_a_carry_over_that_fails_half_way_is_carried_over_again(
    first: int, problems: Problems, tmp_path: Path
) -> None:
    """Rows that are in two failed files and in the third are read from the third, once."""
    limits = WriterLimits(
        sync_interval_s=NEVER_S,
        carried_chunk_bytes=40,
        reopen_backoff_first_s=0.001,
        reopen_backoff_max_s=0.002,
    )
    disk = FaultyDisk()
    writer = writer_of(tmp_path, disk, problems, limits)
    log_rows(writer, 0, 8)
    begun = disk.calls["write"]
    disk.fail("fdatasync", errno.EIO)
    disk.fail("write", errno.ENOSPC, at=begun + first)
    disk.fail("write", errno.ENOSPC, at=begun + 2 * first + 1)
    assert not writer.sync()
    problems.seen("takes data again")
    log_rows(writer, 8, 10)
    writer.close()
    assert list(range(10)) == rows_of(tmp_path)
    assert [] == disk.written_again


@pytest.mark.parametrize("is_torn", [False, True])
def test_a_death_at_any_write_of_a_carry_over_keeps_each_row_once(
    is_torn: bool, disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """The directory as it was around each write: all rows that log_row returned for, none twice."""
    limits = WriterLimits(
        sync_interval_s=NEVER_S,
        carried_chunk_bytes=40,
        reopen_backoff_first_s=0.001,
        reopen_backoff_max_s=0.002,
    )
    run, returned = tmp_path / "run", 0
    copies: list[tuple[int, Path]] = []
    sizes: dict[str, int] = {}

    def copy() -> None:
        target = tmp_path / f"copy{len(copies)}"
        shutil.copytree(run, target)
        for log in target.iterdir():
            size, before = log.stat().st_size, sizes.get(log.name, 0)
            sizes[log.name] = size
            if is_torn and size > before + 40:
                os.truncate(log, before + (size - before) // 2)
        copies.append((returned, target))

    writer = writer_of(run, disk, problems, limits)
    log_rows(writer, 0, 6)
    returned = 6
    sizes[writer.path.name] = writer.path.stat().st_size
    disk.on_write = copy
    disk.fail("fdatasync", errno.EIO)
    disk.fail("write", errno.EIO, at=disk.calls["write"] + 4)
    assert not writer.sync()
    problems.seen("takes data again")
    for i in range(6, 10):
        log_rows(writer, i, i + 1)
        returned = i + 1
    disk.on_write = None
    writer.close()
    assert len(copies) > 16
    for known, directory in copies:
        found = sorted(rows_of(directory))
        assert list(range(len(found))) == found, directory
        # A copy that was torn by us lacks the one chunk that was in flight, and no other.
        assert known - (1 if is_torn else 0) <= len(found) <= known + 1, directory


@pytest.mark.parametrize("kept", ["nothing", "half"])
def test_what_a_failed_fsync_dropped_is_in_the_next_log(
    kept: str, disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """After a failed fdatasync a kernel may forget the pages: the copy in the next log counts."""
    writer = writer_of(tmp_path, disk, problems)
    log_rows(writer, 0, 3)
    assert writer.sync()
    failed, synced = writer.path, writer.path.stat().st_size
    log_rows(writer, 3, 8)
    disk.fail("fdatasync", errno.EIO)
    assert not writer.sync()
    problems.seen("takes data again")
    writer.close()
    full = failed.stat().st_size
    os.truncate(failed, synced if kept == "nothing" else (synced + full) // 2)
    assert list(range(8)) == sorted(rows_of(tmp_path))


# -- a disk that takes nothing ----------------------------------------------------------------------


def test_a_full_disk_is_told_once_and_the_loss_is_counted_and_recorded(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """Memory is bounded: what it had no room for is a number in `lost_rows` and in the next log."""
    limits = WriterLimits(
        sync_interval_s=NEVER_S,
        unsynced_bytes_max=1000,
        reopen_backoff_first_s=0.001,
        reopen_backoff_max_s=0.002,
    )
    writer = writer_of(tmp_path, disk, problems, limits)
    log_rows(writer, 0, 3)
    assert writer.sync()
    disk.fail("write", errno.ENOSPC, times=None)
    disk.fail("create", errno.ENOSPC, times=None)
    log_rows(writer, 3, 500)
    assert 0 < writer.lost_rows < 497
    told = list(problems)
    assert 2 == len(told), told  # That it cannot be written; that rows are lost.
    disk.heal()
    problems.seen("takes data again")
    assert f"{writer.lost_rows} rows are lost" in problems[-1]
    lost = writer.lost_rows
    writer.log_row({"i": 500}, step=500)
    writer.close()
    found = rows_of(tmp_path)
    assert 501 - lost == len(found)
    assert len(found) == len(set(found))
    assert [0, 1, 2, 3] == found[:4]  # What came first is kept.
    assert 500 == found[-1]
    with Reader(tmp_path) as run:
        assert lost == run.metadata["lost_rows"]


def test_memory_is_bounded_while_the_disk_hangs(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """Rows that are in the kernel are let go at the bound: nothing of them is lost."""
    limits = WriterLimits(sync_interval_s=NEVER_S, unsynced_bytes_max=1000)
    writer = writer_of(tmp_path, disk, problems, limits)
    log_rows(writer, 0, 2000)
    assert 0 == writer.lost_rows
    assert writer._stream._unsynced._bytes <= 1000
    writer.close()
    assert list(range(2000)) == rows_of(tmp_path)
    assert [] == problems


def test_log_row_does_not_wait_for_an_fdatasync_that_hangs(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """Rows are in the kernel, and read, while the disk is stuck."""
    writer = writer_of(tmp_path, disk, problems, WriterLimits(sync_interval_s=0.001))
    disk.hang()
    log_rows(writer, 0, 1)
    assert disk.is_waiting.wait(PATIENCE_S)
    log_rows(writer, 1, 1000)
    assert list(range(1000)) == rows_of(tmp_path)
    disk.release()
    writer.close()
    assert list(range(1000)) == rows_of(tmp_path)


def test_a_file_that_fails_while_its_sync_hangs_is_carried_over_once(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """The write fails, the next log is begun, and then the old sync returns as if all were well."""
    writer = writer_of(tmp_path, disk, problems)
    log_rows(writer, 0, 4)
    disk.hang()
    syncing = threading.Thread(target=writer.sync)
    syncing.start()
    assert disk.is_waiting.wait(PATIENCE_S)
    disk.fail("write", errno.EIO)
    log_rows(writer, 4, 5)
    problems.seen("cannot be written")
    while disk.calls["create"] < 2:
        threading.Event().wait(0.001)
    disk.release()
    syncing.join()
    log_rows(writer, 5, 8)
    writer.close()
    assert list(range(8)) == rows_of(tmp_path)


def test_a_disk_that_takes_writes_and_refuses_syncs_gets_few_files(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """Only a sync ends trouble, so the backoff grows: an NFS over quota fails in this way."""
    limits = WriterLimits(
        sync_interval_s=0.001,
        reopen_backoff_first_s=0.05,
        reopen_backoff_max_s=10,
        close_patience_s=0.01,
    )
    disk.fail("fdatasync", errno.EDQUOT, times=None)
    began = time.monotonic()
    writer = writer_of(tmp_path, disk, problems, limits)
    for _ in range(100):
        log_rows(writer, 0, 1)
        threading.Event().wait(0.005)
    took_s = time.monotonic() - began
    assert 2 <= disk.calls["create"] <= 3 + math.log2(1 + took_s / limits.reopen_backoff_first_s)
    assert 1 == len(problems)
    disk.heal()
    writer.close()
    assert 100 == len(rows_of(tmp_path))


def test_a_row_that_is_refused_for_its_size_leaves_its_schema_unwritten(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """The next row of these names brings the schema along, however often one was refused."""
    writer = writer_of(tmp_path, disk, problems)
    for _ in range(3):
        with pytest.raises(RecordError, match="limit is"):
            writer.log_row({"text": "x" * 2**24}, step=0)
    writer.log_row({"text": "short"}, step=1)
    with Reader(tmp_path) as run:
        assert (["short"], []) == (list(run.history()["text"]), run.damage)
    writer.close()


def test_close_has_patience_but_not_for_ever(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """Where no file takes the last rows they are counted as lost, and that is told."""
    limits = WriterLimits(
        sync_interval_s=NEVER_S,
        reopen_backoff_first_s=0.001,
        reopen_backoff_max_s=0.002,
        close_patience_s=0.05,
    )
    writer = writer_of(tmp_path, disk, problems, limits)
    log_rows(writer, 0, 3)
    assert writer.sync()
    disk.fail("write", errno.ENOSPC, times=None)
    disk.fail("create", errno.ENOSPC, times=None)
    log_rows(writer, 3, 5)
    writer.close()
    assert 2 == writer.lost_rows
    problems.seen("still takes no data: 2 rows are lost")
    assert [0, 1, 2] == rows_of(tmp_path)


def test_close_waits_for_a_disk_that_recovers(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """A disk that takes data again within the patience gets all of it, and the final chunk."""
    writer = writer_of(tmp_path, disk, problems)
    log_rows(writer, 0, 3)
    disk.fail("create", errno.ENOSPC, times=5)
    disk.fail("write", errno.ENOSPC)
    log_rows(writer, 3, 4)
    writer.close(state="failed", exit_code=3)
    assert [0, 1, 2, 3] == rows_of(tmp_path)
    with Reader(tmp_path) as run:
        assert ("failed", 3) == (run.state, run.exit_code)


def test_close_tells_of_a_disk_that_does_not_answer(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """There is no deadline for an fdatasync: what was logged is in the kernel, and close returns."""
    limits = WriterLimits(sync_interval_s=NEVER_S, close_patience_s=0.01, sync_patience_s=0.01)
    writer = writer_of(tmp_path, disk, problems, limits)
    disk.hang()
    log_rows(writer, 0, 3)
    writer.close()
    assert [f"the disk of {writer.path} has not answered for 0.02 s: " in told for told in problems] == [
        True
    ]
    assert [0, 1, 2] == rows_of(tmp_path)


def test_a_file_that_cannot_be_closed_is_told_by_name(problems: Problems, tmp_path: Path) -> None:
    """A network file system may report there what it never wrote; what was synced is there."""

    class Unclosable(FaultyDisk):
        def close(self, fd: int) -> None:
            super().close(fd)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer = writer_of(tmp_path, Unclosable(), problems)
    log_rows(writer, 0, 3)
    writer.close()
    assert [f"{writer.path} could not be closed: Input/output error"] == problems
    assert [0, 1, 2] == rows_of(tmp_path)


def test_a_summary_set_by_hand_goes_on_in_the_next_file(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """Whether its record was carried over or is in the failed file: it wins over rows for good."""
    writer = writer_of(tmp_path, disk, problems)
    writer.log_summary({"synced": 1})
    assert writer.sync()
    writer.log_summary({"carried": 2})
    disk.fail("fdatasync", errno.EIO)
    assert not writer.sync()
    problems.seen("takes data again")
    writer.log_row({"synced": 0, "carried": 0, "i": 3}, step=0)
    expected = {"synced": 1, "carried": 2, "i": 3}
    assert expected == writer.summary
    writer.close()
    with Reader(tmp_path) as run:
        assert (expected, 2) == (run.summary, len(run.logs))


def test_a_directory_that_is_deleted_is_noticed_and_told(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """Rows logged into a file that has no name any more are counted as lost; nothing raises."""
    limits = WriterLimits(
        sync_interval_s=NEVER_S,
        reopen_backoff_first_s=0.001,
        reopen_backoff_max_s=0.002,
        close_patience_s=0.02,
    )
    run = tmp_path / "run"
    writer = writer_of(run, disk, problems, limits)
    log_rows(writer, 0, 3)
    shutil.rmtree(run)
    log_rows(writer, 3, 5)
    assert not writer.sync()
    problems.seen("deleted")
    writer.close()
    assert 5 == writer.lost_rows


def test_rows_of_a_deleted_directory_are_in_the_one_that_is_made_again(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """What was not synced when the directory went away is still in memory."""
    run = tmp_path / "run"
    writer = writer_of(run, disk, problems)
    log_rows(writer, 0, 3)
    shutil.rmtree(run)
    assert not writer.sync()
    run.mkdir()
    problems.seen("takes data again")
    log_rows(writer, 3, 5)
    writer.close()
    assert list(range(5)) == rows_of(run)


@pytest.mark.parametrize("call", ["create", "write"])
def test_a_disk_that_takes_nothing_at_the_start_raises(
    call: str, disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """The constructor is where a person is told: OSError, and no file that is no log is left."""
    disk.fail(call, errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        writer_of(tmp_path, disk, problems)
    assert [] == list(tmp_path.iterdir())


def test_names_that_are_always_taken_are_tried_only_so_often(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """A file system that says of any name that it is there does not hold the constructor for ever."""
    disk.fail("create", errno.EEXIST, times=None)
    with pytest.raises(FileExistsError, match="7 logs came in between"):
        writer_of(tmp_path, disk, problems, WriterLimits(names_tried_max=7))
    assert 7 == disk.calls["create"]


def test_without_a_listener_problems_are_lines_on_stderr(
    disk: FaultyDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each names its source; a stderr that was closed is no problem of training."""
    writer = Writer(tmp_path, disk=disk, limits=BY_HAND)
    log_rows(writer, 0, 1)
    disk.fail("write", errno.EIO)
    log_rows(writer, 1, 2)
    writer.close()
    failed, healed = capsys.readouterr().err.splitlines()
    assert failed.startswith(f"tidelog: {tmp_path}/main.0001.tlog cannot be written")
    assert healed.startswith(f"tidelog: {tmp_path} takes data again")
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        stderr.close()
        tell_on_stderr("nobody hears this")


# -- durability -------------------------------------------------------------------------------------


def test_process_is_in_the_kernel_on_return_and_synced_later(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """One write per row, no fdatasync of its own."""
    writer = writer_of(tmp_path, disk, problems)
    before = disk.calls["write"]
    for i in range(10):
        log_rows(writer, i, i + 1)
        assert list(range(i + 1)) == rows_of(tmp_path)
    assert (10, 0) == (disk.calls["write"] - before, disk.calls["fdatasync"])
    writer.close()


def test_process_syncs_within_its_interval(disk: FaultyDisk, problems: Problems, tmp_path: Path) -> None:
    """The background thread does it while there is something to sync."""
    writer = writer_of(tmp_path, disk, problems, WriterLimits(sync_interval_s=0.001))
    disk.hang()
    log_rows(writer, 0, 1)
    assert disk.is_waiting.wait(PATIENCE_S)
    disk.release()
    writer.close()


def test_power_is_on_the_disk_on_return(disk: FaultyDisk, problems: Problems, tmp_path: Path) -> None:
    """One fdatasync per record."""
    writer = writer_of(tmp_path, disk, problems, durability="power")
    for i in range(1, 5):
        log_rows(writer, i, i + 1)
        assert i == disk.calls["fdatasync"]
    writer.log_config({"lr": 0.1})
    assert 5 == disk.calls["fdatasync"]
    writer.close()


def test_buffered_writes_many_rows_as_one_chunk(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """In memory until the bound, the interval, sync() or close()."""
    limits = WriterLimits(sync_interval_s=NEVER_S, buffered_interval_s=NEVER_S, buffered_bytes_max=2000)
    writer = writer_of(tmp_path, disk, problems, limits, durability="buffered")
    before = disk.calls["write"]
    log_rows(writer, 0, 50)
    assert before == disk.calls["write"]
    log_rows(writer, 50, 1000)
    assert 0 < disk.calls["write"] - before < 20
    assert writer.sync()
    assert list(range(1000)) == rows_of(tmp_path)
    log_rows(writer, 1000, 1010)
    writer.close()
    assert list(range(1010)) == rows_of(tmp_path)


def test_what_does_not_fit_into_one_chunk_is_buffered_as_two(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """However much may be buffered, no payload is over the format's limit of 16 MiB."""
    limits = WriterLimits(
        sync_interval_s=NEVER_S,
        buffered_interval_s=NEVER_S,
        buffered_bytes_max=2**30,
        checkpoint_bytes_min=2**30,
    )
    writer = writer_of(tmp_path, disk, problems, limits, durability="buffered")
    before = disk.calls["write"]
    for i in range(3):
        writer.log_row({"i": i, "text": "x" * 9_000_000}, step=i)
    assert 2 == disk.calls["write"] - before
    writer.close()
    assert [0, 1, 2] == rows_of(tmp_path)


class HandClock(Clock):
    """A clock that a test moves; `asked_again` waits until it was asked so often."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self._asked = 0
        self._changed = threading.Condition()

    def monotonic(self) -> float:
        with self._changed:
            self._asked += 1
            self._changed.notify_all()
            return self.time_s

    def asked_again(self, times: int) -> None:
        with self._changed:
            due = self._asked + times
            assert self._changed.wait_for(lambda: self._asked >= due, timeout=PATIENCE_S)


@pytest.mark.parametrize("durability", ["process", "power", "buffered"])
def test_a_writer_that_lives_says_so_once_in_a_while(
    durability: str, disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """An empty run record in each `heartbeat_s` in which nothing else is logged; no more of them."""
    clock = HandClock()
    limits = WriterLimits(sync_interval_s=0.001, buffered_interval_s=0.001, heartbeat_s=60)
    writer = writer_of(tmp_path, disk, problems, limits, durability=durability, clock=clock)
    log_rows(writer, 0, 1)
    assert writer.sync()
    for minute in range(3):
        clock.time_s = 61.0 * minute
        clock.asked_again(8)
    writer.close()
    with Reader(tmp_path) as run:
        beats = [record for record in run.records() if record.kind == "run" and not record.data]
        assert (2, "finished") == (len(beats), run.state)


def test_what_is_buffered_is_written_often_and_synced_seldom(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """Each `buffered_interval_s` it goes to the file, each `sync_interval_s` to the disk."""
    clock = HandClock()
    limits = WriterLimits(sync_interval_s=5.0, buffered_interval_s=0.001)
    writer = writer_of(tmp_path, disk, problems, limits, durability="buffered", clock=clock)
    log_rows(writer, 0, 1)
    clock.asked_again(8)
    assert ([0], 0) == (rows_of(tmp_path), disk.calls["fdatasync"])
    clock.time_s = 5.0
    clock.asked_again(8)
    assert 1 == disk.calls["fdatasync"]
    writer.close()


def test_the_latest_value_is_not_the_summary(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """Whatever `define_metric` makes of a metric, what was logged last is known as well."""
    writer = writer_of(tmp_path, disk, problems)
    writer.define_metric("acc", {"summary": "max"})
    for step, acc in enumerate((3, 9, 4)):
        writer.log_row({"acc": acc}, step=step)
    assert ({"acc": 9}, {"acc": 4}) == (writer.summary, writer.latest)
    writer.close()


def test_an_unknown_durability_is_refused(tmp_path: Path) -> None:
    """The message names the value and the choice; nothing was made."""
    with pytest.raises(ValueError, match=r"'fast' is none of process, power, buffered"):
        Writer(tmp_path / "run", durability="fast")  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("stream", ["Main", "rank-1", "../main", "a b", "", "3", "main.0001"])
def test_a_stream_that_no_reader_would_find_is_refused(stream: str, tmp_path: Path) -> None:
    """The message names the value and the form; nothing was made."""
    with pytest.raises(ValueError, match="cannot name a log that a reader finds"):
        Writer(tmp_path / "run", stream=stream)
    assert not (tmp_path / "run").exists()


# -- what a caller gets wrong -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "step", "match"),
    [
        ({"a": object()}, 0, "'a' holds a value"),
        ({"a": 1, "b": {1, 2}}, 0, "'b' holds a value"),
        ({"a": 2**64}, 0, "'a' holds a value"),
        ({1: 2}, 0, "key 1 is not a string"),
        ({"a": 1}, "7", "step '7' is not an int"),
        ({"a": 1}, 2**70, "step or time is out of range"),
        ({"a": "x" * (17 << 20)}, 0, "limit is 16711680"),
    ],
)
def test_a_row_that_no_record_can_hold_leaves_no_trace(
    data: dict[Any, Any], step: Any, match: str, tmp_path: Path
) -> None:
    """RecordError names the value; the rows before and after it are there, with their schemas."""
    with contextlib.closing(Writer(tmp_path)) as writer:
        for i in range(5):
            writer.log_row({"i": i}, step=i)
            with pytest.raises(RecordError, match=match):
                writer.log_row(data, step=step)
        assert (5, {"i": 4}) == (writer.rows, writer.summary)
    assert list(range(5)) == rows_of(tmp_path)


def test_a_time_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """RecordError names the value; the log is as it was."""
    with contextlib.closing(Writer(tmp_path)) as writer:
        with pytest.raises(RecordError, match="the time 'noon' of step 3 is not a number of seconds"):
            writer.log_row({"i": 0}, step=3, time="noon")  # type: ignore[arg-type]
        log_rows(writer, 0, 1)
    assert [0] == rows_of(tmp_path)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (object(), "a config record cannot hold this: cannot record object"),
        ("x" * 2**24, "a config record of 16777239 bytes is over the limit of 16711680"),
    ],
    ids=["object", "text"],
)
def test_a_config_that_no_record_can_hold_leaves_no_trace(
    value: object, match: str, tmp_path: Path
) -> None:
    """RecordError says why; what else was configured is there."""
    with contextlib.closing(Writer(tmp_path)) as writer:
        writer.log_config({"lr": 0.1})
        with pytest.raises(RecordError, match=match):
            writer.log_config({"model": value})
    with Reader(tmp_path) as run:
        assert ({"lr": 0.1}, []) == (run.config, run.damage)


def test_a_signal_handler_in_the_middle_of_a_write_is_told_so(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """To wait for its own thread would be for ever: WriterBusyError, and nothing is written."""
    writer = writer_of(tmp_path, disk, problems)
    log_rows(writer, 0, 1)
    busy = []

    def interrupt() -> None:
        busy.append(writer.is_busy)
        with pytest.raises(WriterBusyError, match=r"a signal came while .*main\.0001\.tlog was written"):
            writer.log_row({"i": 99}, step=99)
        for call in (writer.sync, writer.close, lambda: writer.log_config({"a": 1})):
            with pytest.raises(WriterBusyError):
                call()

    disk.on_write = interrupt
    log_rows(writer, 1, 2)
    disk.on_write = None
    assert ([True, True], False) == (busy, writer.is_busy)
    log_rows(writer, 2, 3)
    writer.close()
    assert [0, 1, 2] == rows_of(tmp_path)


def test_each_kind_of_record_is_read_back_as_it_was_logged(tmp_path: Path) -> None:
    """By the method that is named for it, in order."""
    entry = {"path": "files/m.npz", "size": 3, "sha256": "ab" * 32, "policy": "now"}
    alert = {"title": "hot", "text": "92 degrees", "level": "WARN"}
    with contextlib.closing(Writer(tmp_path)) as writer:
        writer.log_run({"name": "calm-sea-1"})
        writer.log_config({"lr": 0.1})
        writer.define_metric("loss", {"summary": "min"})
        writer.log_row({"loss": 0.5}, step=0)
        writer.log_summary({"best": 0.5})
        writer.log_file(entry)
        writer.log_console("stderr", "hello\n")
        writer.log_alert(alert)
    expected = [
        ("run", {"name": "calm-sea-1"}),
        ("config", {"lr": 0.1}),
        ("metric", {"name": "loss", "summary": "min"}),
        ("row", {"loss": 0.5}),
        ("summary", {"best": 0.5}),
        ("file", entry),
        ("console", {"stream": "stderr", "text": "hello\n"}),
        ("alert", alert),
        ("exit", {"code": 0, "reason": ""}),
    ]
    with Reader(tmp_path) as run:
        assert expected == [(record.kind, record.data) for record in run.records()][1:]


def test_a_writer_tells_what_it_took(disk: FaultyDisk, problems: Problems, tmp_path: Path) -> None:
    """Its last step, its rows, its state."""
    writer = writer_of(tmp_path, disk, problems)
    assert (None, f"<Writer main in {tmp_path}, open, 0 rows>") == (writer.last_step, repr(writer))
    log_rows(writer, 5, 7)
    assert 6 == writer.last_step
    disk.fail("create", errno.ENOSPC, times=None)
    disk.fail("write", errno.ENOSPC)
    log_rows(writer, 7, 8)
    assert f"<Writer main in {tmp_path}, without a file, 3 rows>" == repr(writer)
    disk.heal()
    writer.close()
    assert f"<Writer main in {tmp_path}, closed, 3 rows>" == repr(writer)


def test_a_process_that_can_start_no_thread_logs_all_the_same(
    disk: FaultyDisk, problems: Problems, tmp_path: Path
) -> None:
    """It is told; each row is in the kernel, and close syncs."""
    writer = writer_of(tmp_path, disk, problems)
    before = threading.stack_size(2**46)  # More than there can be: no thread starts.
    try:
        log_rows(writer, 0, 3)
        writer.close()
    finally:
        threading.stack_size(before)
    assert problems[0].startswith(f"no thread can be started to sync {writer.path}: ")
    assert (1, 1) == (len(problems), disk.calls["fdatasync"])
    assert [0, 1, 2] == rows_of(tmp_path)


def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    """WriterClosedError names the log; closing again is without effect."""
    writer = Writer(tmp_path)
    log_rows(writer, 0, 1)
    writer.close()
    writer.close(state="failed")
    with pytest.raises(WriterClosedError, match=r"main\.0001\.tlog was closed"):
        log_rows(writer, 1, 2)
    with pytest.raises(WriterClosedError):
        writer.log_config({})
    with Reader(tmp_path) as run:
        assert ("finished", [0]) == (run.state, rows_of(tmp_path))


# -- many at once -----------------------------------------------------------------------------------


def test_eight_threads_lose_nothing(disk: FaultyDisk, problems: Problems, tmp_path: Path) -> None:
    """Not even while files fail: each thread's rows are there once, in its order."""
    limits = WriterLimits(
        sync_interval_s=0.001,
        carried_chunk_bytes=200,
        reopen_backoff_first_s=0.001,
        reopen_backoff_max_s=0.002,
    )
    writer = writer_of(tmp_path, disk, problems, limits)
    for at in range(100, 2000, 300):
        disk.fail("write", errno.EIO, at=at)
    for at in range(3, 30, 5):
        disk.fail("fdatasync", errno.ENOSPC, at=at)

    def work(thread: int) -> None:
        log_rows(writer, thread * 1000, thread * 1000 + 250)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    found = rows_of(tmp_path)
    assert 2000 == len(found) == len(set(found))
    for n in range(8):
        mine = [i for i in found if i // 1000 == n]
        assert list(range(n * 1000, n * 1000 + 250)) == mine
    assert 0 == writer.lost_rows


def run_python(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code)]
        + [str(argument) for argument in arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_eight_processes_that_open_one_run_have_a_log_each(tmp_path: Path) -> None:
    """Whoever is later with a name takes the next."""
    code = """
        import sys
        from tidelog.datastore import Writer
        print("ready", flush=True)
        sys.stdin.read()
        writer = Writer(sys.argv[1])
        for i in range(50):
            writer.log_row({"i": int(sys.argv[2]) * 1000 + i}, step=i)
        writer.close()
        """
    processes = [run_python(code, tmp_path, n) for n in range(8)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    for process in processes:
        assert process.stdout is not None
        assert 0 == process.wait(PATIENCE_S)
        process.stdout.close()
    assert [f"main.{n:04d}.tlog" for n in range(1, 9)] == sorted(p.name for p in tmp_path.iterdir())
    expected = [n * 1000 + i for n in range(8) for i in range(50)]
    assert expected == sorted(rows_of(tmp_path))


def test_a_child_forked_while_threads_log_has_a_log_of_its_own(tmp_path: Path) -> None:
    """Neither waits for a lock of the other; the run's state and exit code are the parent's."""
    code = """
        import os, sys, threading
        from tidelog.datastore import Writer
        writer = Writer(sys.argv[1])
        stop = threading.Event()
        counts = [0, 0]
        def work(n):
            while not stop.is_set():
                writer.log_row({"i": n * 10**6 + counts[n]}, step=counts[n])
                counts[n] += 1
        threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        for child in range(10):
            pid = os.fork()
            if pid == 0:
                for i in range(20):
                    writer.log_row({"i": -1 - child * 1000 - i}, step=i)
                writer.close(state="failed", exit_code=9)
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        writer.close()
        print(*counts)
        """
    process = run_python(code, tmp_path)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert 0 == process.returncode
    counts = [int(word) for word in out.split()]
    found = rows_of(tmp_path)
    expected = [n * 10**6 + i for n in range(2) for i in range(counts[n])]
    expected += [-1 - child * 1000 - i for child in range(10) for i in range(20)]
    assert sorted(expected) == sorted(found)
    with Reader(tmp_path) as run:
        assert 11 == len(run.logs)
        assert ("finished", 0) == (run.state, run.exit_code)


def test_a_child_that_logs_nothing_makes_no_file(tmp_path: Path) -> None:
    """A DataLoader's workers leave nothing behind."""
    code = """
        import os, sys
        from tidelog.datastore import Writer
        writer = Writer(sys.argv[1])
        writer.log_row({"i": 0}, step=0)
        if os.fork() == 0:
            writer.close()
            sys.exit()
        assert os.wait()[1] == 0
        writer.close()
        """
    process = run_python(code, tmp_path)
    process.communicate(timeout=PATIENCE_S)
    assert 0 == process.returncode
    assert ["main.0001.tlog"] == [path.name for path in tmp_path.iterdir()]


def test_a_grandchild_continues_from_the_log_that_its_line_last_wrote(tmp_path: Path) -> None:
    """A child that logged nothing has no log to name: its own child names the one before."""
    code = """
        import os, sys
        from tidelog.datastore import Writer
        writer = Writer(sys.argv[1])
        writer.log_row({"i": 0}, step=0)
        if os.fork() == 0:
            if os.fork() == 0:
                writer.log_row({"i": 1}, step=0)
                writer.close()
                sys.exit()
            sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
        assert os.wait()[1] == 0
        writer.close()
        """
    process = run_python(code, tmp_path)
    process.communicate(timeout=PATIENCE_S)
    assert 0 == process.returncode
    assert [0, 1] == rows_of(tmp_path)
    with Reader(tmp_path / "main.0001.tlog") as first, Reader(tmp_path / "main.0002.tlog") as second:
        log_id = (tmp_path / "main.0001.tlog").read_bytes()[8:24].hex()
        assert (None, log_id) == tuple(run.metadata.get("forked_from") for run in (first, second))


def test_a_child_of_a_writer_without_a_file_logs_its_own_rows_alone(tmp_path: Path) -> None:
    """What the parent holds in memory while its disk is full is the parent's to write."""
    code = """
        import errno, os, sys
        from tidelog.datastore import Writer
        from tidelog.datastore.disk import Disk
        class Full(Disk):
            is_full = False
            def create(self, path, *, mode=0o666):
                if self.is_full:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return super().create(path, mode=mode)
            def write(self, fd, data):
                if self.is_full:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return os.write(fd, data)
        disk = Full()
        writer = Writer(sys.argv[1], disk=disk, on_problem=lambda problem: None)
        writer.log_row({"i": 0}, step=0)
        assert writer.sync()
        disk.is_full = True
        writer.log_row({"i": 1}, step=1)
        if os.fork() == 0:
            disk.is_full = False
            writer.log_row({"i": 2}, step=0)
            writer.close(state="failed", exit_code=9)
            sys.exit()
        assert os.wait()[1] == 0
        disk.is_full = False
        writer.close()
        """
    process = run_python(code, tmp_path)
    process.communicate(timeout=PATIENCE_S)
    assert 0 == process.returncode
    assert [0, 2, 1] == rows_of(tmp_path)
    with Reader(tmp_path) as run:
        assert (3, "finished", 0) == (len(run.logs), run.state, run.exit_code)
