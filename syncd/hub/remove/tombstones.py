"""Which runs were deleted here: a small file for each, so that an agent does not bring one back.

An agent that still has a run would upload it again, as it does after a hub lost something. Writing to
a run with a tombstone is refused until an admin restores it.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.names import check_name
from tidelog.syncd.errors import GONE, ProblemError
from tidelog.syncd.hub.web.address import RunAddress

DELETED_DIRECTORY = os.path.join(".hub", "deleted")


class Tombstone(NamedTuple):
    """When a run was deleted (seconds since the epoch), and under which name it lies in the trash."""

    deleted: float
    trash: str


class Tombstones:
    """The tombstones of one data folder."""

    def __init__(self, data: StrPath, *, disk: Disk) -> None:
        self._directory = os.path.join(os.path.abspath(data), DELETED_DIRECTORY)
        self._disk = disk

    def __repr__(self) -> str:
        return f"<Tombstones in {self._directory}>"

    def of(self, run: RunAddress) -> Tombstone | None:
        """Return the tombstone of a run, None where it was not deleted."""
        try:
            document = json.loads(self._disk.read(self._path(run)))
        except FileNotFoundError:
            return None
        return Tombstone(float(document["deleted"]), str(document["trash"]))

    def has(self, run: RunAddress) -> bool:
        """Tell whether a run was deleted."""
        return self._disk.is_file(self._path(run))

    def check(self, run: RunAddress) -> None:
        """Raise the problem of writing to a run that was deleted."""
        if not self.has(run):
            return
        stone = self.of(run)
        when = datetime.fromtimestamp(stone.deleted if stone else 0.0, UTC)
        raise ProblemError(
            GONE,
            f"run {run.run!r} of project {run.project!r} was deleted here at {when:%Y-%m-%d %H:%MZ}; an "
            f"admin can take that back (`syncd restore {run.project}/{run.run}`), then `syncd retry`",
        )

    def put(self, run: RunAddress, stone: Tombstone) -> None:
        """Set a tombstone; it is on the disk on return."""
        path = self._path(run)
        self._disk.make_directory(os.path.dirname(path), mode=0o700)
        self._disk.replace(path, json.dumps(stone._asdict()).encode(), mode=0o600)

    def lift(self, run: RunAddress) -> None:
        """Remove a tombstone; it is gone from the disk on return."""
        path = self._path(run)
        self._disk.remove(path)
        self._disk.sync_directory(os.path.dirname(path))

    def all(self) -> Iterator[RunAddress]:
        """Yield every run that has one."""
        if not self._disk.is_directory(self._directory):
            return
        for project in self._disk.list(self._directory):
            for run in self._disk.list(os.path.join(self._directory, project.name)):
                if not run.name.endswith(".tmp"):
                    yield RunAddress(project.name, run.name)

    def _path(self, run: RunAddress) -> str:
        return os.path.join(
            self._directory, check_name("project", run.project), check_name("run", run.run)
        )
