"""The rows that every format holds: a step, a time, five floats and an int, the same for all."""

from __future__ import annotations

from benchmarks.peers.job import NAMES as METRICS
from benchmarks.peers.job import row as metrics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

STEP, TIME = "_step", "_time"
NAMES = (STEP, TIME, *METRICS)
INTS = (STEP, "epoch")
ASKED = "loss"
"""The metric that is read alone."""

STARTED_S = 1.75e9
ROW_S = 0.0123
BLOCK_ROWS = 100_000


def time_at(index: int) -> float:
    """Return when the row at `index` was logged, in seconds since the epoch."""
    return STARTED_S + index * ROW_S


def row(index: int) -> dict[str, float]:
    """Return the whole row at `index`."""
    return {STEP: index, TIME: time_at(index), **metrics(index)}


def blocks(rows: int) -> Iterator[range]:
    """Yield the indexes of all rows in blocks, so that no format has to hold them all to write them."""
    for start in range(0, rows, BLOCK_ROWS):
        yield range(start, min(start + BLOCK_ROWS, rows))
