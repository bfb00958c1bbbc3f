"""What an agent uploads to: a hub over HTTP or another root. One contract, no choice of its own.

Every method returns once the target has acknowledged (its disk holds it), or raises SetbackError.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tidelog.datastore.replica_logs import HeldLog
from tidelog.syncd.agent.target.held import FileContents, LogContents, RunContents
from tidelog.syncd.agent.target.sealed import Sealed
from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import AskedRun, FileEntry, HeldRun, SmallFile

__all__ = ["FileContents", "HeldLog", "LogContents", "Piece", "RunContents", "Target"]


class Piece(NamedTuple):
    """Bytes of a log to append: whole chunks from `offset` on, damaged places declared.

    `sealed` is what `Target.prepare` made of the bytes.
    """

    log_id: bytes
    offset: int
    data: bytes
    damage: Sequence[tuple[int, int]] = ()
    sealed: Sealed | None = None


class Target(Protocol):
    """The contract. `name` is the address, under which cursors are kept."""

    @property
    def name(self) -> str: ...

    async def held_log(self, run: Run, log: str) -> HeldLog | None:
        """Return how far a log is held under this name, None where nothing of it is."""

    async def prepare(self, piece: Piece) -> Piece:
        """Do for an append what costs the processor, ahead of it, while something else travels."""

    async def append(self, run: Run, log: str, piece: Piece) -> int:
        """Append to a log; return how far it is held then."""

    async def missing(self, run: Run, entries: Sequence[FileEntry]) -> set[str]:
        """Return the paths of the files that the target lacks in this version."""

    async def put_batch(self, run: Run, files: Sequence[SmallFile]) -> set[str]:
        """Store small files; return the paths that are stored then."""

    async def held_file(self, run: Run, entry: FileEntry) -> int:
        """Return how many bytes of this version of a file are held, its size when it is whole."""

    async def put_piece(self, run: Run, entry: FileEntry, offset: int, data: bytes) -> int:
        """Store a piece of a file; return how far it is held. The last one makes it visible."""

    async def held_runs(self, project: str, asked: Sequence[AskedRun]) -> list[HeldRun] | None:
        """Return what is still held of runs, told without reading them; None where nobody can tell.

        There may be answers to the first of them alone, to one at least.
        """

    async def contents(self, run: Run) -> RunContents | None:
        """Return what is held of a run, None where nothing is."""

    async def close(self) -> None:
        """Let go of connections."""
