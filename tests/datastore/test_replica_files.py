"""The media and files of a replica: whole, under their digest, or not there."""

import errno
import hashlib
from pathlib import Path

import pytest
from reading_disk import ReadingDisk

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import (
    FileMismatchError,
    InvalidNameError,
    OffsetMismatchError,
    PlaceTakenError,
)
from tidelog.datastore.places import Places
from tidelog.datastore.replica_files import FILES_AT_ONCE, HeldFile, ReplicaFiles

RUN = ("mnist", "r1")
PATH = "media/images/a_0.png"
DATA = b"not really a picture"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def files(tmp_path: Path) -> ReplicaFiles:
    return again(tmp_path)


def again(tmp_path: Path) -> ReplicaFiles:
    """The replica as a new process sees it."""
    return ReplicaFiles(Places(tmp_path, disk=Disk()), disk=Disk())


def everything_below(path: Path) -> set[str]:
    return {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()}


def test_a_small_file_appears_in_its_place(files: ReplicaFiles, tmp_path: Path) -> None:
    """Under the run directory, where the source has it."""
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    assert DATA == (tmp_path / "mnist/r1" / PATH).read_bytes()
    assert {"mnist/r1/" + PATH} == everything_below(tmp_path)


def test_a_file_of_another_digest_does_not_appear(files: ReplicaFiles, tmp_path: Path) -> None:
    """Both digests are named."""
    with pytest.raises(FileMismatchError, match=f"{sha(b'x')}.*{sha(DATA)}"):
        files.put(*RUN, [(PATH, sha(b"x"), DATA)])
    assert set() == everything_below(tmp_path)


def test_a_newer_version_replaces_the_older(files: ReplicaFiles, tmp_path: Path) -> None:
    """The ledger's last entry for a path is what counts; the size may be the same."""
    for data in (b"one", b"two", b"one", b"two"):
        files.put(*RUN, [("files/model.npz", sha(data), data)])
        assert data == (tmp_path / "mnist/r1/files/model.npz").read_bytes()
        assert [] == files.missing(*RUN, [("files/model.npz", 3, sha(data))])


def test_the_same_file_again_changes_nothing(files: ReplicaFiles, tmp_path: Path) -> None:
    """Its inode stays: it was not written again."""
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    inode = (tmp_path / "mnist/r1" / PATH).stat().st_ino
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    assert inode == (tmp_path / "mnist/r1" / PATH).stat().st_ino


def test_missing_is_what_is_not_there_whole(files: ReplicaFiles, tmp_path: Path) -> None:
    """Absent, of another size, of another digest: missing. In place: not."""
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    files.put(*RUN, [("files/b", sha(b"bbb"), b"bbb")])
    entries = [
        (PATH, len(DATA), sha(DATA)),
        ("files/a", 3, sha(b"aaa")),
        ("files/b", 3, sha(b"BBB")),
        (PATH, len(DATA) + 1, sha(DATA)),
    ]
    assert ["files/a", "files/b", PATH] == files.missing(*RUN, entries)


def test_a_file_that_was_damaged_in_its_place_is_missing(tmp_path: Path) -> None:
    """Its bytes are what counts, not that it is there."""
    again(tmp_path).put(*RUN, [(PATH, sha(DATA), DATA)])
    (tmp_path / "mnist/r1" / PATH).write_bytes(DATA.upper())
    assert [PATH] == again(tmp_path).missing(*RUN, [(PATH, len(DATA), sha(DATA))])


def test_a_large_file_is_seen_only_when_it_is_whole(files: ReplicaFiles, tmp_path: Path) -> None:
    """Until its digest holds it lies beside its place under a name that nobody reads."""
    digest = sha(DATA)
    assert None is files.held(*RUN, PATH, sha256=digest)
    assert 5 == files.stage(*RUN, PATH, DATA[:5], sha256=digest, offset=0)
    assert HeldFile(5, is_complete=False) == again(tmp_path).held(*RUN, PATH, sha256=digest)
    assert {f"mnist/r1/{PATH}.{digest[:16]}.tmp"} == everything_below(tmp_path)
    assert len(DATA) == again(tmp_path).stage(*RUN, PATH, DATA[5:], sha256=digest, offset=5)
    files.complete(*RUN, PATH, sha256=digest, size=len(DATA))
    assert HeldFile(len(DATA), is_complete=True) == files.held(*RUN, PATH, sha256=digest)
    assert {f"mnist/r1/{PATH}"} == everything_below(tmp_path)
    assert DATA == b"".join(files.read(*RUN, PATH))


