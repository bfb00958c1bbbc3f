"""A writer on a disk that does not answer: nobody waits for it, and each row is read back or counted."""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.faulty_disk import FaultyDisk

from tidelog.datastore import Reader, Writer
from tidelog.datastore.disk import StrPath
from tidelog.datastore.limits import WriterLimits

PATIENT = WriterLimits(answer_patience_s=0.01, open_patience_s=0.01, silence_told_s=0.02)
HANG_S = 60.0
"""As long as a call would take that waited: more than any limit of these tests."""


@pytest.fixture
def network() -> Iterator[FaultyDisk]:
    """Give a disk that says to be a network file system."""
    disk = FaultyDisk(kind="nfs4")
    yield disk
    disk.release()


@pytest.fixture
def local() -> Iterator[FaultyDisk]:
    """Give a disk that says to be a local file system."""
    disk = FaultyDisk(kind="ext4")
    yield disk
    disk.release()


def log_rows(writer: Writer, first: int, end: int) -> None:
    for i in range(first, end):
        writer.log_row({"i": i}, step=i)


def rows_of(directory: Path) -> list[int]:
    with Reader(directory) as run:
        assert [] == run.damage
        return [record.data["i"] for record in run.records() if record.kind == "row"]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANG_S
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that"
        threading.Event().wait(0.001)


def wait_for_word(told: list[str], word: str) -> None:
    wait_until(lambda: any(word in text for text in told))


def log_until_told(writer: Writer, told: list[str], word: str, first: int) -> int:
    """Log rows until a word was told, and return the number of the next one."""
    deadline = time.monotonic() + HANG_S
    while not any(word in text for text in told):
        assert time.monotonic() < deadline, told
        log_rows(writer, first, first + 1)
        first += 1
    return first


def test_a_write_that_hangs_keeps_nobody_and_is_told_once(network: FaultyDisk, tmp_path: Path) -> None:
    """Rows are kept in memory, and written in order when the disk answers."""
    told: list[str] = []
    writer = Writer(tmp_path, disk=network, on_problem=told.append, limits=PATIENT)
    log_rows(writer, 0, 3)
    assert [0, 1, 2] == rows_of(tmp_path)
    network.hang("write")
    began = time.monotonic()
    log_rows(writer, 3, 500)
    end = log_until_told(writer, told, "has not answered for", 500)
    log_rows(writer, end, end + 500)
    assert time.monotonic() - began < HANG_S / 2
    assert [0, 1, 2] == rows_of(tmp_path)
    network.release()
    wait_for_word(told, "answers again: nothing is lost")
    log_rows(writer, end + 500, end + 501)
    writer.close()
    assert list(range(end + 501)) == rows_of(tmp_path)
    assert (2, 0) == (len(told), writer.lost_rows)
    with Reader(tmp_path) as run:
        assert (1, end + 501, "finished") == (len(run.logs), run.rows, run.state)
        assert end + 500 == run.summary["i"]


def test_only_one_call_waits_for_a_disk_that_hangs(network: FaultyDisk, tmp_path: Path) -> None:
    """The patience is spent once, not for each row."""
    writer = Writer(tmp_path, disk=network, limits=WriterLimits(answer_patience_s=0.2))
    log_rows(writer, 0, 1)
    network.hang("write")
    began = time.monotonic()
    log_rows(writer, 1, 2)
    first_s = time.monotonic() - began
    log_rows(writer, 2, 1000)
    rest_s = time.monotonic() - began - first_s
    assert 0.2 <= first_s
    assert rest_s < 5  # Had each waited it were 200.
    network.release()
    writer.close()
    assert list(range(1000)) == rows_of(tmp_path)


def test_a_disk_that_answers_again_is_waited_for_again(network: FaultyDisk, tmp_path: Path) -> None:
    """From then on a row is in the file when its call returns, as before the silence."""
    told: list[str] = []
    limits = WriterLimits(answer_patience_s=3.0, silence_told_s=0.02)
    writer = Writer(tmp_path, disk=network, on_problem=told.append, limits=limits)
    network.hang("write")
    end = log_until_told(writer, told, "has not answered for", 0)
    network.release()
    wait_for_word(told, "answers again")
    for i in range(end, end + 100):
        before = writer.path.stat().st_size
        log_rows(writer, i, i + 1)
        assert before < writer.path.stat().st_size
    writer.close()


