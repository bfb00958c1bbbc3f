"""The logs of a replica: what is told as held is on the disk, and what a crash left is not told."""

import errno
import hashlib
from pathlib import Path

import pytest
from log_spec import LOG_ID, LogSpec

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import (
    DifferentBytesError,
    InvalidNameError,
    OffsetMismatchError,
    PlaceTakenError,
)
from tidelog.datastore.places import Places
from tidelog.datastore.replica_logs import HeldLog, ReplicaLogs

LOG = ("mnist", "r1", "main.0001.tlog")


def rows(count: int) -> LogSpec:
    log = LogSpec()
    for step in range(count):
        log.row({"loss": 0.5}, step=step)
    return log


class CountingDisk(Disk):
    """Counts what is read, and fails where a test says so."""

    def __init__(self) -> None:
        self.bytes_read = 0
        self.calls: list[str] = []
        self.failing: dict[str, int] = {}

    def _count(self, call: str) -> None:
        self.calls.append(call)
        if call in self.failing:
            raise OSError(self.failing[call], "injected")

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        data = super().pread(fd, size, offset)
        self.bytes_read += len(data)
        return data

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        if "pwrite" in self.failing:
            super().pwrite(fd, data[: len(data) // 2], offset)
        self._count("pwrite")
        return super().pwrite(fd, data[:100], offset)

    def fdatasync(self, fd: int) -> None:
        self._count("fdatasync")
        super().fdatasync(fd)

    def truncate(self, fd: int, size: int) -> None:
        self._count("truncate")
        super().truncate(fd, size)


@pytest.fixture
def disk() -> CountingDisk:
    return CountingDisk()


@pytest.fixture
def logs(tmp_path: Path, disk: CountingDisk) -> ReplicaLogs:
    return ReplicaLogs(Places(tmp_path, disk=disk), disk=disk)


def again(tmp_path: Path) -> ReplicaLogs:
    """The replica as a new process sees it."""
    return ReplicaLogs(Places(tmp_path, disk=Disk()), disk=Disk())


def held_of(data: bytes, log_id: bytes = LOG_ID) -> HeldLog:
    return HeldLog(len(data), log_id, hashlib.sha256(data).digest())


def test_nothing_is_held_at_first(logs: ReplicaLogs) -> None:
    """A log that nobody sent is not held, and asking for it makes nothing."""
    assert None is logs.held(*LOG)


def test_appends_make_the_log_byte_for_byte(logs: ReplicaLogs, tmp_path: Path) -> None:
    """What arrives is equal to what was written; its place is the run directory's."""
    log = rows(30)
    cut = log.ends[9]
    assert cut == logs.append(*LOG, offset=0, data=log.data[:cut], log_id=LOG_ID)
    assert len(log.data) == logs.append(*LOG, offset=cut, data=log.data[cut:], log_id=LOG_ID)
    assert log.data == (tmp_path / "mnist/r1/main.0001.tlog").read_bytes()
    assert held_of(log.data) == logs.held(*LOG) == again(tmp_path).held(*LOG)


def test_an_append_is_synced_before_it_returns(logs: ReplicaLogs, disk: CountingDisk) -> None:
    """The last thing that happens to the file is its fdatasync."""
    log = rows(2)
    logs.append(*LOG, offset=0, data=log.data[: log.ends[0]], log_id=LOG_ID)
    disk.calls.clear()
    logs.append(*LOG, offset=log.ends[0], data=log.data[log.ends[0] :], log_id=LOG_ID)
    assert ["pwrite", "fdatasync"] == disk.calls


def test_the_same_append_twice_has_one_effect(logs: ReplicaLogs, tmp_path: Path) -> None:
    """As after an answer that was lost on its way."""
    log = rows(3)
    for _ in range(2):
        assert len(log.data) == logs.append(*LOG, offset=0, data=log.data, log_id=LOG_ID)
    assert log.data == (tmp_path / "mnist/r1/main.0001.tlog").read_bytes()


def test_other_bytes_are_told_with_their_first_offset(logs: ReplicaLogs) -> None:
    """A prefix that differs is refused, and the place of the difference named."""
    log = rows(3)
    logs.append(*LOG, offset=0, data=log.data, log_id=LOG_ID)
    other = bytearray(log.data)
    other[77] ^= 1
    with pytest.raises(DifferentBytesError, match="from 77 on"):
        logs.append(*LOG, offset=0, data=bytes(other), log_id=LOG_ID)
    assert held_of(log.data) == logs.held(*LOG)


def test_asking_does_not_hash_a_log_again(logs: ReplicaLogs, disk: CountingDisk) -> None:
    """Each byte is hashed once, when somebody asks: the digest is carried on by the next question."""
    log = rows(30)
    cut = log.ends[9]
    logs.append(*LOG, offset=0, data=log.data[:cut], log_id=LOG_ID)
    assert held_of(log.data[:cut]) == logs.held(*LOG)
    disk.bytes_read = 0
    logs.append(*LOG, offset=cut, data=log.data[cut:], log_id=LOG_ID)
    assert 0 == disk.bytes_read
    assert held_of(log.data) == logs.held(*LOG) == logs.held(*LOG)
    assert len(log.data) - cut == disk.bytes_read


def test_an_unfinished_rest_is_not_held_and_the_next_append_cuts_it(tmp_path: Path) -> None:
    """After a crash the end is the last whole chunk's; asking alone changes no byte."""
    log = rows(3)
    path = tmp_path / "mnist/r1/main.0001.tlog"
    path.parent.mkdir(parents=True)
    torn = log.data[: log.ends[1] + 7]
    path.write_bytes(torn)
    logs = again(tmp_path)
    assert held_of(log.data[: log.ends[1]]) == logs.held(*LOG) == logs.held(*LOG)
    assert torn == path.read_bytes()
    with pytest.raises(OffsetMismatchError):
        logs.append(*LOG, offset=len(torn), data=b"x", log_id=LOG_ID)
    assert torn == path.read_bytes()
    logs.append(*LOG, offset=log.ends[1], data=log.data[log.ends[1] :], log_id=LOG_ID)
    assert log.data == path.read_bytes()
    assert held_of(log.data) == logs.held(*LOG)


@pytest.mark.parametrize("rest", [b"", b"TIDE", bytes(4096)])
def test_a_log_without_a_whole_chunk_is_begun_anew(tmp_path: Path, rest: bytes) -> None:
    """Nothing of such a file was ever acknowledged."""
    path = tmp_path / "mnist/r1/main.0001.tlog"
    path.parent.mkdir(parents=True)
    path.write_bytes(rest)
    logs, log = again(tmp_path), rows(2)
    assert None is logs.held(*LOG)
    logs.append(*LOG, offset=0, data=log.data, log_id=LOG_ID)
    assert log.data == path.read_bytes()


def test_what_a_scan_finds_is_synced_before_it_is_told(
    logs: ReplicaLogs, disk: CountingDisk, tmp_path: Path
) -> None:
    """A crash may have left whole chunks that no fsync vouched for."""
    log = rows(2)
    path = tmp_path / "mnist/r1/main.0001.tlog"
    path.parent.mkdir(parents=True)
    path.write_bytes(log.data)
    logs.held(*LOG)
    assert ["fdatasync"] == disk.calls


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_failed_append_leaves_what_was_held(
    logs: ReplicaLogs, disk: CountingDisk, tmp_path: Path, call: str
) -> None:
    """Bytes behind a failed write or fsync are cut off; the same append then succeeds."""
    log = rows(3)
    first, rest = log.data[: log.ends[0]], log.data[log.ends[0] :]
    logs.append(*LOG, offset=0, data=first, log_id=LOG_ID)
    disk.failing[call] = errno.ENOSPC
    with pytest.raises(OSError, match="injected"):
        logs.append(*LOG, offset=len(first), data=rest, log_id=LOG_ID)
    assert first == (tmp_path / "mnist/r1/main.0001.tlog").read_bytes()
    disk.failing.clear()
    assert held_of(first) == logs.held(*LOG)
    logs.append(*LOG, offset=len(first), data=rest, log_id=LOG_ID)
    assert log.data == (tmp_path / "mnist/r1/main.0001.tlog").read_bytes()


def test_a_rest_that_no_fsync_vouched_for_is_never_told_as_held(
    logs: ReplicaLogs, disk: CountingDisk, tmp_path: Path
) -> None:
    """After a failed fsync a second one may lie: such a rest is cut before anything else."""
    log = rows(3)
    first, rest = log.data[: log.ends[0]], log.data[log.ends[0] :]
    logs.append(*LOG, offset=0, data=first, log_id=LOG_ID)
    disk.failing.update(fdatasync=errno.EIO, truncate=errno.EIO)
    with pytest.raises(OSError, match="injected"):
        logs.append(*LOG, offset=len(first), data=rest, log_id=LOG_ID)
    assert log.data == (tmp_path / "mnist/r1/main.0001.tlog").read_bytes()
    with pytest.raises(OSError, match="injected"):
        logs.held(*LOG)
    disk.failing.clear()
    assert held_of(first) == logs.held(*LOG)
    assert first == (tmp_path / "mnist/r1/main.0001.tlog").read_bytes()


def test_what_another_process_appended_after_our_failure_is_not_cut(
    disk: CountingDisk, tmp_path: Path
) -> None:
    """A remembered end counts for nothing once somebody else has gone on with the file."""
    logs = ReplicaLogs(Places(tmp_path, disk=disk), disk=disk, is_shared=True)
    log = rows(4)
    first, rest = log.data[: log.ends[0]], log.data[log.ends[0] : log.ends[1]]
    logs.append(*LOG, offset=0, data=first, log_id=LOG_ID)
    disk.failing.update(pwrite=errno.EIO, truncate=errno.EIO)
    with pytest.raises(OSError, match="injected"):
        logs.append(*LOG, offset=len(first), data=rest, log_id=LOG_ID)
    again(tmp_path).append(*LOG, offset=len(first), data=log.data[len(first) :], log_id=LOG_ID)
    disk.failing.clear()
    assert held_of(log.data) == logs.held(*LOG)
    assert log.data == (tmp_path / "mnist/r1/main.0001.tlog").read_bytes()


def test_a_disk_that_reads_short_hides_nothing_that_is_held(tmp_path: Path) -> None:
    """Only the file's end is its end: an append behind a short read cuts no byte off."""

    class ShortDisk(Disk):
        def pread(self, fd: int, size: int, offset: int) -> bytes:
            return super().pread(fd, min(size, 50), offset)

    log = rows(5)
    again(tmp_path).append(*LOG, offset=0, data=log.data[: log.ends[3]], log_id=LOG_ID)
    logs = ReplicaLogs(Places(tmp_path, disk=ShortDisk()), disk=ShortDisk())
    assert held_of(log.data[: log.ends[3]]) == logs.held(*LOG)
    logs.append(*LOG, offset=log.ends[3], data=log.data[log.ends[3] :], log_id=LOG_ID)
    assert log.data == (tmp_path / "mnist/r1/main.0001.tlog").read_bytes()


def test_a_log_that_somebody_changed_is_scanned_again(logs: ReplicaLogs, tmp_path: Path) -> None:
    """Memory counts only while the file has the size that it remembers."""
    log = rows(3)
    logs.append(*LOG, offset=0, data=log.data, log_id=LOG_ID)
    (tmp_path / "mnist/r1/main.0001.tlog").write_bytes(log.data[: log.ends[1]])
    assert held_of(log.data[: log.ends[1]]) == logs.held(*LOG)
    (tmp_path / "mnist/r1/main.0001.tlog").unlink()
    assert None is logs.held(*LOG)


def test_only_so_many_logs_are_remembered(tmp_path: Path, disk: CountingDisk) -> None:
    """The oldest is forgotten, and found again by a scan."""
    logs = ReplicaLogs(Places(tmp_path, disk=disk), disk=disk, remembered_max=2)
    log = rows(2)
    names = [("mnist", f"r{i}", "main.0001.tlog") for i in range(3)]
    for name in names:
        logs.append(*name, offset=0, data=log.data, log_id=LOG_ID)
    disk.bytes_read = 0
    assert held_of(log.data) == logs.held(*names[2])
    assert len(log.data) == disk.bytes_read
    assert held_of(log.data) == logs.held(*names[0])
    assert 3 * len(log.data) < disk.bytes_read


def test_damage_on_the_replicas_disk_is_told_by_its_digest(tmp_path: Path) -> None:
    """A flipped bit in the middle leaves the end where it was and changes the digest."""
    log = rows(3)
    logs = again(tmp_path)
    logs.append(*LOG, offset=0, data=log.data, log_id=LOG_ID)
    path = tmp_path / "mnist/r1/main.0001.tlog"
    data = bytearray(log.data)
    data[log.ends[0] + 25] ^= 4
    path.write_bytes(data)
    assert held_of(bytes(data)) == again(tmp_path).held(*LOG)


def test_read_gives_the_bytes_that_are_held(logs: ReplicaLogs) -> None:
    """In blocks, and not a byte of an unfinished rest."""
    log = rows(3)
    logs.append(*LOG, offset=0, data=log.data, log_id=LOG_ID)
    assert log.data[: log.ends[1]] == b"".join(logs.read(*LOG, end=log.ends[1]))


@pytest.mark.parametrize("link", ["mnist", "mnist/r1", "mnist/r1/main.0001.tlog"])
def test_no_symbolic_link_is_followed(tmp_path: Path, link: str) -> None:
    """Neither a project, nor a run, nor a log may lead out of the root."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "main.0001.tlog").write_bytes(b"")
    (outside / "r1").mkdir()
    root = tmp_path / "root"
    path = root / link
    path.parent.mkdir(parents=True)
    path.symlink_to(outside / "main.0001.tlog" if link.endswith("tlog") else outside)
    logs, log = again(root), rows(1)
    with pytest.raises(PlaceTakenError):
        logs.held(*LOG)
    with pytest.raises(PlaceTakenError):
        logs.append(*LOG, offset=0, data=log.data, log_id=LOG_ID)
    assert b"" == (outside / "main.0001.tlog").read_bytes()
    assert [] == list((outside / "r1").iterdir())


@pytest.mark.parametrize("taken", ["mnist", "mnist/r1"])
def test_a_file_in_the_way_of_a_directory_is_told(tmp_path: Path, taken: str) -> None:
    """It is left as it is."""
    path = tmp_path / taken
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"mine")
    with pytest.raises(PlaceTakenError, match=r"main\.0001\.tlog cannot be put in its place"):
        again(tmp_path).append(*LOG, offset=0, data=rows(1).data, log_id=LOG_ID)
    assert b"mine" == path.read_bytes()


def test_a_directory_in_the_way_of_a_log_is_told(tmp_path: Path) -> None:
    """It is left as it is."""
    (tmp_path / "mnist/r1/main.0001.tlog").mkdir(parents=True)
    with pytest.raises(PlaceTakenError):
        again(tmp_path).append(*LOG, offset=0, data=rows(1).data, log_id=LOG_ID)


@pytest.mark.parametrize(
    "name",
    [
        ("..", "r1", "main.0001.tlog"),
        ("mnist", ".", "main.0001.tlog"),
        ("mnist", "a/b", "main.0001.tlog"),
        ("mnist", "r1\0", "main.0001.tlog"),
        ("", "r1", "main.0001.tlog"),
        (".hub", "r1", "main.0001.tlog"),
        ("mnist", "x" * 129, "main.0001.tlog"),
        ("mnist", "r1", "keys.json"),
        ("mnist", "r1", "main.00001.tlog"),
        ("mnist", "r1", "../main.0001.tlog"),
        ("mnist", "r1", "main.0001.tlog.tmp"),
        ("mnist", "r1", "Main.0001.tlog"),
        ("mnist", "r1", "main.٠٠٠١.tlog"),
    ],
)
def test_a_name_outside_the_grammar_becomes_no_path(tmp_path: Path, name: tuple[str, ...]) -> None:
    """Nothing is looked at and nothing is made."""
    root = tmp_path / "root"
    logs = again(root)
    with pytest.raises(InvalidNameError):
        logs.held(*name)
    with pytest.raises(InvalidNameError):
        logs.append(*name, offset=0, data=rows(1).data, log_id=LOG_ID)
    assert not root.exists()