def test_a_part_at_the_wrong_offset_is_refused(files: ReplicaFiles) -> None:
    """It tells how much is there."""
    files.stage(*RUN, PATH, DATA[:5], sha256=sha(DATA), offset=0)
    for offset in (4, 6):
        with pytest.raises(OffsetMismatchError, match=rf"up to 5, .* at {offset}: go on at 5") as e:
            files.stage(*RUN, PATH, DATA[5:], sha256=sha(DATA), offset=offset)
        assert 5 == e.value.held


def test_offset_0_starts_a_large_file_anew(files: ReplicaFiles) -> None:
    """What was there of it is gone."""
    files.stage(*RUN, PATH, b"wrong bytes, and many", sha256=sha(DATA), offset=0)
    files.stage(*RUN, PATH, DATA, sha256=sha(DATA), offset=0)
    files.complete(*RUN, PATH, sha256=sha(DATA), size=len(DATA))
    assert DATA == b"".join(files.read(*RUN, PATH))


class DroppingDisk(Disk):
    """The next sync fails; the kernel then takes what was to be written for written."""

    def __init__(self, *, is_stuck: bool) -> None:
        self.drops = False
        self._is_stuck = is_stuck
        self._has_dropped = False

    def fdatasync(self, fd: int) -> None:
        self._has_dropped = self.drops
        if self.drops:
            raise OSError(errno.EIO, "injected")
        super().fdatasync(fd)

    def truncate(self, fd: int, size: int) -> None:
        if self.drops and self._has_dropped and self._is_stuck:
            raise OSError(errno.EROFS, "injected")
        super().truncate(fd, size)


@pytest.mark.parametrize("is_stuck", [False, True], ids=["cut", "not to be cut"])
def test_a_large_file_begins_anew_after_a_sync_that_failed(tmp_path: Path, is_stuck: bool) -> None:
    """Its bytes are read as before and may be nowhere: another sync succeeds, a power cut takes them."""
    disk, digest = DroppingDisk(is_stuck=is_stuck), sha(DATA)
    files = on_disk(tmp_path, disk)
    files.stage(*RUN, PATH, DATA[:5], sha256=digest, offset=0)
    disk.drops = True
    with pytest.raises(OSError, match="injected"):
        files.stage(*RUN, PATH, DATA[5:], sha256=digest, offset=5)
    disk.drops = False
    assert 0 == getattr(files.held(*RUN, PATH, sha256=digest), "offset", 0)
    with pytest.raises(OffsetMismatchError, match="up to 0"):
        files.stage(*RUN, PATH, b"", sha256=digest, offset=len(DATA))
    files.stage(*RUN, PATH, DATA, sha256=digest, offset=0)
    files.complete(*RUN, PATH, sha256=digest, size=len(DATA))
    assert DATA == b"".join(files.read(*RUN, PATH))


def test_a_large_file_of_another_digest_never_appears(files: ReplicaFiles, tmp_path: Path) -> None:
    """Its parts are thrown away, so that the next try starts at 0."""
    files.stage(*RUN, PATH, DATA.upper(), sha256=sha(DATA), offset=0)
    with pytest.raises(FileMismatchError, match="send it again from 0"):
        files.complete(*RUN, PATH, sha256=sha(DATA), size=len(DATA))
    assert set() == everything_below(tmp_path)


