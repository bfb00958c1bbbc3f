"""The interleaved run: the files are written once, then, round after round, each reader has its turn."""

import contextlib
import json
import shutil
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import environment, process_tree
from benchmarks.reading.roster import ROSTER, ROWS, SUMMARY, Entry

LIMIT_S = 120.0
RSS_BYTES_MAX = 8 * 2**30
PREPARE_LIMIT_S = 600.0
BUDGET_S = 60.0
"""A reader that has taken as long as this in all has no further round."""

CHECKOUT = Path(__file__).parents[2]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer of one process.

    `peak_bytes` is the largest resident size above that of the interpreter at its start;
    `working_bytes` above that behind the imports; `result_bytes` is that of the arrays it answered with.
    """

    read_s: float
    peak_bytes: int
    working_bytes: int
    result_bytes: int


@dataclass(slots=True)
class Result:
    """What one reader did in all rounds with files of so many rows.

    `limit` is the reason why it was not tried, or ended, with so many; `failure` is what went wrong.
    """

    name: str
    question: str
    rows: int
    bytes: int = 0
    version: str = ""
    limit: str = ""
    failure: str = ""
    samples: list[Sample] = field(default_factory=list)

    @property
    def is_measured(self) -> bool:
        """Whether there is something to tell."""
        return bool(self.samples) and not self.is_out

    @property
    def is_out(self) -> bool:
        """Whether it has no further turn."""
        return bool(self.limit or self.failure)

    def median(self, quantity: str) -> float:
        """Return the median over the rounds of one field of `Sample`."""
        return statistics.median(getattr(sample, quantity) for sample in self.samples)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Result":
        """Return what `as_json` told."""
        return cls(**{**told, "samples": [Sample(**sample) for sample in told["samples"]]})


def run(
    *,
    sizes: Sequence[int],
    rounds: int,
    folder: Path,
    tell: Tell,
    roster: Sequence[Entry] = ROSTER,
    limit_s: float = LIMIT_S,
) -> list[Result]:
    """Return a result per reader and number of rows.

    A reader that is too slow for many rows, as its time with fewer rows tells, is not tried with them.
    `limit_s` bounds a whole process, its start and its checking included.
    """
    process_tree.adopt_orphans()
    done: list[Result] = []
    for rows in sorted(sizes):
        pairs = [(entry, Result(entry.name, entry.question, rows)) for entry in roster]
        for entry, result in pairs:
            result.limit = _why_not(result, done, limit_s)
            if not result.limit:
                _install(entry, result, tell)
        files = folder / f"rows-{rows}"
        files.mkdir()
        try:
            _prepare(pairs, files, tell)
            _take_turns(pairs, files, rounds=rounds, limit_s=limit_s, tell=tell)
        finally:
            shutil.rmtree(files, ignore_errors=True)
        done += [result for _entry, result in pairs]
    return done


def _why_not(result: Result, done: Iterable[Result], limit_s: float) -> str:
    """Tell why a reader has no chance, from what it did with fewer rows; "" where it may have one."""
    for fewer in done:
        if fewer.name != result.name or result.question == SUMMARY:
            continue
        if not fewer.is_measured:
            return f"not tried: {fewer.rows:,} rows were too many"
        took_s = fewer.median("read_s")
        is_telling = fewer.rows >= ROWS  # Of a few rows most of the time is not that of the rows.
        if is_telling and took_s * result.rows / fewer.rows > limit_s:
            return f"not tried: {fewer.rows:,} rows took {took_s:.2f} s, limit {limit_s:.0f} s"
    return ""


def _install(entry: Entry, result: Result, tell: Tell) -> None:
    with _failure_of(result, tell):
        if entry.package:
            environment.READERS.install("numpy")
            environment.READERS.install(entry.package)


def _prepare(pairs: Sequence[tuple[Entry, Result]], files: Path, tell: Tell) -> None:
    """Write one file per format, however many questions are asked about it."""
    for module in dict.fromkeys(entry.module for entry, result in pairs if not result.is_out):
        sharing = [(e, r) for e, r in pairs if e.module == module and not r.is_out]
        entry, first = sharing[0]
        tell(f"writing {first.rows:,} rows: {module}")
        with _failure_of(first, tell):
            first.bytes = _job(entry, files, first.rows, deadline_s=PREPARE_LIMIT_S)["bytes"]
        for _entry, result in sharing:
            result.bytes, result.limit, result.failure = first.bytes, first.limit, first.failure


def _take_turns(
    pairs: Sequence[tuple[Entry, Result]], files: Path, *, rounds: int, limit_s: float, tell: Tell
) -> None:
    for number in range(rounds):
        # Each round begins with another reader, so that none always runs behind the same one.
        first = number % len(pairs)
        for entry, result in [*pairs[first:], *pairs[:first]]:
            if result.is_out or sum(sample.read_s for sample in result.samples) > BUDGET_S:
                continue
            tell(f"round {number + 1} of {rounds}: {entry.name}, {result.rows:,} rows")
            with _failure_of(result, tell):
                told = _job(entry, files, result.rows, "--ask", entry.question, deadline_s=limit_s)
                result.version = told.pop("version")
                result.samples.append(Sample(**told))


@contextlib.contextmanager
def _failure_of(result: Result, tell: Tell) -> Iterator[None]:
    try:
        yield
    except process_tree.OverLimitError as error:
        result.limit = str(error)
        tell(f"{result.name}: {error}")
    except (environment.InstallError, process_tree.CommandError) as error:
        result.failure = str(error)
        tell(f"{result.name} FAILED: {error}")


def _job(entry: Entry, files: Path, rows: int, *arguments: str, deadline_s: float) -> dict[str, Any]:
    python = environment.READERS.python if entry.package else sys.executable
    hidden = ("--without", entry.without) if entry.without and arguments else ()
    path = files / entry.module
    outcome = process_tree.run(
        [
            *(python, "-m", f"benchmarks.reading.{entry.module}"),
            *("--rows", str(rows), "--path", path, *arguments, *hidden),
        ],
        environ=environment.variables(files / "home"),
        folder=CHECKOUT,
        deadline_s=deadline_s,
        rss_bytes_max=RSS_BYTES_MAX,
    )
    told: dict[str, Any] = json.loads(outcome.stdout)
    return told