def test_a_local_disk_whose_sync_hangs_is_no_longer_written_by_who_logs(
    local: FaultyDisk, tmp_path: Path
) -> None:
    """A sync shows first that a disk hangs: by the time that its writes hang as well nobody waits."""
    told: list[str] = []
    limits = WriterLimits(
        sync_interval_s=0.001, slow_answer_s=0.01, answer_patience_s=0.01, silence_told_s=0.02
    )
    writer = Writer(tmp_path, disk=local, on_problem=told.append, limits=limits)
    local.hang("fdatasync")
    log_rows(writer, 0, 1)
    assert local.is_waiting.wait(HANG_S)
    asked = time.monotonic()
    wait_until(lambda: time.monotonic() - asked > 0.02)
    local.hang("fdatasync", "write")
    end = log_until_told(writer, told, "has not answered for", 1)
    local.release()
    wait_for_word(told, "answers again: nothing is lost")
    writer.close()
    assert list(range(end)) == rows_of(tmp_path)


class PromptDisk(FaultyDisk):
    """Has nothing to sync, so that no sync takes long but one that is told to."""

    def fdatasync(self, fd: int) -> None:
        self._next_fault("fdatasync")


def test_a_disk_that_is_prompt_again_is_written_by_who_logs(tmp_path: Path) -> None:
    """Distrust ends: then a row costs no other thread any more."""
    limits = WriterLimits(sync_interval_s=0.001, slow_answer_s=0.02, distrust_s=0.05)
    disk = PromptDisk(kind="ext4")
    writer = Writer(tmp_path, disk=disk, limits=limits)
    writers: list[str] = []
    disk.on_write = lambda: writers.append(threading.current_thread().name)

    def log_by(name: str) -> bool:
        writers.clear()
        log_rows(writer, 0, 1)
        return [name] == writers[:1]

    mine = threading.current_thread().name
    wait_until(lambda: log_by(mine))
    disk.hang("fdatasync")
    wait_until(lambda: log_by("tidelog-write"))
    disk.release()
    wait_until(lambda: log_by(mine))
    writer.close()


def test_a_write_that_hangs_in_the_hands_of_who_logs_ends_the_trust(
    local: FaultyDisk, tmp_path: Path
) -> None:
    """The first write to a disk that froze keeps its thread; afterwards the disk is not trusted."""
    limits = WriterLimits(sync_interval_s=0.01, slow_answer_s=0.01)
    writer = Writer(tmp_path, disk=local, limits=limits)
    log_rows(writer, 0, 1)
    local.hang("write")
    stuck = threading.Thread(target=log_rows, args=(writer, 1, 2))
    stuck.start()
    assert local.is_waiting.wait(HANG_S)
    wait_until(lambda: not writer._delivery._promptness.is_trusted(time.monotonic()))
    local.release()
    stuck.join()
    wait_until(lambda: not writer._delivery.is_at_hand)
    writers: list[str] = []
    local.on_write = lambda: writers.append(threading.current_thread().name)
    log_rows(writer, 2, 3)
    assert "tidelog-write" == writers[0]
    writer.close()
    assert [0, 1, 2] == rows_of(tmp_path)


def test_what_memory_had_no_room_for_is_counted_told_once_and_recorded(
    network: FaultyDisk, tmp_path: Path
) -> None:
    """What came first is kept; what comes after the loss is in a log of its own, which says so."""
    told: list[str] = []
    limits = WriterLimits(unsynced_bytes_max=2000, answer_patience_s=0.01, silence_told_s=0.02)
    writer = Writer(tmp_path, disk=network, on_problem=told.append, limits=limits)
    log_rows(writer, 0, 3)
    assert writer.sync()
    network.hang("write")
    log_rows(writer, 3, 500)
    end = log_until_told(writer, told, "has not answered", 500)
    lost = writer.lost_rows
    assert 0 < lost < end
    network.release()
    wait_for_word(told, f"answers again: {lost} rows are lost")
    log_rows(writer, end, end + 3)
    for name in ("a", "b"):  # Schemas that the first log never saw.
        writer.log_row({"i": end + 3, name: 1}, step=end + 3)
    writer.close()
    found = rows_of(tmp_path)
    assert [*range(end - lost), end, end + 1, end + 2, end + 3, end + 3] == found
    assert 1 == sum("rows are lost from now on" in text for text in told)
    with Reader(tmp_path) as run:
        assert (lost, len(found), 2) == (run.metadata["lost_rows"], run.rows, len(run.logs))


