"""A run in short, as a listing shows it, and the names of its fields in comparisons."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import ComparisonError
from tidelog.datastore.layout import missing_logs
from tidelog.datastore.reader import Reader
from tidelog.datastore.state import State

MAPS = ("config", "summary", "metadata")
FIELDS = (
    *("project", "id", "name", "state", "exit_code", "rows", "last_step", "started", "updated"),
    *MAPS,
)


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run in short, as a listing shows it.

    `rows` counts those that were written, `started` and `updated` are seconds since the epoch. `fault`
    says why a run could not be read at all; the rest is then empty.
    """

    path: Path
    project: str
    id: str
    name: str
    state: State
    exit_code: int | None
    rows: int
    last_step: int | None
    started: float | None
    updated: float | None
    config: dict[str, Any]
    summary: dict[str, Any]
    metadata: dict[str, Any]
    logs: list[str]
    fault: str | None = None
    disk: Disk = field(default_factory=Disk, repr=False, compare=False)

    def __str__(self) -> str:
        """Return the path, or the URL, as messages name it."""
        return self.disk.shown(self.path)

    @property
    def missing_logs(self) -> list[str]:
        """The names of logs that must have been there: a stream's numbers count from 1 without gaps."""
        return missing_logs(self.logs)

    def open(self) -> Reader:
        """Open the run. Raises what `Reader` raises."""
        return Reader(self.path, disk=self.disk)

    def fields(self) -> dict[str, Any]:
        """Return what comparisons and sorting may name."""
        return {name: getattr(self, name) for name in FIELDS}


def check_field(name: str) -> None:
    """Raise ComparisonError for the name of a field that no run can have."""
    if name.partition(".")[0] not in FIELDS:
        known = ", ".join(f"{each}.KEY" if each in MAPS else each for each in FIELDS)
        raise ComparisonError(f"{name!r} is no field of a run; there are: {known}")
