"""What a daemon costs that watches many runs: idle CPU, memory, full scans, its answers meanwhile.

    python -m benchmarks.watching make ROOT FINISHED LIVE TARGET    writes runs, and a state that knows

The daemon is a real process; what it has to know is asked over its control socket.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import environment, process_tree
from benchmarks.markdown import Goal, goals, table
from benchmarks.reading.rounds import Tell

SIZES = ((10_000, 100), (100_000, 0))
"""Finished runs, live runs."""

PROJECTS = 20
MEASURED_S = 60.0
SETTLED_S = 5.0
CPU_PERCENT_MAX = 1.0
MEMORY_MB_MAX = 150.0
SWEEP_S_MAX = 10.0
SWEEPS = 3
DEADLINE_S = 120.0
POLL_S = 0.005
CHECKOUT = Path(__file__).parents[1]
FAST_STATE = Path("/dev/shm")
"""Where a hundred thousand cursors are written within seconds."""

SECTION = """\
## Watching many runs

A daemon whose root holds finished runs, all of them acknowledged, and live ones that log nothing at
this time: CPU over {measured_s:.0f} s, memory after that, then {sweeps} full scans. Each lists every
run directory and asks for the size of every log; meanwhile `status` is asked for all the time.

{goals}

{table}"""


class WatchingError(Exception):
    """The daemon did not do what is measured; the text says what."""


@dataclass(slots=True)
class Result:
    """Of one daemon. CPU is in percent of a core; times are in seconds."""

    finished: int
    live: int
    failure: str = ""
    cpu_percent: float = 0.0
    resident_bytes: int = 0
    first_scan_s: float = 0.0
    sweeps_s: list[float] = field(default_factory=list)
    sweeps_cpu_s: list[float] = field(default_factory=list)
    answers_s: list[float] = field(default_factory=list)
    idle_answers_s: list[float] = field(default_factory=list)
    descriptors: int = 0
    watches: int = 0

    @property
    def name(self) -> str:
        """What was watched."""
        return f"{self.finished:,} finished, {self.live} live"

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Result":
        """Return what `as_json` told."""
        return cls(**told)


def run(*, folder: Path, tell: Tell, sizes: Sequence[tuple[int, int]] = SIZES) -> list[Result]:
    """Watch roots of these sizes, one after the other."""
    process_tree.adopt_orphans()
    results = [Result(finished, live) for finished, live in sizes]
    for result in results:
        tell(f"watching {result.name}")
        place = folder / "watching"
        fast = FAST_STATE if FAST_STATE.is_dir() else folder
        home = Path(tempfile.mkdtemp(prefix="tidelog-bench-", dir=fast))
        try:
            _measure(result, place / "root", place / "target", home)
            tell(f"{result.cpu_percent:.2f} % idle, scans of {max(result.sweeps_s):.2f} s; tidying up")
        except (WatchingError, process_tree.CommandError) as error:
            result.failure = str(error)
            tell(f"{result.name} FAILED: {error}")
        finally:
            shutil.rmtree(place, ignore_errors=True)
            shutil.rmtree(home, ignore_errors=True)
    return results


def section(results: Sequence[Result], _rounds: int) -> str:
    """Return the section of the page."""
    return SECTION.format(
        measured_s=MEASURED_S, sweeps=SWEEPS, goals=_goals(results), table=_table(results)
    )


def terminal(results: Sequence[Result]) -> str:
    """Return goals and figures, for the screen."""
    return f"{_goals(results)}\n\n{_table(results)}"


def _goals(results: Sequence[Result]) -> str:
    found = []
    for result in results:
        if result.failure:
            continue
        if result.live:
            found += [
                Goal(f"{result.name}: percent of a core, idle", CPU_PERCENT_MAX, result.cpu_percent),
                Goal(f"{result.name}: MB of memory", MEMORY_MB_MAX, result.resident_bytes / 1e6),
            ]
        else:
            slowest_s = max(result.sweeps_s)
            found.append(Goal(f"{result.name}: seconds of a full scan", SWEEP_S_MAX, slowest_s))
    return goals(found)


def _table(results: Sequence[Result]) -> str:
    lines = [
        ["CPU idle, % of a core", *(f"{r.cpu_percent:.2f}" for r in results)],
        ["memory, MB", *(f"{r.resident_bytes / 1e6:.0f}" for r in results)],
        ["descriptors", *(str(r.descriptors) for r in results)],
        ["inotify watches", *(str(r.watches) for r in results)],
        ["first scan after the start, s", *(f"{r.first_scan_s:.2f}" for r in results)],
        ["full scan, s", *(_median(r.sweeps_s, "{:.2f}") for r in results)],
        ["the daemon's CPU meanwhile, s", *(_median(r.sweeps_cpu_s, "{:.2f}") for r in results)],
        ["`status` during scans, p50, ms", *(_quantile_ms(r.answers_s, 0.5) for r in results)],
        ["`status` during scans, p99, ms", *(_quantile_ms(r.answers_s, 0.99) for r in results)],
        ["`status` idle, p99, ms", *(_quantile_ms(r.idle_answers_s, 0.99) for r in results)],
    ]
    return table(["", *(r.name for r in results)], lines)


def _median(values: Sequence[float], form: str) -> str:
    return form.format(sorted(values)[len(values) // 2]) if values else "not measured"


def _quantile_ms(values: Sequence[float], part: float) -> str:
    ordered = sorted(values)
    if not ordered:
        return "not measured"
    return f"{ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1e3:.1f}"


# -- one daemon ----------------------------------------------------------------------------------


def _measure(result: Result, root: Path, target: Path, home: Path) -> None:
    environ = {**environment.variables(home), "XDG_RUNTIME_DIR": str(home)}
    counts = (str(result.finished), str(result.live))
    process_tree.run(
        [sys.executable, "-m", "benchmarks.watching", "make", root, *counts, target],
        environ=environ,
        folder=CHECKOUT,
        deadline_s=DEADLINE_S,
    )
    with _daemon(root, target, environ) as daemon:
        asking = _Asking(Path(environ["XDG_STATE_HOME"], "tidelog"))
        runs = result.finished + result.live
        first = asking.until(lambda told: told["sweeps"] and told["runs"] == runs and _is_idle(told))
        result.first_scan_s = first["sweep_s"]
        asking.until(lambda told: told["runs_awake"] == result.live)
        time.sleep(SETTLED_S)
        result.cpu_percent, result.resident_bytes = _idle(daemon.pid)
        result.descriptors = len(list(Path("/proc", str(daemon.pid), "fd").iterdir()))
        result.watches = _watches(daemon.pid)
        asking.answers_s.clear()
        for _ in range(100):
            asking.status()
        result.idle_answers_s, asking.answers_s = asking.answers_s, result.answers_s
        for _ in range(SWEEPS):
            done, before = asking.status()["sweeps"], _cpu_s(daemon.pid)
            asking.ask({"command": "retry"})
            swept = asking.until(lambda told, done=done: told["sweeps"] > done)  # type: ignore[misc]
            result.sweeps_s.append(swept["sweep_s"])
            result.sweeps_cpu_s.append(_cpu_s(daemon.pid) - before)


@contextmanager
def _daemon(root: Path, target: Path, environ: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    command = [
        sys.executable,
        "-m",
        "tidelog.syncd",
        "start",
        "--root",
        root,
        "--to",
        f"file://{target}",
    ]
    with subprocess.Popen(command, env=environ, cwd="/", stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


class _Asking:
    """Asks the daemon, and keeps how long each answer took."""

    def __init__(self, state: Path) -> None:
        self.answers_s: list[float] = []
        self._state = state

    def status(self) -> dict[str, Any]:
        began = time.perf_counter()
        answer = self.ask({"command": "status"})
        self.answers_s.append(time.perf_counter() - began)
        return answer

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        from tidelog.datastore.disk import Disk
        from tidelog.syncd.agent.daemon.control import ask_daemon

        answer = ask_daemon(self._state, request, disk=Disk())
        return answer or {"sweeps": 0, "runs": -1, "targets": [], "runs_awake": -1}

    def until(self, is_so: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        deadline = time.monotonic() + DEADLINE_S
        while not is_so(told := self.status()):
            if time.monotonic() > deadline:
                raise WatchingError(f"after {DEADLINE_S:.0f} s the daemon still says {told}")
            time.sleep(POLL_S)
        return told


def _is_idle(told: dict[str, Any]) -> bool:
    return all(not target["wanted"] for target in told["targets"])


def _idle(pid: int) -> tuple[float, int]:
    """Return percent of a core and resident bytes of a process, over the time that is measured."""
    before, began = _cpu_s(pid), time.monotonic()
    time.sleep(MEASURED_S)
    percent = (_cpu_s(pid) - before) / (time.monotonic() - began) * 100
    pages = int(Path("/proc", str(pid), "statm").read_text().split()[1])
    return percent, pages * os.sysconf("SC_PAGE_SIZE")


def _cpu_s(pid: int) -> float:
    fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _watches(pid: int) -> int:
    infos = [path.read_text() for path in Path("/proc", str(pid), "fdinfo").iterdir()]
    return sum(line.startswith("inotify wd:") for info in infos for line in info.splitlines())


# -- in a process of its own ---------------------------------------------------------------------


def _make(root: Path, finished: int, live: int, target: Path) -> None:
    """Write runs, the finished ones long ago; and a state in which these are acknowledged."""
    from tidelog.datastore import Writer
    from tidelog.datastore.disk import Disk
    from tidelog.syncd.agent.daemon.lock import state_directory
    from tidelog.syncd.agent.settings import AgentSettings
    from tidelog.syncd.agent.upload.state import LmdbState

    target.mkdir(parents=True)
    writer = Writer(root.parent / "one")
    writer.log_row({"loss": 0.5}, step=0)
    live_log = writer.path.read_bytes()
    writer.close()
    final_log = writer.path.read_bytes()
    directory = state_directory(os.environ)
    bytes_max = AgentSettings().state_bytes_max
    with LmdbState(directory, disk=Disk(), bytes_max=bytes_max) as state:
        for number in range(finished):
            path = _put(root, f"20261123-{number:06d}-k3v9q2", number, final_log, is_old=True)
            _acknowledge(state, f"file://{target}", path, len(final_log))
    for number in range(live):
        _put(root, f"20261124-{number:06d}-k3v9q2", number, live_log, is_old=False)


def _put(root: Path, name: str, number: int, log: bytes, *, is_old: bool) -> Path:
    path = root / f"project-{number % PROJECTS:02d}" / name
    path.mkdir(parents=True)
    (path / "main.0001.tlog").write_bytes(log)
    if is_old:
        for at in (path / "main.0001.tlog", path):
            os.utime(at, (1.7e9, 1.7e9))
    return path


def _acknowledge(state: Any, target: str, path: Path, size: int) -> None:
    from tidelog.syncd.agent.task import LOG, Run, Task
    from tidelog.syncd.agent.upload.cursor import Cursor

    run = Run(str(path), path.parent.name, path.name)
    cursor = Cursor("00" * 16, offset=size, seq=3, is_final=True)
    state.advance(target, Task(run, LOG, "main.0001.tlog"), cursor, [])


if __name__ == "__main__":
    _, _, root, finished, live, target = sys.argv
    _make(Path(root), int(finished), int(live), Path(target))
    print(json.dumps({}))