@pytest.mark.parametrize("call", ["create", "write", "fdatasync"])
def test_a_disk_that_hangs_at_the_start_is_waited_for_only_so_long(
    call: str, local: FaultyDisk, tmp_path: Path
) -> None:
    """The run is kept in memory, and written when the disk answers."""
    told: list[str] = []
    local.hang(call)
    began = time.monotonic()
    writer = Writer(tmp_path / "run", disk=local, on_problem=told.append, limits=PATIENT)
    writer.log_run({"name": "calm-sea"})
    log_rows(writer, 0, 100)
    assert time.monotonic() - began < HANG_S / 2
    local.release()
    if call != "fdatasync":
        wait_for_word(told, "answers again: nothing is lost")
        assert "has not answered for 0.01 s" in told[0]
    writer.close()
    assert list(range(100)) == rows_of(tmp_path / "run")
    with Reader(tmp_path / "run") as run:
        assert ("calm-sea", "finished", 100) == (run.name, run.state, run.rows)


def test_a_start_that_fails_when_nobody_waits_any_more_is_tried_again(
    local: FaultyDisk, tmp_path: Path
) -> None:
    """The disk answers late, and with an error: that is told, and the log is begun a little later."""
    told: list[str] = []
    limits = WriterLimits(open_patience_s=0.01, answer_patience_s=0.01, reopen_backoff_first_s=0.001)
    local.hang("create")
    local.fail("create", errno.ENOSPC)
    writer = Writer(tmp_path, disk=local, on_problem=told.append, limits=limits)
    log_rows(writer, 0, 10)
    local.release()
    wait_for_word(told, "No space left")
    wait_for_word(told, "answers again")
    writer.close()
    assert list(range(10)) == rows_of(tmp_path)


def test_close_says_how_many_rows_a_silent_disk_has_not_taken(
    network: FaultyDisk, tmp_path: Path
) -> None:
    """It returns after its patience; a process that lives on sees them written all the same."""
    told: list[str] = []
    limits = WriterLimits(answer_patience_s=0.01, close_patience_s=0.01, sync_patience_s=0.01)
    writer = Writer(tmp_path, disk=network, on_problem=told.append, limits=limits)
    log_rows(writer, 0, 3)
    network.hang("write")
    log_rows(writer, 3, 10)
    began = time.monotonic()
    writer.close()
    assert time.monotonic() - began < HANG_S / 2
    assert "7 rows are in memory alone, and lost if it does not before this process ends" in told[-1]
    assert 7 == writer.lost_rows
    network.release()
    writing = writer._delivery._writing
    assert writing.close(patience_s=HANG_S)
    assert list(range(10)) == rows_of(tmp_path)
    with Reader(tmp_path) as run:
        assert "finished" == run.state


def test_power_waits_for_its_sync_but_not_for_ever(local: FaultyDisk, tmp_path: Path) -> None:
    """Who asks for power waits `sync_patience_s`, once; then training goes on."""
    told: list[str] = []
    limits = WriterLimits(sync_patience_s=0.05, silence_told_s=0.01)
    writer = Writer(tmp_path, durability="power", disk=local, on_problem=told.append, limits=limits)
    log_rows(writer, 0, 1)
    local.hang("fdatasync")
    began = time.monotonic()
    log_rows(writer, 1, 2)
    assert time.monotonic() - began >= 0.05
    end = log_until_told(writer, told, "has not answered", 2)
    local.release()
    wait_for_word(told, "answers again")
    writer.close()
    assert list(range(end)) == rows_of(tmp_path)


def test_a_file_that_fails_after_it_hung_is_followed_by_the_next(
    network: FaultyDisk, tmp_path: Path
) -> None:
    """A server that is away for long answers with EIO at last: nothing is lost, nothing doubled."""
    told: list[str] = []
    writer = Writer(tmp_path, disk=network, on_problem=told.append, limits=PATIENT)
    log_rows(writer, 0, 3)
    network.hang("write")
    network.fail("write", errno.EIO)
    log_rows(writer, 3, 50)
    network.release()
    wait_for_word(told, "takes data again")
    writer.close()
    assert list(range(50)) == rows_of(tmp_path)
    assert [] == network.written_again


