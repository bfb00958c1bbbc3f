"""The trash of a hub: run directories that were deleted, each below a name that says when."""

import os
from collections.abc import Iterator

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.places import Places, taken
from tidelog.syncd.hub.web.address import RunAddress

TRASH_DIRECTORY = os.path.join(".hub", "trash")
NAME_BYTES = 4


class Trash:
    """The trash of one data folder. All of it is blocking work for a thread."""

    def __init__(self, data: StrPath, *, disk: Disk) -> None:
        self._directory = os.path.join(os.path.abspath(data), TRASH_DIRECTORY)
        self._disk = disk
        self._places = Places(data, disk=disk)

    def __repr__(self) -> str:
        return f"<Trash in {self._directory}>"

    def new_name(self, now: float) -> str:
        """Return a name that nothing in the trash has: the second, and a few random digits."""
        return f"{int(now)}-{os.urandom(NAME_BYTES).hex()}"

    def has_run(self, run: RunAddress) -> bool:
        """Tell whether a run is in its place."""
        return self._disk.is_directory(self._places.run(*run))

    def take(self, run: RunAddress, name: str) -> None:
        """Move a run from its place to the trash, in one step; both folders are synced on return."""
        source, target = self._places.run(*run), self._path(run, name)
        self._disk.make_directory(os.path.dirname(target), mode=0o700)
        self._disk.rename(source, target)
        self._disk.sync_directory(os.path.dirname(source))

    def bring_back(self, run: RunAddress, name: str) -> bool:
        """Move a run back to its place; tell whether it was still there.

        Raises PlaceTakenError where another run has the place by now.
        """
        source, target = self._path(run, name), self._places.run(*run)
        if not self._disk.is_directory(source):
            return False
        self._disk.make_directory(os.path.dirname(target))
        with taken(target):
            self._disk.rename(source, target)
        self._disk.sync_directory(os.path.dirname(source))
        return True

    def older_than(self, time: float) -> Iterator[str]:
        """Yield the names of what was deleted before `time`, and of what is named like nothing here."""
        if not self._disk.is_directory(self._directory):
            return
        for entry in self._disk.list(self._directory):
            when = entry.name.partition("-")[0]
            if when.isascii() and when.isdigit() and int(when) < time:
                yield entry.name

    def runs_in(self, name: str) -> Iterator[RunAddress]:
        """Yield the runs that lie under one name."""
        folder = os.path.join(self._directory, name)
        for project in self._disk.list(folder):
            for run in self._disk.list(os.path.join(folder, project.name)):
                yield RunAddress(project.name, run.name)

    def sweep(self, name: str) -> None:
        """Delete for good what lies under one name."""
        self._disk.remove_tree(os.path.join(self._directory, name))

    def _path(self, run: RunAddress, name: str) -> str:
        return os.path.join(self._directory, name, *run)
