"""Where a walk through a log met damage, and between which steps. No I/O."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from tidelog.datastore.format import CHUNK_HEADER_BYTES, FILE_HEADER_BYTES, Chunk
from tidelog.datastore.scan import Damage


class Loss(NamedTuple):
    """A damaged range of a log, and what was lost with it.

    `chunks` is exact where `is_exact`, else the least that it can be. `step_before` is the step of the
    last row that was read before the range, `step_after` of the first one behind it; None for none.
    """

    offset: int
    length: int
    chunks: int
    is_exact: bool
    step_before: int | None
    step_after: int | None


class Gaps:
    """The places of a log at which its whole chunks do not follow each other."""

    def __init__(self) -> None:
        self._end = FILE_HEADER_BYTES
        self._seq = 0
        self._last_step: int | None = None
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._steps: list[tuple[int | None, int | None]] = []
        self._waiting = 0  # So many of the last gaps have no row behind them yet.

    def see(self, chunk: Chunk) -> bool:
        """Take the next whole chunk of the log; tell whether there is a gap before it."""
        is_behind_gap = chunk.offset != self._end or chunk.seq != self._seq
        if is_behind_gap:
            self._starts.append(self._end)
            self._ends.append(chunk.offset)
            self._steps.append((self._last_step, None))
            self._waiting += 1
        self._end = chunk.offset + CHUNK_HEADER_BYTES + len(chunk.payload)
        self._seq = chunk.seq + 1
        return is_behind_gap

    def see_rows(self, first_step: int, last_step: int) -> None:
        """Take the steps of the first and the last row of the chunk that was seen last."""
        if self._waiting:
            for index in range(len(self._steps) - self._waiting, len(self._steps)):
                self._steps[index] = (self._steps[index][0], first_step)
            self._waiting = 0
        self._last_step = last_step

    def losses(self, damage: Iterable[Damage]) -> list[Loss]:
        """Return what a walk that saw these chunks calls damage, with the steps around it."""
        return [self._loss(found) for found in damage]

    def _loss(self, found: Damage) -> Loss:
        at_end = found.offset >= self._end
        before, after = (self._last_step, None) if at_end else self._steps_around(found.offset)
        # No sequence number tells how many chunks there were where none follows.
        return Loss(found.offset, found.length, found.chunks, not at_end, before, after)

    def _steps_around(self, offset: int) -> tuple[int | None, int | None]:
        index = bisect_right(self._starts, offset) - 1
        is_within = index >= 0 and offset <= self._ends[index]
        return self._steps[index] if is_within else (None, None)