def test_two_versions_of_a_large_file_grow_apart(files: ReplicaFiles) -> None:
    """Each has its digest in its name."""
    files.stage(*RUN, PATH, b"abc", sha256=sha(b"abcdef"), offset=0)
    files.stage(*RUN, PATH, b"AB", sha256=sha(b"ABC"), offset=0)
    assert HeldFile(3, is_complete=False) == files.held(*RUN, PATH, sha256=sha(b"abcdef"))
    assert HeldFile(2, is_complete=False) == files.held(*RUN, PATH, sha256=sha(b"ABC"))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "media",
        "media/",
        "other/a",
        "main.0001.tlog",
        "run.json",
        "/etc/passwd",
        "media/../../../x",
        "media//x",
        "media/./x",
        "media/.hidden",
        "media/x.tmp",
        "media/x.tmp/y",
        "media/a\0b",
        "media/a\nb",
        "media/a\\b",
        "media/" + "x" * 129,
        "media/" + "x/" * 600 + "x",
        "media/\ud800",
    ],
)
def test_a_path_outside_the_grammar_becomes_no_file(tmp_path: Path, path: str) -> None:
    """Nothing is looked at and nothing is made."""
    root = tmp_path / "root"
    files = again(root)
    with pytest.raises(InvalidNameError):
        files.put(*RUN, [(path, sha(DATA), DATA)])
    with pytest.raises(InvalidNameError):
        files.stage(*RUN, path, DATA, sha256=sha(DATA), offset=0)
    with pytest.raises(InvalidNameError):
        files.missing(*RUN, [(path, 1, sha(DATA))])
    assert not root.exists()


@pytest.mark.parametrize("link", ["mnist", "mnist/r1", "mnist/r1/media", "mnist/r1/media/images"])
def test_no_symbolic_link_is_followed(tmp_path: Path, link: str) -> None:
    """No directory on the way may lead out of the root."""
    outside = tmp_path / "outside"
    outside.mkdir()
    path = tmp_path / "root" / link
    path.parent.mkdir(parents=True)
    path.symlink_to(outside)
    files = again(tmp_path / "root")
    with pytest.raises(PlaceTakenError, match="is a symbolic link, and none is followed"):
        files.put(*RUN, [(PATH, sha(DATA), DATA)])
    assert [] == list(outside.iterdir())


def test_a_link_in_a_files_place_is_replaced_not_followed(tmp_path: Path) -> None:
    """The file it leads to stays as it is."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"mine")
    place = tmp_path / "root/mnist/r1/media/images/a_0.png"
    place.parent.mkdir(parents=True)
    place.symlink_to(secret)
    again(tmp_path / "root").put(*RUN, [(PATH, sha(DATA), DATA)])
    assert b"mine" == secret.read_bytes()
    assert DATA == place.read_bytes()
    assert not place.is_symlink()


def test_a_directory_in_the_way_of_a_file_is_told(files: ReplicaFiles, tmp_path: Path) -> None:
    """And a file in the way of a directory."""
    files.put(*RUN, [("media/a/b", sha(DATA), DATA)])
    with pytest.raises(PlaceTakenError):
        files.put(*RUN, [("media/a", sha(DATA), DATA)])
    with pytest.raises(PlaceTakenError):
        files.put(*RUN, [("media/a/b/c", sha(DATA), DATA)])
    with pytest.raises(PlaceTakenError):
        files.stage(*RUN, "media/a/b/c", DATA, sha256=sha(DATA), offset=0)
    assert {"mnist/r1/media/a/b"} == everything_below(tmp_path)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_large_file_is_read_again_only_by_a_process_that_saw_not_all_of_it(
    tmp_path: Path, is_known: bool
) -> None:
    """Its digest is carried on from part to part: the last answer takes no longer than the others."""
    disk = ReadingDisk()
    files, digest = on_disk(tmp_path, disk), sha(DATA)
    files.stage(*RUN, PATH, DATA[:5], sha256=digest, offset=0)
    if not is_known:
        files = on_disk(tmp_path, disk)
    files.stage(*RUN, PATH, DATA[5:], sha256=digest, offset=5)
    files.complete(*RUN, PATH, sha256=digest, size=len(DATA))
    assert (0 if is_known else len(DATA)) == disk.bytes_read
    assert DATA == (tmp_path / "mnist/r1" / PATH).read_bytes()


@pytest.mark.parametrize("is_shared", [True, False])
def test_parts_that_are_no_version_of_the_digest_are_found_out(tmp_path: Path, is_shared: bool) -> None:
    """Whether read again or hashed on their way, wrong bytes never appear."""
    files = ReplicaFiles(Places(tmp_path, disk=Disk()), disk=Disk(), is_shared=is_shared)
    files.stage(*RUN, PATH, DATA[:5], sha256=sha(DATA), offset=0)
    files.stage(*RUN, PATH, DATA[5:].upper(), sha256=sha(DATA), offset=5)
    with pytest.raises(FileMismatchError):
        files.complete(*RUN, PATH, sha256=sha(DATA), size=len(DATA))
    assert set() == everything_below(tmp_path)


def test_what_another_process_staged_meanwhile_is_not_vouched_for(tmp_path: Path) -> None:
    """Where others write too, a large file is read again in any case."""
    one, other = (
        ReplicaFiles(Places(tmp_path, disk=Disk()), disk=Disk(), is_shared=True) for _ in range(2)
    )
    one.stage(*RUN, PATH, DATA[:5], sha256=sha(DATA), offset=0)
    other.stage(*RUN, PATH, b"wrong", sha256=sha(DATA), offset=0)
    one.stage(*RUN, PATH, DATA[5:], sha256=sha(DATA), offset=5)
    with pytest.raises(FileMismatchError):
        one.complete(*RUN, PATH, sha256=sha(DATA), size=len(DATA))


class OrderedDisk(Disk):
    """Notes what happens to files in which order; the sync number `fails_at` fails."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.calls: list[str] = []
        self._fails_at = fails_at

    def fdatasync(self, fd: int) -> None:
        self.calls.append("fdatasync")
        if self.calls.count("fdatasync") == self._fails_at:
            raise OSError(errno.EIO, "injected")
        super().fdatasync(fd)

    def move(self, source: StrPath, target: StrPath) -> None:
        self.calls.append("move")
        super().move(source, target)

    def sync_directory(self, path: StrPath) -> None:
        self.calls.append("sync_directory")
        super().sync_directory(path)


