"""How long it is from `log()` in one process until `Reader.follow()` yields the row in another.

    python -m benchmarks.follow log ROOT ROWS     logs, with gaps, once a line came on stdin
    python -m benchmarks.follow read ROOT         follows the only run there until it has ended

The row carries the monotonic clock, which all processes share, as it was just before `log()`.
"""

import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.markdown import Goal, goals
from benchmarks.reading.rounds import Tell

ROWS = 1_000
GAP_S_MAX = 0.030
"""Rows come at random moments up to this far apart: at every phase of the reader's waiting."""

SEED = 20261123
DELAY_MS_MAX = 100.0
DEADLINE_S = 120.0
CHECKOUT = Path(__file__).parents[1]

SECTION = """\
## Following a live run

`run.log()` of the SDK in one process, `Reader.follow()` with its default interval in another: the delay
from just before the one to the record out of the other. {rows:,} rows at random moments, 0 to
{gap_ms:.0f} ms apart.

{goals}

Median: {p50_ms:.1f} ms."""


class FollowError(Exception):
    """The process that logs or the one that reads failed; the text says how."""


@dataclass(slots=True)
class Result:
    """The delays of all rows in seconds; `failure` is the reason why there are none."""

    failure: str = ""
    delays_s: list[float] = field(default_factory=list)

    name = "follow"

    def quantile_ms(self, part: float) -> float:
        """Return the delay that `part` of the rows did not exceed, in milliseconds."""
        ordered = sorted(self.delays_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1e3

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Result":
        """Return what `as_json` told."""
        return cls(**told)


def run(*, folder: Path, tell: Tell, rows: int = ROWS) -> list[Result]:
    """Log rows in one process and follow them in another."""
    tell(f"following {rows:,} rows")
    try:
        return [Result(delays_s=_delays_s(folder / "follow", rows))]
    except FollowError as error:
        tell(f"follow FAILED: {error}")
        return [Result(str(error))]


def section(results: Sequence[Result], _rounds: int) -> str:
    """Return the section of the page; there is none where it failed."""
    (result,) = results
    if result.failure:
        return ""
    return SECTION.format(
        rows=len(result.delays_s),
        gap_ms=GAP_S_MAX * 1e3,
        goals=terminal(results),
        p50_ms=result.quantile_ms(0.5),
    )


def terminal(results: Sequence[Result]) -> str:
    """Return the goals alone, for the screen."""
    return goals(
        [
            Goal(f"milliseconds from `log()` to `follow()`, {name}", DELAY_MS_MAX, r.quantile_ms(part))
            for r in results
            if not r.failure
            for name, part in (("p99", 0.99), ("max", 1.0))
        ]
    )


def _delays_s(root: Path, rows: int) -> list[float]:
    with _process("log", root, str(rows), home=root / "home") as logging:
        _line_of(logging)  # Its run is there.
        with _process("read", root, home=root / "home") as reading:
            _line_of(reading)  # It has read what there is, and waits for more.
            assert logging.stdin is not None
            logging.stdin.write("go\n")
            logging.stdin.flush()
            told = json.loads(_rest_of(reading))
        _rest_of(logging)
    if len(told["delays_s"]) != rows:
        raise FollowError(f"{rows} rows were logged and {len(told['delays_s'])} followed")
    delays_s: list[float] = told["delays_s"]
    return delays_s


@contextlib.contextmanager
def _process(*arguments: str | Path, home: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.follow", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment.variables(home),
        cwd=CHECKOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _rest_of(process)
        raise FollowError("ended too early")
    return line


def _rest_of(process: subprocess.Popen[str]) -> str:
    """Return all that a process has still to say, once it has ended."""
    try:
        out, errors = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        raise FollowError(f"over {DEADLINE_S:.0f} s") from None
    if process.returncode:
        raise FollowError((errors.strip().splitlines() or ["ended without a word"])[-1])
    return out


# -- in a process of its own ---------------------------------------------------------------------


def _log(root: str, rows: int) -> None:
    from tidelog import sdk

    gaps_s = random.Random(SEED)
    run = sdk.init(project="bench", dir=root, mode="offline")
    run.log({"sent_ns": 0})
    print("open", flush=True)
    sys.stdin.readline()
    for _ in range(rows):
        time.sleep(gaps_s.uniform(0, GAP_S_MAX))
        run.log({"sent_ns": time.monotonic_ns()})
    run.finish()


def _read(root: str) -> None:
    from tidelog.datastore import Reader
    from tidelog.datastore.find import find_runs

    (path,) = find_runs(root)
    delays_s = []
    with Reader(path) as run:
        for record in run.follow():
            now_ns = time.monotonic_ns()
            if record.kind != "row" or "sent_ns" not in record.data:
                continue
            if not record.data["sent_ns"]:
                print("following", flush=True)
                continue
            delays_s.append((now_ns - record.data["sent_ns"]) / 1e9)
    print(json.dumps({"delays_s": delays_s}))


def _main() -> None:
    if sys.argv[1] == "log":
        _log(sys.argv[2], int(sys.argv[3]))
    else:
        _read(sys.argv[2])


if __name__ == "__main__":
    _main()
