"""Another root as a target: what tells it from all others, and what it says where a disk is poor."""

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from log_spec import LOG_ID, log_of_every_kind

from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.agent.plan.retry import Course, SetbackError
from tidelog.syncd.agent.target.contract import Piece
from tidelog.syncd.agent.target.root_lock import is_filled, root_id_of
from tidelog.syncd.agent.target.root_target import RootTarget, refuse_nested
from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import SmallFile
from tidelog.syncd.errors import CannotStartError

LOG = log_of_every_kind()
NAME = "main.0001.tlog"
RUN = Run("/anywhere", "mnist", "r1")
PIECE = Piece(LOG_ID, 0, LOG.data)


def target(path: Path, disk: Disk | None = None) -> RootTarget:
    return RootTarget(f"file://{path}", str(path), disk=disk or Disk())


def small(path: str, data: bytes) -> SmallFile:
    import hashlib

    return SmallFile(path, hashlib.sha256(data).hexdigest(), data)


def test_a_root_is_known_again_wherever_it_is_mounted(tmp_path: Path) -> None:
    """By what its lock file says; two roots never say the same."""
    one, two = target(tmp_path / "one"), target(tmp_path / "two")
    assert ("", False) == (one.root_id, is_filled(str(tmp_path / "one"), Disk()))
    for each in (one, two):
        asyncio.run(each.append(RUN, NAME, PIECE))
    name = one.root_id
    assert (32, True) == (len(name), name != two.root_id)
    (tmp_path / "one").rename(tmp_path / "moved")
    asyncio.run(target(tmp_path / "moved").append(RUN, NAME, PIECE))
    assert name == root_id_of(str(tmp_path / "moved"), Disk())


def test_a_lock_of_before_gets_a_name(tmp_path: Path) -> None:
    """Also one that a person made with `touch`; a name that is none counts as none."""
    (tmp_path / ".tidelog.lock").touch()
    asyncio.run(target(tmp_path).append(RUN, NAME, PIECE))
    assert root_id_of(str(tmp_path), Disk())
    (tmp_path / ".tidelog.lock").write_bytes(b"x" * 32)
    assert "" == root_id_of(str(tmp_path), Disk())


@pytest.mark.parametrize(
    ("to", "source", "words"),
    [
        ("root", "root", "lies inside"),
        ("root/backup", "root", "lies inside"),
        ("root", "root/mnist/r1", "lies inside the target"),
        ("alias/usb", "root", "lies inside"),
        ("root2", "root", None),
        ("usb", "root", None),
    ],
)
def test_no_root_is_uploaded_into_itself(
    tmp_path: Path, to: str, source: str, words: str | None
) -> None:
    """Nor a run out of the target; links lead nobody around it."""
    (tmp_path / "root/mnist/r1").mkdir(parents=True)
    (tmp_path / "alias").symlink_to(tmp_path / "root")
    if words is None:
        refuse_nested(str(tmp_path / to), [str((tmp_path / source).resolve())], disk=Disk())
        return
    with pytest.raises(CannotStartError, match=words):
        refuse_nested(str(tmp_path / to), [str((tmp_path / source).resolve())], disk=Disk())


def test_a_run_of_the_target_itself_is_parked(tmp_path: Path) -> None:
    """Whoever reaches it by another path, such as a second mount, is told."""
    asyncio.run(target(tmp_path / "one").append(RUN, NAME, PIECE))
    (tmp_path / "alias").symlink_to(tmp_path / "one")
    own = RUN._replace(path=str(tmp_path / "one/mnist/r1"))
    with pytest.raises(SetbackError, match="lies in the target itself") as caught:
        asyncio.run(target(tmp_path / "alias").append(own, NAME, PIECE))
    assert Course.PARK is caught.value.setback.course


class Failing(Disk):
    """A disk that refuses one kind of call with one error."""

    def __init__(self, method: str, number: int) -> None:
        setattr(self, method, self._fail)
        self._number = number

    def _fail(self, *_: object, **__: object) -> int:
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize(
    ("method", "number", "course", "words"),
    [
        ("pwrite", errno.EFBIG, Course.PARK, "FAT ends at 4 GiB"),
        ("create", errno.EILSEQ, Course.PARK, "cannot write this name"),
        ("create", errno.ENAMETOOLONG, Course.PARK, "no name that long"),
        ("create", errno.ENOSPC, Course.OUTAGE, "No space left"),
        ("create", errno.EROFS, Course.OUTAGE, "Read-only"),
        ("create", errno.EIO, Course.OUTAGE, "Input/output error"),
        ("open_update", errno.EACCES, Course.OUTAGE, "Permission denied"),
    ],
)
def test_what_a_disk_cannot_take_is_said(
    tmp_path: Path, method: str, number: int, course: Course, words: str
) -> None:
    """What only one item is too much for parks that; what hits all of them is an outage."""
    asyncio.run(target(tmp_path).append(RUN, NAME, Piece(LOG_ID, 0, LOG.data[: LOG.ends[2]])))
    poor = Failing(method, number)

    async def work() -> None:
        await target(tmp_path, poor).append(RUN, NAME, PIECE)
        await target(tmp_path, poor).put_batch(RUN, [small("media/a.png", b"abc")])

    with pytest.raises(SetbackError, match=words) as caught:
        asyncio.run(work())
    assert course is caught.value.setback.course


