"""What a salvage kept and what it could not keep, down to byte ranges, chunks and steps. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tidelog.datastore.file_check import FileFault
from tidelog.datastore.gaps import Loss


class Unreadable(NamedTuple):
    """A log, or all of a run, of which nothing can be read."""

    path: str
    fault: str


@dataclass(frozen=True, slots=True)
class SalvagedLog:
    """One log and its copy; the ids are hexadecimal, None where there is none or it is lost.

    `chunks` were read, `rows` were copied: those that a later log holds again are in its copy alone.
    `rows_lost` is None where nothing tells how many there were. `torn_tail` and `unreadable` are
    `(offset, length)`: an unfinished last chunk, and bytes that the disk does not give.
    """

    name: str
    new_name: str
    log_id: str | None
    new_log_id: str | None
    bytes: int
    new_bytes: int
    chunks: int
    rows: int
    rows_lost: int | None
    losses: Sequence[Loss]
    torn_tail: tuple[int, int] | None
    unreadable: Sequence[tuple[int, int]] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all of the log was read; a torn tail was never a chunk."""
        return not self.losses and not self.unreadable

    def document(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "name": self.name,
            "new_name": self.new_name,
            "log_id": self.log_id,
            "new_log_id": self.new_log_id,
            "bytes": self.bytes,
            "new_bytes": self.new_bytes,
            "chunks": self.chunks,
            "rows": self.rows,
            "rows_lost": self.rows_lost,
            "damage": [loss._asdict() for loss in self.losses],
            "torn_tail": _range(self.torn_tail) if self.torn_tail else None,
            "unreadable": [_range(each) for each in self.unreadable],
        }


@dataclass(frozen=True, slots=True)
class SalvagedRun:
    """One run: `path` is where it lies below the old place and the new, "." for the place itself.

    `files` were copied, each proven by its SHA-256. `unnamed` files lie in the run, and no record that
    can be read names them: they were not copied.
    """

    path: str
    logs: Sequence[SalvagedLog]
    unreadable_logs: Sequence[Unreadable]
    missing_logs: Sequence[str]
    files: int
    file_faults: Sequence[FileFault]
    unnamed: Sequence[str]

    @property
    def is_whole(self) -> bool:
        """Whether the copy holds all that the run ever held, as far as anybody can tell."""
        is_all_there = not (self.unreadable_logs or self.missing_logs or self.file_faults)
        return is_all_there and all(log.is_whole for log in self.logs)

    def document(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "path": self.path,
            "is_whole": self.is_whole,
            "logs": [log.document() for log in self.logs],
            "unreadable_logs": [log._asdict() for log in self.unreadable_logs],
            "missing_logs": list(self.missing_logs),
            "files": self.files,
            "file_faults": [file._asdict() for file in self.file_faults],
            "unnamed_files": list(self.unnamed),
        }


@dataclass(frozen=True, slots=True)
class SalvageReport:
    """All of a salvage; the paths are those that were asked for."""

    source: str
    target: str
    runs: Sequence[SalvagedRun]
    unreadable: Sequence[Unreadable] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing at all is lost."""
        return not self.unreadable and all(run.is_whole for run in self.runs)

    def document(self) -> dict[str, Any]:
        """Return it as JSON knows it; `salvage.json` holds the same."""
        return {
            "type": "salvage",
            "source": self.source,
            "target": self.target,
            "is_whole": self.is_whole,
            "runs": [run.document() for run in self.runs],
            "unreadable": [run._asdict() for run in self.unreadable],
        }


def _range(found: tuple[int, int]) -> dict[str, int]:
    return {"offset": found[0], "length": found[1]}
