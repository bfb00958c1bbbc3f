"""A log being written, at the moments when a call of the system fails or is interrupted."""

import errno
import os
from pathlib import Path

import pytest
from log_spec import CREATED_NS, LOG_ID, LogSpec

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.format import RECORDS
from tidelog.datastore.log_reader import LogReader
from tidelog.datastore.log_writer import LogWriter


class OddDisk(Disk):
    """Fails where a test says so; the next write takes `write_bytes` and is interrupted then."""

    def __init__(self) -> None:
        self.write_bytes: int | None = None
        self.short_bytes: int | None = None
        self.directory_error: int | None = None
        self.directory_syncs = 0
        self.is_size_known = True

    def write(self, fd: int, data: bytes) -> int:  # type: ignore[override]
        if self.short_bytes is not None:
            return os.write(fd, data[: self.short_bytes])
        if self.write_bytes is None:
            return os.write(fd, data)
        taken, self.write_bytes = self.write_bytes, None
        os.write(fd, data[:taken])
        raise KeyboardInterrupt

    def size(self, fd: int) -> int:
        if not self.is_size_known:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return super().size(fd)

    def sync_directory(self, path: StrPath) -> None:
        self.directory_syncs += 1
        if self.directory_error is not None:
            raise OSError(self.directory_error, os.strerror(self.directory_error))
        super().sync_directory(path)


@pytest.fixture
def disk() -> OddDisk:
    return OddDisk()


def log_at(path: Path, disk: OddDisk) -> LogWriter:
    return LogWriter(path, disk=disk, log_id=LOG_ID, created_ns=CREATED_NS)


EXPECTED = LogSpec()
PAYLOADS = [EXPECTED.encoder.row({"i": i}, i, 1e9) for i in range(3)]
for each in PAYLOADS:
    EXPECTED.chunk(RECORDS, each)


def test_the_bytes_of_a_log_are_those_of_its_chunks(disk: OddDisk, tmp_path: Path) -> None:
    """The header, then a chunk for each `append`; the offset is where the next one comes."""
    path = tmp_path / "main.0001.tlog"
    log = log_at(path, disk)
    assert f"<LogWriter {path} at 40, before chunk 0>" == repr(log)
    for payload in PAYLOADS:
        log.append(RECORDS, payload)
    log.close()
    assert EXPECTED.data == path.read_bytes()
    assert (len(EXPECTED.data), 3) == (log.offset, log.seq)


@pytest.mark.parametrize("taken", [0, 1, 39])
def test_a_header_that_is_taken_in_part_leaves_no_file(
    taken: int, disk: OddDisk, tmp_path: Path
) -> None:
    """The error tells how much was taken; nobody finds half a log."""
    disk.short_bytes = taken
    with pytest.raises(OSError, match=f"took {taken} of 40 bytes"):
        log_at(tmp_path / "main.0001.tlog", disk)
    assert [] == list(tmp_path.iterdir())


# -- an interrupt, such as Ctrl-C, in the middle of a write -----------------------------------------


@pytest.mark.parametrize("is_there", [False, True])
def test_an_interrupt_beside_a_write_neither_doubles_nor_skips_a_number(
    is_there: bool, disk: OddDisk, tmp_path: Path
) -> None:
    """The file is asked whether the chunk got there; the next one has the number that is due."""
    path = tmp_path / "main.0001.tlog"
    log = log_at(path, disk)
    log.append(RECORDS, PAYLOADS[0])
    disk.write_bytes = 10**6 if is_there else 0
    with pytest.raises(KeyboardInterrupt):
        log.append(RECORDS, PAYLOADS[1])
    if not is_there:
        log.append(RECORDS, PAYLOADS[1])
    assert (EXPECTED.ends[1], 2) == (log.offset, log.seq)
    log.append(RECORDS, PAYLOADS[2])
    log.close()
    assert EXPECTED.data == path.read_bytes()


@pytest.mark.parametrize("is_size_known", [True, False])
def test_a_chunk_that_may_be_torn_is_the_last_one(
    is_size_known: bool, disk: OddDisk, tmp_path: Path
) -> None:
    """Where an interrupt left a part of it, or the file does not tell: no byte is written behind it."""
    path = tmp_path / "main.0001.tlog"
    log = log_at(path, disk)
    log.append(RECORDS, PAYLOADS[0])
    disk.write_bytes, disk.is_size_known = 7, is_size_known
    with pytest.raises(KeyboardInterrupt):
        log.append(RECORDS, PAYLOADS[1])
    with pytest.raises(OSError, match="its last chunk is torn"):
        log.append(RECORDS, PAYLOADS[1])
    log.close()
    assert EXPECTED.data[: EXPECTED.ends[0] + 7] == path.read_bytes()
    reader = LogReader(path)
    assert 1 == len(list(reader.walk()))
    reader.close()


def test_a_file_that_does_not_tell_its_size_may_hold_the_chunk(disk: OddDisk, tmp_path: Path) -> None:
    """Else a record that got there would be read twice: from it, and from the next file."""
    log = log_at(tmp_path / "main.0001.tlog", disk)
    assert not log.may_hold(PAYLOADS[0])
    disk.is_size_known = False
    assert log.may_hold(PAYLOADS[0])
    log.close()


# -- the file's name on the disk --------------------------------------------------------------------


def test_a_file_system_that_syncs_no_directory_is_no_trouble(disk: OddDisk, tmp_path: Path) -> None:
    """EINVAL is how such a one answers; it is not asked again."""
    log = log_at(tmp_path / "main.0001.tlog", disk)
    disk.directory_error = errno.EINVAL
    log.sync()
    log.sync()
    log.close()
    assert 1 == disk.directory_syncs


def test_a_name_that_is_not_on_the_disk_is_synced_again(disk: OddDisk, tmp_path: Path) -> None:
    """Any other error is the caller's; once it has passed, once is enough."""
    log = log_at(tmp_path / "main.0001.tlog", disk)
    disk.directory_error = errno.EIO
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output error"):
            log.sync()
    disk.directory_error = None
    log.sync()
    log.sync()
    log.close()
    assert 3 == disk.directory_syncs