def many(count: int) -> list[tuple[str, str, bytes]]:
    return [(f"media/a/{i}.png", sha(b"%d" % i), b"%d" % i) for i in range(count)]


def on_disk(tmp_path: Path, disk: Disk) -> ReplicaFiles:
    return ReplicaFiles(Places(tmp_path, disk=disk), disk=disk)


def test_many_files_are_synced_together_before_the_first_appears(tmp_path: Path) -> None:
    """All bytes, then all names, then the directory once."""
    disk = OrderedDisk()
    files = on_disk(tmp_path, disk)
    files.put(*RUN, many(1))
    disk.calls.clear()
    files.put(*RUN, many(5))
    assert ["fdatasync"] * 4 + ["move"] * 4 + ["sync_directory"] == disk.calls
    assert [] == on_disk(tmp_path, Disk()).missing(
        *RUN, [(path, 1, digest) for path, digest, _ in many(5)]
    )


def test_more_files_than_may_be_open_go_in_groups(tmp_path: Path) -> None:
    """A process has so many descriptors, and a batch so many files."""
    disk = OrderedDisk()
    on_disk(tmp_path, disk).put(*RUN, many(FILES_AT_ONCE + 1))
    assert FILES_AT_ONCE == disk.calls[: disk.calls.index("move")].count("fdatasync")
    assert FILES_AT_ONCE + 1 == len(everything_below(tmp_path))


def test_a_sync_that_fails_lets_none_of_its_group_appear(tmp_path: Path) -> None:
    """Nothing is left of it; the same files can be put again."""
    with pytest.raises(OSError, match="injected"):
        on_disk(tmp_path, OrderedDisk(fails_at=3)).put(*RUN, many(5))
    assert set() == everything_below(tmp_path)
    on_disk(tmp_path, Disk()).put(*RUN, many(5))
    assert 5 == len(everything_below(tmp_path))


def test_one_wrong_digest_keeps_all_files_of_a_batch_from_appearing(tmp_path: Path) -> None:
    """As one bad name does: a batch is stored as a whole or not at all."""
    with pytest.raises(FileMismatchError):
        on_disk(tmp_path, Disk()).put(*RUN, [*many(3), (PATH, sha(b"x"), DATA)])
    assert set() == everything_below(tmp_path)


def test_of_two_versions_in_one_batch_the_later_one_counts(tmp_path: Path) -> None:
    """The ledger's order is the order of the batch."""
    on_disk(tmp_path, Disk()).put(*RUN, [(PATH, sha(b"one"), b"one"), (PATH, sha(b"two"), b"two")])
    assert b"two" == (tmp_path / "mnist/r1" / PATH).read_bytes()


ELSEWHERE = ("mnist", "r2")


