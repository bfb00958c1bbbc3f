"""Where the files of a root lie, and which of their directories are known to be on the disk."""

import errno
import os
from pathlib import Path

import pytest

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.places import SYNCED_DIRECTORIES_MAX, Places


class NotingDisk(Disk):
    """Notes which directories are synced; they need not be there. The sync of `failing` fails."""

    def __init__(self) -> None:
        self.synced: list[str] = []
        self.failing = ""

    def sync_directory(self, path: StrPath) -> None:
        if os.fspath(path) == self.failing:
            raise OSError(errno.EIO, "injected")
        self.synced.append(os.fspath(path))


def test_each_directory_is_synced_once_from_the_file_up_to_the_root(tmp_path: Path) -> None:
    """A second file beside the first costs nothing, one in another run that one's name and its own."""
    disk = NotingDisk()
    places = Places(tmp_path, disk=disk)
    assert f"<Places below {tmp_path}>" == repr(places)
    places.sync_above(places.log("mnist", "r1", "main.0001.tlog"))
    expected = [f"{tmp_path}/mnist/r1", f"{tmp_path}/mnist", f"{tmp_path}"]
    assert expected == disk.synced
    places.sync_above(places.log("mnist", "r1", "main.0002.tlog"))
    places.sync_above(places.log("mnist", "r2", "main.0001.tlog"))
    expected += [f"{tmp_path}/mnist/r2", f"{tmp_path}/mnist"]
    assert expected == disk.synced
    places.forget_synced()
    places.sync_above(places.log("mnist", "r1", "main.0001.tlog"))
    assert [*expected, *expected[:3]] == disk.synced


def test_a_directory_whose_name_could_not_be_synced_is_not_taken_for_known(tmp_path: Path) -> None:
    """The next to write there finds it made, and syncs its name."""
    disk, run = NotingDisk(), f"{tmp_path}/mnist/r1"
    places = Places(tmp_path, disk=disk)
    places.make_parent(f"{run}/main.0001.tlog")
    disk.failing = run
    with pytest.raises(OSError, match="injected"):
        places.make_parent(f"{run}/files/a.txt")
    disk.failing, disk.synced = "", []
    places.make_parent(f"{run}/files/a.txt")
    assert [f"{run}/files", run] == disk.synced[:2]


def test_a_directory_that_another_thread_makes_is_not_taken_for_known(tmp_path: Path) -> None:
    """It is there before its name is on the disk; who writes there first makes sure."""
    disk, run = NotingDisk(), f"{tmp_path}/mnist/r1"
    places = Places(tmp_path, disk=disk)
    places.make_parent(f"{run}/main.0001.tlog")
    (tmp_path / "mnist/r1/files").mkdir()
    disk.synced = []
    places.make_parent(f"{run}/files/a.txt")
    assert [f"{run}/files", run] == disk.synced


def test_memory_for_synced_directories_is_bounded(tmp_path: Path) -> None:
    """At the bound all are forgotten, and synced again when they are next written to."""
    disk = NotingDisk()
    places = Places(tmp_path, disk=disk)
    for n in range(SYNCED_DIRECTORIES_MAX - 1):  # The root is one as well.
        places.sync_above(f"{tmp_path}/{n}/main.0001.tlog")
    assert SYNCED_DIRECTORIES_MAX == len(set(disk.synced))
    places.sync_above(f"{tmp_path}/new/main.0001.tlog")
    places.sync_above(f"{tmp_path}/0/main.0001.tlog")
    assert [f"{tmp_path}/new", f"{tmp_path}", f"{tmp_path}/0", f"{tmp_path}"] == disk.synced[-4:]


def test_no_folder_is_made_where_the_root_is_gone(tmp_path: Path) -> None:
    """Its disk was pulled out: what is written below would be hidden once that is back."""
    places = Places(tmp_path / "usb", disk=Disk())
    with pytest.raises(FileNotFoundError, match="usb"):
        places.make_parent(places.log("mnist", "r1", "main.0001.tlog"))
    assert [] == list(tmp_path.iterdir())