@pytest.mark.parametrize("code", [0, errno.EIO])
@pytest.mark.parametrize("checkpoint_bytes_min", [64 * 1024, 1])
def test_a_sync_that_fails_while_a_write_hangs_counts_the_row_once(
    checkpoint_bytes_min: int, code: int, network: FaultyDisk, tmp_path: Path
) -> None:
    """The write, of a row or of a checkpoint, returns to a file that has been given up meanwhile."""
    told: list[str] = []
    limits = WriterLimits(
        answer_patience_s=0.01, checkpoint_bytes_min=checkpoint_bytes_min, checkpoint_growth=1
    )
    writer = Writer(tmp_path, disk=network, on_problem=told.append, limits=limits)
    log_rows(writer, 0, 3)
    is_row_next = checkpoint_bytes_min > 1
    if not is_row_next:  # Let the row through, and hang at its checkpoint.
        network.on_write = lambda: network.hang("write")
    else:
        network.hang("write")
    log_rows(writer, 3, 4)
    assert network.is_waiting.wait(HANG_S)
    network.on_write = None
    network.fail("fdatasync", errno.EIO)
    writer._delivery.sync()
    if code:
        network.fail("write", code, at=network.calls["write"])
    network.release()
    wait_for_word(told, "takes data again")
    log_rows(writer, 4, 5)
    writer.close()
    assert [0, 1, 2, 3, 4] == rows_of(tmp_path)


def test_checkpoints_go_on_where_a_thread_writes(network: FaultyDisk, tmp_path: Path) -> None:
    """A reader finds rows and summary at the end of the log, as where who logs writes."""
    limits = WriterLimits(checkpoint_bytes_min=500)
    writer = Writer(tmp_path, disk=network, limits=limits)
    writer.log_config({"lr": 1})
    log_rows(writer, 0, 200)
    network.fail("write", errno.EIO, at=network.calls["write"] + 5)
    log_rows(writer, 200, 300)
    writer.close()
    assert list(range(300)) == rows_of(tmp_path)
    with Reader(tmp_path) as run:
        assert (300, {"lr": 1}, 299) == (run.rows, run.config, run.summary["i"])


@pytest.mark.parametrize("at", range(1, 30))
def test_the_failure_of_any_single_write_of_the_thread_loses_nothing(
    at: int, network: FaultyDisk, tmp_path: Path
) -> None:
    """Rows, checkpoints, what a log begins with, what is carried over, the final chunk."""
    limits = WriterLimits(checkpoint_bytes_min=100, checkpoint_growth=1, reopen_backoff_first_s=0.001)
    writer = Writer(tmp_path, disk=network, on_problem=lambda _: None, limits=limits)
    network.fail("write", errno.EIO, at=at + network.calls["write"])
    log_rows(writer, 0, 12)
    network.fail("write", errno.EIO, at=at + 4 + network.calls["write"])
    writer.log_config({"lr": 1})
    log_rows(writer, 12, 20)
    writer.close()
    assert list(range(20)) == rows_of(tmp_path)
    assert ([], 0) == (network.written_again, writer.lost_rows)
    with Reader(tmp_path) as run:
        assert (20, {"lr": 1}, "finished") == (run.rows, run.config, run.state)


def test_a_thread_that_stumbles_goes_on(tmp_path: Path) -> None:
    """Where memory lacks for a moment the row is written with the next one, which is told once."""

    class Forgetful(FaultyDisk):
        lacks = 0

        def write(self, fd: int, data: bytes | memoryview) -> int:  # type: ignore[override]
            if self.lacks:
                self.lacks -= 1
                raise MemoryError
            return super().write(fd, data)

    told: list[str] = []
    disk = Forgetful(kind="nfs4")
    writer = Writer(tmp_path, disk=disk, on_problem=told.append)
    log_rows(writer, 0, 3)
    disk.lacks = 2
    log_rows(writer, 3, 9)
    writer.close()
    assert list(range(9)) == rows_of(tmp_path)
    assert ["MemoryError" in text for text in told] == [True]


