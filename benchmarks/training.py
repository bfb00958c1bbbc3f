"""What a training loop pays: alone, beside a burning thread, from 64 threads; and to begin."""

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.markdown import Goal, goals, table
from benchmarks.reading.rounds import Tell
from benchmarks.roster import FLOOR, OWN, ROSTER, Entry

BESIDE = {
    "nothing": "alone",
    "burner": "beside a thread that burns CPU",
    "threads": "from 64 threads",
}
STEPS = 600
STEP_US = 3000.0
CHECKOUT = Path(__file__).parents[1]
DEADLINE_S = 120.0
BEGIN = """
import sys, time
a = time.perf_counter()
import tidelog.sdk
b = time.perf_counter()
run = tidelog.sdk.init(project="p", dir=sys.argv[1], mode="offline")
c = time.perf_counter()
print((b - a) * 1e3, (c - b) * 1e3)
"""

SECTION = """\
## In a training loop

Steps of 3 ms of computing at 200 a second, one `log()` of 5 floats and 1 int each. The share is what
`log()` takes in the mean of the 3 ms. Beside a burning thread the floor is Python's own: who gives the
interpreter away in a `write(2)` waits up to 5 ms until it comes back. Medians of {rounds} rounds, all in
turn. A connection of sqlite3 belongs to one thread.

{tables}

### Goals in a training loop

{goals}"""


@dataclass(slots=True)
class Result:
    """What one peer did, by what was beside it: mean, p50, p99, max of each round in µs."""

    name: str
    failure: str = ""
    spent_us: dict[str, list[list[float]]] = field(default_factory=dict)
    begin_ms: list[list[float]] = field(default_factory=list)  # Import and init; of tidelog alone.

    def median(self, beside: str, at: int) -> float:
        """Return the median over the rounds of mean, p50, p99 or max: `at` 0 to 3."""
        return statistics.median(each[at] for each in self.spent_us[beside])

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Result":
        """Return what `as_json` told."""
        return cls(**told)


def run(*, rounds: int, folder: Path, tell: Tell) -> list[Result]:
    """Let every peer train in turn, beside each, round after round."""
    results = {entry.name: Result(entry.name) for entry in ROSTER}
    for number in range(rounds):
        for beside in BESIDE:
            for entry in ROSTER:
                result = results[entry.name]
                if result.failure or (entry.name == "sqlite3" and beside == "threads"):
                    continue
                tell(f"round {number + 1} of {rounds}: {entry.name} in a training loop, {beside}")
                try:
                    result.spent_us.setdefault(beside, []).append(_train(entry, beside, folder / "out"))
                except (subprocess.SubprocessError, environment.InstallError, ValueError) as error:
                    result.failure = f"{type(error).__name__}: {error}"
                    tell(f"{entry.name} FAILED: {result.failure}")
        results[OWN].begin_ms.append(_begin(folder / "out"))
    return list(results.values())


def _train(entry: Entry, beside: str, out: Path) -> list[float]:
    if entry.package:
        environment.PEERS.install(entry.package)
    python = environment.PEERS.python if entry.package else sys.executable
    pace = environment.PEERS.folder / "pace.py"
    command = [python, pace, entry.file, "--beside", beside, "--steps", str(STEPS), "--out", out]
    spent = sorted(json.loads(_output(command, out))["spent_us"])
    return [statistics.fmean(spent), spent[len(spent) // 2], spent[len(spent) * 99 // 100], spent[-1]]


def _begin(out: Path) -> list[float]:
    return [float(word) for word in _output([sys.executable, "-c", BEGIN, out], out).split()]


def _output(command: Sequence[str | Path], out: Path) -> str:
    home = out.with_name("home")
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            timeout=DEADLINE_S,
            cwd=out.parent,
            env=environment.variables(home),
        ).stdout
    finally:
        for used in (out, home):
            shutil.rmtree(used, ignore_errors=True)


def section(results: Sequence[Result], rounds: int) -> str:
    """Return the section of the page."""
    shown = [result for result in results if not result.failure]
    if not shown:
        return ""
    tables = "\n\n".join(f"{title}:\n\n{_table(shown, beside)}" for beside, title in BESIDE.items())
    return SECTION.format(rounds=rounds, tables=tables, goals=goals(_goals(shown)))


def terminal(results: Sequence[Result]) -> str:
    """Return the tables, for the screen."""
    shown = [result for result in results if not result.failure]
    tables = [f"{title}\n{_table(shown, beside)}" for beside, title in BESIDE.items()]
    return "\n\n".join([*tables, goals(_goals(shown))])


def _table(results: Sequence[Result], beside: str) -> str:
    lines = []
    for result in results:
        if beside not in result.spent_us:
            continue
        mean, *rest = (result.median(beside, at) for at in range(4))
        share = [f"{100 * mean / STEP_US:.2f}"] if beside != "threads" else []
        lines.append([result.name, *share, f"{mean:.1f}", *(f"{each:.1f}" for each in rest)])
    share = ["% of a step"] if beside != "threads" else []
    return table(["", *share, "mean, µs", "p50, µs", "p99, µs", "max, µs"], lines)


def _goals(results: Sequence[Result]) -> list[Goal]:
    found = []
    by_name = {result.name: result for result in results}
    own, floor = by_name.get(OWN), by_name.get(FLOOR)
    if own is not None:
        found.append(Goal("% of a 3 ms step in `log()`", 0.5, 100 * own.median("nothing", 0) / STEP_US))
        found += [
            Goal(f"milliseconds to {what}", limit, statistics.median(each[at] for each in own.begin_ms))
            for at, what, limit in ((0, "`import tidelog.sdk`", 60.0), (1, "`init()`", 30.0))
        ]
        if floor is not None:
            found.append(
                Goal(
                    "p99 beside a burning thread, times the bare loop",
                    1.5,
                    own.median("burner", 2) / floor.median("burner", 2),
                )
            )
    return found