def test_what_lies_elsewhere_in_the_project_is_not_missing(files: ReplicaFiles, tmp_path: Path) -> None:
    """It is put in place under the other run and the other name, whole."""
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    assert [] == files.missing(*ELSEWHERE, [("files/b/other.png", len(DATA), sha(DATA))])
    assert DATA == (tmp_path / "mnist/r2/files/b/other.png").read_bytes()
    assert {"mnist/r1/" + PATH, "mnist/r2/files/b/other.png"} == everything_below(tmp_path)


def test_a_large_file_is_found_elsewhere_too(files: ReplicaFiles, tmp_path: Path) -> None:
    """However it came."""
    files.stage(*RUN, PATH, DATA, sha256=sha(DATA), offset=0)
    files.complete(*RUN, PATH, sha256=sha(DATA), size=len(DATA))
    assert [] == files.missing(*ELSEWHERE, [(PATH, len(DATA), sha(DATA))])
    assert DATA == (tmp_path / "mnist/r2" / PATH).read_bytes()


def test_no_project_learns_what_another_one_holds(files: ReplicaFiles, tmp_path: Path) -> None:
    """A key for one project must not tell what is in another, nor get it."""
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    assert [PATH] == files.missing("secret", "r1", [(PATH, len(DATA), sha(DATA))])
    assert {"mnist/r1/" + PATH} == everything_below(tmp_path)


@pytest.mark.parametrize("size", [len(DATA), len(DATA) + 1])
def test_bytes_from_elsewhere_are_read_again_before_they_count(
    files: ReplicaFiles, tmp_path: Path, size: int
) -> None:
    """What was damaged there does not spread, nor does a digest that was given with another size."""
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    if size == len(DATA):
        (tmp_path / "mnist/r1" / PATH).write_bytes(DATA.upper())
    assert [PATH] == files.missing(*ELSEWHERE, [(PATH, size, sha(DATA))])
    assert {"mnist/r1/" + PATH} == everything_below(tmp_path)


def test_a_newer_version_changes_only_its_own_place(files: ReplicaFiles, tmp_path: Path) -> None:
    """A file that is replaced leaves the ones made from it as they are."""
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    files.missing(*ELSEWHERE, [(PATH, len(DATA), sha(DATA))])
    files.put(*RUN, [(PATH, sha(b"new"), b"new")])
    assert DATA == (tmp_path / "mnist/r2" / PATH).read_bytes()
    assert b"new" == (tmp_path / "mnist/r1" / PATH).read_bytes()


def test_another_version_in_place_is_replaced_by_the_one_from_elsewhere(
    files: ReplicaFiles, tmp_path: Path
) -> None:
    """As it would be by bytes that were sent."""
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    files.put(*ELSEWHERE, [(PATH, sha(b"old"), b"old")])
    assert [] == files.missing(*ELSEWHERE, [(PATH, len(DATA), sha(DATA))])
    assert DATA == (tmp_path / "mnist/r2" / PATH).read_bytes()


def test_without_second_names_a_file_is_sent(tmp_path: Path) -> None:
    """Not every file system has them; nothing is left of the attempt."""

    class PlainDisk(Disk):
        def link(self, source: StrPath, path: StrPath) -> None:
            raise OSError(errno.EPERM, "no links here")

    files = on_disk(tmp_path, PlainDisk())
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    assert [PATH] == files.missing(*ELSEWHERE, [(PATH, len(DATA), sha(DATA))])
    assert {"mnist/r1/" + PATH} == everything_below(tmp_path)


def test_a_file_in_the_way_of_a_directory_makes_it_missing(files: ReplicaFiles) -> None:
    """The question is answered all the same; the sending is what is refused."""
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    files.put(*ELSEWHERE, [("media/images", sha(b"x"), b"x")])
    assert [PATH] == files.missing(*ELSEWHERE, [(PATH, len(DATA), sha(DATA))])


def test_where_others_write_no_file_gets_a_second_name(tmp_path: Path) -> None:
    """What a script does to its own file must not reach another run's."""
    files = ReplicaFiles(Places(tmp_path, disk=Disk()), disk=Disk(), is_shared=True)
    files.put(*RUN, [(PATH, sha(DATA), DATA)])
    assert [PATH] == files.missing(*ELSEWHERE, [(PATH, len(DATA), sha(DATA))])