def test_a_forked_child_on_a_network_disk_logs_by_a_thread_of_its_own(tmp_path: Path) -> None:
    """The parent's thread is not there in the child, whose rows are in the kernel all the same."""
    disk = FaultyDisk(kind="nfs4")
    writer = Writer(tmp_path, disk=disk)
    log_rows(writer, 0, 3)
    pid = os.fork()
    if pid == 0:
        try:
            log_rows(writer, 3, 6)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    writer.close()
    assert [0, 1, 2, 3, 4, 5] == rows_of(tmp_path)


def test_rows_wait_for_no_disk_in_the_thread_that_writes(network: FaultyDisk, tmp_path: Path) -> None:
    """What is told is printed, and what is printed may be recorded: by the very thread that told it."""
    writers: list[Writer] = []

    def record(problem: str) -> None:
        writers[0].log_console("stderr", problem)

    limits = WriterLimits(answer_patience_s=HANG_S, reopen_backoff_first_s=0.001)
    writers.append(Writer(tmp_path, disk=network, on_problem=record, limits=limits))
    began = time.monotonic()
    network.fail("write", errno.EIO)
    network.fail("create", errno.EIO)
    with_busy = threading.Thread(target=log_rows, args=(writers[0], 0, 3))
    with_busy.start()
    with_busy.join()
    assert time.monotonic() - began < HANG_S / 2
    writers[0].close()
    assert [0, 1, 2] == rows_of(tmp_path)


@pytest.mark.parametrize("durability", ["process", "power", "buffered"])
def test_without_a_thread_from_the_start_who_logs_does_all(durability: str, tmp_path: Path) -> None:
    """Opens the log, and the next one where it fails, syncs and ends the run; that is told once."""
    told: list[str] = []
    disk = FaultyDisk(kind="nfs4")
    before = threading.stack_size(2**46)  # More than there can be: no thread starts.
    try:
        limits = WriterLimits(reopen_backoff_first_s=0.0, buffered_bytes_max=30)
        writer = Writer(
            tmp_path, durability=durability, disk=disk, on_problem=told.append, limits=limits
        )
        log_rows(writer, 0, 3)
        disk.fail("write", errno.EIO)
        log_rows(writer, 3, 20)
        writer.close()
    finally:
        threading.stack_size(before)
    assert list(range(20)) == rows_of(tmp_path)
    assert 1 == sum("no thread can be started" in text for text in told)
    with Reader(tmp_path) as run:
        assert ("finished", 20) == (run.state, run.rows)


def test_a_forked_child_that_can_start_no_thread_logs_all_the_same(tmp_path: Path) -> None:
    """Its first record begins its log, right where it is logged."""
    writer = Writer(tmp_path, on_problem=lambda _: None)
    log_rows(writer, 0, 3)
    pid = os.fork()
    if pid == 0:
        try:
            threading.stack_size(2**46)
            log_rows(writer, 3, 6)
            writer.close()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    writer.close()
    assert [0, 1, 2, 3, 4, 5] == rows_of(tmp_path)


def test_no_descriptor_for_the_directory_is_no_failure_of_the_file(tmp_path: Path) -> None:
    """The rows are synced; the name of the file is with the next sync."""

    class Exhausted(FaultyDisk):
        tries = 0

        def sync_directory(self, path: StrPath) -> None:
            self.tries += 1
            if self.tries == 1:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            super().sync_directory(path)

    told: list[str] = []
    disk = Exhausted()
    writer = Writer(tmp_path, disk=disk, on_problem=told.append)
    for i in range(3):
        log_rows(writer, i, i + 1)
        assert writer.sync()
    assert ([], 2) == (told, disk.tries)
    writer.close()
    writer._beat()  # The thread that beats may come to it just now: nothing follows a final chunk.
    assert [0, 1, 2] == rows_of(tmp_path)


def test_a_carry_over_whose_file_fails_in_every_way_is_made_again(
    network: FaultyDisk, tmp_path: Path
) -> None:
    """Neither what it took nor what it denied is counted on."""
    writer = Writer(tmp_path, disk=network, on_problem=lambda _: None, limits=PATIENT)
    log_rows(writer, 0, 5)
    written = network.calls["write"]
    network.fail("write", errno.EIO, at=written + 1)  # The row, then after header and beginning:
    network.fail("write", errno.EIO, at=written + 5)
    network.fail("fdatasync", errno.EIO, times=2)
    log_rows(writer, 5, 6)
    writer.close()
    assert list(range(6)) == rows_of(tmp_path)
    assert [] == network.written_again
