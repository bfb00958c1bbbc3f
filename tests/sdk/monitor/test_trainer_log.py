"""What a monitor reads of a trainer's log: who writes it, and that it has ended."""

import os
from pathlib import Path

import pytest
from log_spec import TIME, LogSpec

from tidelog.datastore import Writer
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.format import log_tag
from tidelog.datastore.layout import LogName
from tidelog.datastore.process import process_facts
from tidelog.datastore.records import EXIT, RUN
from tidelog.sdk.monitor.trainer_log import (
    END_BYTES,
    EndWatch,
    TrainerLog,
    ends_with_final,
    is_ended,
    read_start,
)

DISK = Disk()
FIRST = LogName("main", 1)
HERE = process_facts(DISK)
A = b"a" * 16


def start_of(directory: Path) -> TrainerLog | None:
    host, boot_id = HERE["host"], HERE["boot_id"]
    return read_start(str(directory), FIRST, host=host, boot_id=boot_id, disk=DISK)


def log_of(directory: Path, log: LogSpec) -> TrainerLog:
    (directory / str(FIRST)).write_bytes(log.data)
    return TrainerLog(FIRST, A.hex(), log_tag(A), 7, 70)


def test_a_log_says_who_writes_it(tmp_path: Path) -> None:
    """Process and start, as a real writer notes them in its first chunk."""
    writer = Writer(tmp_path)
    found = start_of(tmp_path)
    assert found is not None
    assert (FIRST, os.getpid(), HERE["pid_started"]) == (found.name, *found.process)
    assert log_tag(bytes.fromhex(found.log_id)) == found.tag
    writer.close()


@pytest.mark.parametrize(
    "facts",
    [
        HERE | {"host": "elsewhere"},
        HERE | {"boot_id": "another"},
        HERE | {"pid": None},
        HERE | {"forked_from": A.hex()},
        {},
    ],
)
def test_the_log_of_another_machine_or_of_a_forked_child_is_not_watched(
    tmp_path: Path, facts: dict[str, object]
) -> None:
    """Nor one of another boot, whose process ids mean nothing any more."""
    log_of(tmp_path, LogSpec(A).record(RUN, TIME, facts))
    assert start_of(tmp_path) is None


@pytest.mark.parametrize("size", [0, 17, 40, 60])
def test_a_log_that_has_only_just_begun_is_asked_again(tmp_path: Path, size: int) -> None:
    """Its header and first chunk are written one after the other."""
    data = LogSpec(A).record(RUN, TIME, HERE).data
    (tmp_path / str(FIRST)).write_bytes(data[:size])
    with pytest.raises(DatastoreError):
        start_of(tmp_path)


def test_the_end_of_a_log_tells_whether_it_is_final() -> None:
    """A final chunk that is cut short, of another log, or within a row is none."""
    log = LogSpec(A).row({"loss": 0.5}, step=1)
    tag = log_tag(A)
    assert not ends_with_final(log.data, tag)
    open_end = len(log.data)
    whole = log.final().data
    assert ends_with_final(whole, tag)
    assert ends_with_final(whole[open_end:], tag)
    assert not ends_with_final(whole[:-1], tag)
    assert not ends_with_final(whole + b"\0", tag)
    assert not ends_with_final(whole, log_tag(b"b" * 16))
    quoting = LogSpec(A).row({"bytes": whole[open_end:].hex()}, step=1)
    assert not ends_with_final(quoting.data, tag)


def test_a_log_is_read_only_where_it_has_grown(tmp_path: Path) -> None:
    """One stat is all that a log costs that rests; 256 of them are looked at each second."""

    class CountingDisk(Disk):
        opened = 0

        def open(self, path: object) -> int:
            self.opened += 1
            return super().open(path)  # type: ignore[arg-type]

    spec = LogSpec(A).row({"loss": 0.5}, step=1)
    log, disk = log_of(tmp_path, spec), CountingDisk()
    watch = EndWatch(str(tmp_path), log, disk)
    assert [False, False, False] == [watch.has_final() for _ in range(3)]
    assert 1 == disk.opened
    log_of(tmp_path, spec.final())
    assert watch.has_final()
    assert 2 == disk.opened


def test_a_log_that_is_gone_has_no_end_yet(tmp_path: Path) -> None:
    """Somebody deleted the run, or a network is away."""
    log = TrainerLog(FIRST, A.hex(), log_tag(A), 7, 70)
    assert not EndWatch(str(tmp_path), log, DISK).has_final()
    assert not is_ended(str(tmp_path), log, DISK)


def test_an_end_is_a_final_chunk_of_any_size_or_an_exit_record(tmp_path: Path) -> None:
    """A disk may have been full when the final chunk came."""
    assert not is_ended(str(tmp_path), log_of(tmp_path, LogSpec(A).row({"a": 1}, step=1)), DISK)
    only_exit = LogSpec(A).record(EXIT, TIME, {"code": 1, "reason": "x"})
    assert is_ended(str(tmp_path), log_of(tmp_path, only_exit), DISK)
    long = log_of(tmp_path, LogSpec(A).row({"text": "x" * 2 * END_BYTES}, step=1).final())
    assert not EndWatch(str(tmp_path), long, DISK).has_final()
    assert is_ended(str(tmp_path), long, DISK)
