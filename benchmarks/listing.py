"""The listing of a root of many runs: with a catalog that knows none of them, then with one that does.

python -m benchmarks.listing make ROOT 10000     writes the runs
python -m benchmarks.listing list ROOT           lists them once; one line of JSON on stdout
python -m benchmarks.listing each ROOT           opens them with a Reader, one after the other
"""

import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import environment, process_tree
from benchmarks.markdown import table
from benchmarks.peers.job import row
from benchmarks.reading.rounds import Tell

RUNS = 10_000
ROWS_PER_RUN = 100
PROJECTS = 20
DEADLINE_S = 600.0
CHECKOUT = Path(__file__).parents[1]

FIRST, SECOND, EACH = "first listing", "second listing", "a Reader for each, no catalog"

SECTION = """\
## Listing {runs:,} runs

Finished runs of {rows_per_run} rows each in {projects} projects. `open_root(path).runs()` in a process
of its own, then the id, the state and the summary of each run; first with an empty catalog, then again.
Imports are not in the time; the files were just written. Medians of {rounds} rounds.

{table}"""


@dataclass(slots=True)
class Result:
    """One way to list the runs; `failure` is the reason why there is nothing more to tell."""

    name: str
    runs: int
    failure: str = ""
    list_s: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Result":
        """Return what `as_json` told."""
        return cls(**told)


def run(*, rounds: int, folder: Path, tell: Tell, runs: int = RUNS) -> list[Result]:
    """Write the root once and list it, round after round, each with a catalog of its own."""
    process_tree.adopt_orphans()
    results = [Result(name, runs) for name in (FIRST, SECOND, EACH)]
    root, home = folder / "root", folder / "home"
    try:
        tell(f"writing {runs:,} runs to list")
        with_home = {"home": home, "deadline_s": DEADLINE_S}
        try:
            _process("make", root, str(runs), **with_home)
        except process_tree.CommandError as error:
            for result in results:
                result.failure = str(error)
        for number in range(rounds):
            tell(f"listing, round {number + 1} of {rounds}")
            # The catalog goes with it: a first listing comes next.
            shutil.rmtree(home, ignore_errors=True)
            for result, verb in zip(results, ("list", "list", "each"), strict=True):
                if not result.failure:
                    _measure(result, verb, root, with_home, tell)
    finally:
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
    return results


def section(results: Sequence[Result], rounds: int) -> str:
    """Return the section of the page."""
    return SECTION.format(
        runs=results[0].runs,
        rows_per_run=ROWS_PER_RUN,
        projects=PROJECTS,
        rounds=rounds,
        table=terminal(results),
    )


def terminal(results: Sequence[Result]) -> str:
    """Return the table alone, for the screen."""
    lines = [
        [r.name, "not measured", "", ""]
        if r.failure
        else [
            r.name,
            f"{statistics.median(r.list_s) * 1e3:,.0f}",
            f"{statistics.median(r.list_s) / r.runs * 1e6:,.1f}",
            f"{statistics.median(r.peak_bytes) / 2**20:.0f}",
        ]
        for r in results
    ]
    return table(["", "ms", "µs per run", "peak, MiB"], lines)


def _measure(result: Result, verb: str, root: Path, with_home: dict[str, Any], tell: Tell) -> None:
    try:
        told = _process(verb, root, **with_home)
    except process_tree.CommandError as error:
        result.failure = str(error)
    else:
        result.list_s.append(told["list_s"])
        result.peak_bytes.append(told["peak_bytes"])
        if told["runs"] != result.runs:
            result.failure = f"{told['runs']} of {result.runs} runs were listed as they are"
    if result.failure:
        tell(f"{result.name} FAILED: {result.failure}")


def _process(*arguments: str | Path, home: Path, deadline_s: float) -> dict[str, Any]:
    outcome = process_tree.run(
        [sys.executable, "-m", "benchmarks.listing", *arguments],
        environ=environment.variables(home),
        folder=CHECKOUT,
        deadline_s=deadline_s,
    )
    told: dict[str, Any] = json.loads(outcome.stdout)
    return told


# -- in a process of its own ---------------------------------------------------------------------


def _make(root: str, count: int) -> dict[str, Any]:
    """Write finished runs. They are not synced to the disk: 10,000 syncs are no part of a listing."""
    from tidelog.datastore import Writer
    from tidelog.datastore.disk import Disk

    class UnsyncedDisk(Disk):
        def fdatasync(self, fd: int) -> None:
            """Leave it to the kernel."""

        def sync_directory(self, path: str | os.PathLike[str]) -> None:
            """Leave it to the kernel."""

    disk = UnsyncedDisk()
    for number in range(count):
        project, name = f"project-{number % PROJECTS:02d}", f"20261123-{number:06d}"
        writer = Writer(Path(root, project, name), disk=disk)
        writer.log_run({"id": name, "project": project, "name": f"run {number}", "tags": ["bench"]})
        writer.log_config({"lr": 1e-3, "batch_size": 64, "seed": number})
        for index in range(ROWS_PER_RUN):
            writer.log_row(row(index), step=index)
        writer.close()
    return {"runs": count}


def _list(root: str) -> dict[str, Any]:
    from tidelog.datastore import open_root

    started = time.perf_counter()
    listed = [(run.id, run.state, run.summary) for run in open_root(root).runs()]
    return _told(listed, started)


def _each(root: str) -> dict[str, Any]:
    from tidelog.datastore import Reader
    from tidelog.datastore.find import find_runs

    started = time.perf_counter()
    listed = []
    for path in find_runs(root):
        with Reader(path) as run:
            listed.append((run.id, run.state, run.summary))
    return _told(listed, started)


def _told(listed: Sequence[tuple[Any, ...]], started: float) -> dict[str, Any]:
    from benchmarks.memory import peak_bytes

    list_s = time.perf_counter() - started
    last = row(ROWS_PER_RUN - 1)
    right = [1 for _id, state, summary in listed if state == "finished" and dict(summary) == last]
    return {"runs": len(right), "list_s": list_s, "peak_bytes": peak_bytes()}


def _main() -> None:
    verbs = {"make": lambda: _make(sys.argv[2], int(sys.argv[3])), "list": lambda: _list(sys.argv[2])}
    verbs["each"] = lambda: _each(sys.argv[2])
    print(json.dumps(verbs[sys.argv[1]]()))


if __name__ == "__main__":
    _main()
