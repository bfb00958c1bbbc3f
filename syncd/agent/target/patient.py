"""A target with patience: each call is made again while the target is away, up to a limit.

For commands that hand over one thing after the other; the planner has its own patience.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tidelog.datastore.clock import Clock
from tidelog.syncd.agent.plan.retry import SetbackError, wait_s
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import HeldLog, Piece, RunContents, Target
from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import AskedRun, FileEntry, HeldRun, SmallFile

Answer = TypeVar("Answer")


class PatientTarget:
    """Passes every call on; raises the last SetbackError once a call failed for `timeout_s`."""

    def __init__(
        self,
        target: Target,
        *,
        timeout_s: float,
        settings: AgentSettings,
        clock: Clock,
        chance: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self.name = target.name
        self._target = target
        self._timeout_s = timeout_s
        self._settings = settings
        self._clock = clock
        self._chance = chance
        self._tell = tell

    def __repr__(self) -> str:
        return f"<PatientTarget {self.name}>"

    async def held_log(self, run: Run, log: str) -> HeldLog | None:
        """Return how far a log is held under this name."""
        return await self._insist(lambda: self._target.held_log(run, log))

    async def prepare(self, piece: Piece) -> Piece:
        """Do ahead of an append what costs the processor."""
        return await self._target.prepare(piece)

    async def append(self, run: Run, log: str, piece: Piece) -> int:
        """Append to a log; return how far it is held then."""
        return await self._insist(lambda: self._target.append(run, log, piece))

    async def missing(self, run: Run, entries: Sequence[FileEntry]) -> set[str]:
        """Return the paths of the files that the target lacks in this version."""
        return await self._insist(lambda: self._target.missing(run, entries))

    async def put_batch(self, run: Run, files: Sequence[SmallFile]) -> set[str]:
        """Store small files."""
        return await self._insist(lambda: self._target.put_batch(run, files))

    async def held_file(self, run: Run, entry: FileEntry) -> int:
        """Return how many bytes of this version of a file are held."""
        return await self._insist(lambda: self._target.held_file(run, entry))

    async def put_piece(self, run: Run, entry: FileEntry, offset: int, data: bytes) -> int:
        """Store a piece of a file; the last one makes it visible."""
        return await self._insist(lambda: self._target.put_piece(run, entry, offset, data))

    async def held_runs(self, project: str, asked: Sequence[AskedRun]) -> list[HeldRun] | None:
        """Return what is still held of runs."""
        return await self._insist(lambda: self._target.held_runs(project, asked))

    async def contents(self, run: Run) -> RunContents | None:
        """Return what is held of a run."""
        return await self._insist(lambda: self._target.contents(run))

    async def close(self) -> None:
        """Let go of connections."""
        await self._target.close()

    async def _insist(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        began, attempt = self._clock.monotonic(), 0
        while True:
            try:
                return await call()
            except SetbackError as error:
                setback = error.setback
                is_over = self._clock.monotonic() - began >= self._timeout_s
                if is_over or not setback.is_passing:
                    raise
            attempt += 1
            if attempt == 1:
                self._tell(f"{setback.reason}; trying again")
            await asyncio.sleep(
                wait_s(
                    setback,
                    attempt,
                    chance=self._chance(),
                    first_s=self._settings.backoff_first_s,
                    max_s=self._settings.backoff_max_s,
                    retry_after_max_s=self._timeout_s,
                )
            )