def test_a_file_system_without_locks_names_the_other_way(tmp_path: Path) -> None:
    """Two agents without a lock could cut each other's bytes: an archive needs none."""
    with pytest.raises(SetbackError, match="syncd pack"):
        asyncio.run(target(tmp_path, Failing("lock", errno.ENOLCK)).append(RUN, NAME, PIECE))


def test_a_root_that_does_not_answer_is_away_and_not_empty(tmp_path: Path) -> None:
    """A question is no answer: nor is the folder above it, where that is not there."""
    disk = Failing("stat", errno.ENOTCONN)
    disk.is_directory = lambda path: os.fspath(path) == str(tmp_path)  # type: ignore[method-assign]
    (tmp_path / "usb").mkdir()
    for held in (target(tmp_path / "usb", disk), target(tmp_path / "no/usb")):
        with pytest.raises(SetbackError) as caught:
            asyncio.run(held.contents(RUN))
        assert Course.OUTAGE is caught.value.setback.course
    assert asyncio.run(target(tmp_path / "new").contents(RUN)) is None


class PulledOut(Disk):
    """A disk that is pulled out when something is written; the folder it was mounted on stays."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._is_in = True

    def fdatasync(self, fd: int) -> None:
        super().fdatasync(fd)
        if self._is_in:
            self._is_in = False
            self._root.rename(self._root.with_name("away"))
            self._root.mkdir()


def test_what_was_written_while_a_disk_was_pulled_out_is_not_acknowledged(tmp_path: Path) -> None:
    """Part of it may lie in the folder below the mount; once the disk is back, all of it is sent."""
    root = tmp_path / "usb"
    asyncio.run(target(root).append(RUN, NAME, Piece(LOG_ID, 0, LOG.data[: LOG.ends[2]])))
    held = target(root, PulledOut(root))
    with pytest.raises(SetbackError, match="what was uploaded is gone") as caught:
        asyncio.run(held.append(RUN, NAME, PIECE))
    assert Course.OUTAGE is caught.value.setback.course
    with pytest.raises(SetbackError, match="what was uploaded is gone"):
        asyncio.run(held.append(RUN, NAME, PIECE))
    assert not (root / ".tidelog.lock").exists()
    shutil.rmtree(root)
    root.with_name("away").rename(root)
    assert len(LOG.data) == asyncio.run(held.append(RUN, NAME, PIECE))
    assert LOG.data == (root / "mnist/r1" / NAME).read_bytes()


class Caseless(Disk):
    """A disk that takes names that differ in case alone for one, as FAT does."""

    def _find(self, path: StrPath) -> str:
        found = "/"
        for part in os.fspath(path).strip("/").split("/"):
            there = os.listdir(found) if os.path.isdir(found) else []
            other = next((name for name in there if name.casefold() == part.casefold()), part)
            found = os.path.join(found, other)
        return found

    def __getattribute__(self, name: str) -> object:
        method = super().__getattribute__(name)
        if name.startswith("_") or name not in _BY_PATH:
            return method
        return lambda path, *rest, **more: method(self._find(path), *rest, **more)


_BY_PATH = (
    "open create open_update is_file is_there is_directory is_link stat list mkdir make_directory "
    "read_start remove"
).split()


@pytest.mark.parametrize(
    "second",
    [
        lambda held: held.put_batch(RUN, [small("media/A.png", b"2")]),
        lambda held: held.put_batch(RUN, [small("media/ä.PNG", b"2")]),
        lambda held: held.put_batch(RUN, [small("Media/a.png".replace("Media", "media/X"), b"2")]),
        lambda held: held.append(RUN._replace(name="R1"), NAME, PIECE),
        lambda held: held.append(RUN._replace(project="MNIST"), NAME, PIECE),
    ],
    ids=["file", "accent", "folder", "run", "project"],
)
def test_names_that_a_stick_takes_for_one_are_told_apart(
    tmp_path: Path, second: Callable[[RootTarget], object]
) -> None:
    """The second is parked with both names; the first keeps its bytes."""
    files = [small("media/a.png", b"1"), small("media/Ä.png", b"1"), small("media/x/b.png", b"1")]

    async def work(disk: Disk) -> None:
        held = target(tmp_path, disk)
        await held.append(RUN, NAME, PIECE)
        await held.put_batch(RUN, files)
        await held.put_batch(RUN, files)
        await second(held)  # type: ignore[misc]

    with pytest.raises(SetbackError, match="for one name") as caught:
        asyncio.run(work(Caseless()))
    assert Course.PARK is caught.value.setback.course
    assert b"1" == (tmp_path / "mnist/r1/media/a.png").read_bytes()


def test_a_disk_that_tells_case_apart_takes_both(tmp_path: Path) -> None:
    """Nothing is listed for it."""

    async def work() -> None:
        held = target(tmp_path)
        await held.put_batch(RUN, [small("media/a.png", b"1"), small("media/A.png", b"2")])

    asyncio.run(work())
    assert b"2" == (tmp_path / "mnist/r1/media/A.png").read_bytes()
