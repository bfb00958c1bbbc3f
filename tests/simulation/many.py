"""Live through many seeds, in several processes, and say how far it is and what it cost."""

import gc
import multiprocessing
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from simulation.seeds import Outcome, live

BLOCK = 250
TOLD_EVERY_S = 10.0
FAILURES_MAX = 20


@dataclass(slots=True)
class Figures:
    """Sums over seeds, and those that failed."""

    seeds: int = 0
    requests: int = 0
    rows: int = 0
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    failed: list[tuple[int, str]] = field(default_factory=list)

    def note(self, outcome: Outcome) -> None:
        """Take one seed into account."""
        self.seeds += 1
        self.requests += outcome.requests
        self.rows += outcome.rows
        self.virtual_s += outcome.virtual_s
        if outcome.failure:
            self.failed.append((outcome.seed, outcome.failure))

    def add(self, other: "Figures") -> None:
        """Take a block of seeds into account."""
        self.seeds += other.seeds
        self.requests += other.requests
        self.rows += other.rows
        self.virtual_s += other.virtual_s
        self.cpu_s += other.cpu_s
        self.failed += other.failed

    def __str__(self) -> str:
        each_ms = 1000 * self.cpu_s / max(1, self.seeds)
        return (
            f"{self.seeds} seeds, {self.cpu_s:.0f} s of a core ({each_ms:.1f} ms each): "
            f"{self.virtual_s / 3600:.0f} virtual hours, {self.requests} requests, {self.rows} rows"
        )


def live_block(block: range) -> Figures:
    """Live through a block of seeds, without a collector that comes when it likes."""
    figures, begun = Figures(), time.process_time()
    gc.disable()
    for seed in block:
        figures.note(live(seed))
    gc.enable()
    gc.collect()
    figures.cpu_s = time.process_time() - begun
    return figures


def live_all(first: int, count: int, *, jobs: int, is_first_enough: bool = False) -> int:
    """Live through seeds; print those that failed and how to go on. Returns the exit code."""
    end, step = first + count, 10 if is_first_enough else BLOCK
    failures_max = 1 if is_first_enough else FAILURES_MAX
    blocks = [range(start, min(start + step, end)) for start in range(first, end, step)]
    figures, told_at = Figures(), time.monotonic()
    next_seed = first
    try:
        for done in _each(blocks, jobs):
            figures.add(done)
            next_seed = first + figures.seeds
            for seed, failure in done.failed:
                print(f"seed {seed}: {failure}\n  cd tests && python -m simulation {seed} --trace")
            if len(figures.failed) >= failures_max:
                break
            if time.monotonic() - told_at > TOLD_EVERY_S:
                told_at = time.monotonic()
                print(f"{figures.seeds} of {count} seeds, {len(figures.failed)} failed", flush=True)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    if next_seed < end:
        rest = end - next_seed
        print(f"go on with: cd tests && python -m simulation {next_seed} --count {rest} --jobs {jobs}")
    print(figures)
    return int(bool(figures.failed) or next_seed < end)


def _each(blocks: list[range], jobs: int) -> Iterator[Figures]:
    if jobs == 1:
        yield from map(live_block, blocks)
        return
    with multiprocessing.Pool(jobs) as pool:
        # In order: what was not lived through yet is then one stretch.
        yield from pool.imap(live_block, blocks)
