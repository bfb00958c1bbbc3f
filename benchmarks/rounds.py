"""The interleaved run: round after round, each peer in turn logs its rows and reads them back."""

import contextlib
import json
import shutil
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import environment, process_tree
from benchmarks.roster import Entry

CPU_ROWS = 100_000
JOB_DEADLINE_S = 300.0
CHECKOUT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Sample:
    """What one peer did in one round."""

    log_p50_us: float
    log_p99_us: float
    bytes_per_row: float
    cpu_s: float
    read_rows_per_s: float
    first_log_s: float


@dataclass(slots=True)
class Result:
    """What one peer did in all rounds; `failure` is the reason why there is nothing more to tell."""

    name: str
    returned: str
    rows: int
    version: str = ""
    failure: str = ""
    samples: list[Sample] = field(default_factory=list)

    def median(self, quantity: str) -> float:
        """Return the median over the rounds of one field of `Sample`."""
        return statistics.median(getattr(sample, quantity) for sample in self.samples)

    def as_json(self) -> dict[str, Any]:
        """Return everything, medians first, as plain data."""
        told = asdict(self)
        samples = told.pop("samples")
        medians = {name: self.median(name) for name in samples[0]} if samples else {}
        return {**told, "median": medians, "rounds": samples}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Result":
        """Return what `as_json` told."""
        kept = {name: value for name, value in told.items() if name not in ("median", "rounds")}
        return cls(**kept, samples=[Sample(**sample) for sample in told["rounds"]])


def run(
    entries: Sequence[Entry],
    *,
    rows: int,
    rounds: int,
    folder: Path,
    tell: Callable[[str], None],
) -> list[Result]:
    """Return a result per entry; a peer that failed once is left out of the rounds that follow."""
    process_tree.adopt_orphans()
    results = [Result(entry.name, entry.returned, entry.rows(rows)) for entry in entries]
    pairs = list(zip(entries, results, strict=True))
    for entry, result in pairs:
        with _failure_of(result, tell):
            if entry.package:
                environment.PEERS.install(entry.package)
    for number in range(rounds):
        # Each round begins with another peer, so that none always runs behind the same one.
        first = number % max(1, len(pairs))
        for entry, result in pairs[first:] + pairs[:first]:
            if not result.failure:
                tell(f"round {number + 1} of {rounds}: {entry.name}, {result.rows:,} rows")
                with _failure_of(result, tell):
                    _measure(entry, result, folder)
    return results


@contextlib.contextmanager
def _failure_of(result: Result, tell: Callable[[str], None]) -> Iterable[None]:
    try:
        yield
    except (environment.InstallError, process_tree.CommandError, ValueError, KeyError) as error:
        result.failure = str(error)
        tell(f"{result.name} FAILED: {error}")


def _measure(entry: Entry, result: Result, folder: Path) -> None:
    """Let one peer log and read back once, in processes of their own."""
    out = folder / "out"
    try:
        logged, cpu_s = _job(entry, folder, "--rows", str(result.rows), "--out", out)
        read, _cpu_s = _job(entry, folder, "--read", "yes", "--out", out)
        if result.rows != CPU_ROWS:
            # What starting and ending cost is not scaled: it is measured with a single row.
            _, alone_s = _job(entry, folder, "--rows", "1", "--out", folder / "alone")
            cpu_s = alone_s + (cpu_s - alone_s) * (CPU_ROWS - 1) / (result.rows - 1)
    finally:
        for used in (out, folder / "alone", folder / "home"):
            shutil.rmtree(used, ignore_errors=True)
    if read["read_rows"] != logged["rows"]:
        raise ValueError(f"{logged['rows']} rows were logged and {read['read_rows']} read back")
    result.version = logged["version"]
    result.samples.append(
        Sample(
            log_p50_us=logged["log_p50_us"],
            log_p99_us=logged["log_p99_us"],
            bytes_per_row=logged["bytes"] / logged["rows"],
            cpu_s=cpu_s,
            read_rows_per_s=read["read_rows"] / read["read_s"],
            first_log_s=logged["first_log_s"],
        )
    )


def _job(entry: Entry, folder: Path, *arguments: str | Path) -> tuple[dict[str, Any], float]:
    python = environment.PEERS.python if entry.package else sys.executable
    outcome = process_tree.run(
        [python, environment.PEERS.folder / entry.file, *arguments],
        environ=environment.variables(folder / "home"),
        folder=CHECKOUT,
        deadline_s=JOB_DEADLINE_S,
    )
    return json.loads(outcome.stdout), outcome.cpu_s
