"""A stream of a run that has no log yet, as a forked child's: the first record begins it."""

import errno
import os
import threading
from pathlib import Path

from faults.faulty_disk import FaultyDisk

from tidelog.datastore import Reader
from tidelog.datastore.clock import Clock
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.record_encoder import RecordEncoder
from tidelog.datastore.stream import Stream


def stream_of(directory: Path, disk: FaultyDisk, problems: list[str], encoder: RecordEncoder) -> Stream:
    return Stream(
        directory,
        "main",
        encoder=encoder,
        lock=threading.RLock(),
        disk=disk,
        clock=Clock(),
        entropy=os.urandom,
        on_problem=problems.append,
        limits=WriterLimits(reopen_backoff_first_s=0.0),
        forked_from="ab" * 16,
    )


def test_a_stream_that_cannot_begin_holds_its_records_until_it_can(tmp_path: Path) -> None:
    """Nothing is lost, the first trouble is told once, and the log names the one it was forked from."""
    disk, problems, encoder = FaultyDisk(), list[str](), RecordEncoder()
    stream = stream_of(tmp_path, disk, problems, encoder)
    disk.fail("create", errno.ENOSPC, times=2)
    for step in range(3):
        stream.append(encoder.row({"i": step}, step, 1e9), 1)
    assert f"<Stream main in {tmp_path}: without a file>" == repr(stream)
    assert [False, False, True] == [stream.try_reopen() for _ in range(3)]
    assert stream.log is not None
    stream.write_waiting()
    assert f"<Stream main in {tmp_path}: {stream.log!r}>" == repr(stream)
    stream.append(encoder.row({"i": 3}, 3, 1e9), 1)
    stream.append_final(state="finished", exit_code=0)
    stream.log.close()
    assert 1 == len(problems)
    with Reader(tmp_path) as run:
        assert ([0, 1, 2, 3], "ab" * 16) == (list(run.history()["i"]), run.metadata["forked_from"])


def test_a_stream_without_a_log_has_no_final_chunk(tmp_path: Path) -> None:
    """What it holds is lost then, which is told with its count."""
    disk, problems, encoder = FaultyDisk(), list[str](), RecordEncoder()
    stream = stream_of(tmp_path, disk, problems, encoder)
    disk.fail("create", errno.ENOSPC, times=None)
    stream.append(encoder.row({"i": 0}, 0, 1e9), 1)
    stream.append_final(state="finished", exit_code=0)
    stream.give_up()
    assert ([], 1) == (list(tmp_path.iterdir()), stream.troubles.lost_rows)
    assert "1 rows are lost" in problems[-1]
