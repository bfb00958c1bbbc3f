"""What the monitor costs beside a trainer with workers, and how soon it tells of a trainer's death.

python -m benchmarks.monitor                measures, and prints what was reached
python -m benchmarks.monitor train ROOT     the trainer, until it is killed
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.markdown import Goal, goals
from benchmarks.memory import peak_bytes
from benchmarks.reading.rounds import Tell

PROCESSES = 16
MEASURED_S = 60.0
SETTLED_S = 5.0
"""Start-up is not what a week of training pays."""

CPU_PERCENT_MAX = 1.0
NOTICED_S_MAX = 2.0
DEADLINE_S = 30.0
POLL_S = 0.005
CHECKOUT = Path(__file__).parents[1]

SECTION = """\
## The monitor

A trainer of {processes} processes, sampled at the default interval for {measured_s:.0f} s; then it is
killed.

{goals}

Resident memory of the monitor at its largest: {peak_mib:.1f} MiB."""


class MonitorError(Exception):
    """There was no monitor, or it said nothing in time."""


@dataclass(slots=True)
class Result:
    """Of one monitor: CPU in percent of a core, its largest size, seconds from a kill to its record."""

    failure: str = ""
    cpu_percent: float = 0.0
    peak_bytes: int = 0
    noticed_s: float = 0.0

    name = "monitor"

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Result":
        """Return what `as_json` told."""
        return cls(**told)


def run(*, folder: Path, tell: Tell, measured_s: float = MEASURED_S) -> list[Result]:
    """Measure one monitor beside one trainer."""
    tell(f"the monitor beside {PROCESSES} processes")
    try:
        return [_measure(folder / "monitor", measured_s)]
    except MonitorError as error:
        tell(f"monitor FAILED: {error}")
        return [Result(str(error))]


def section(results: Sequence[Result], _rounds: int) -> str:
    """Return the section of the page; there is none where it failed."""
    (result,) = results
    if result.failure:
        return ""
    return SECTION.format(
        processes=PROCESSES,
        measured_s=MEASURED_S,
        goals=terminal(results),
        peak_mib=result.peak_bytes / 2**20,
    )


def terminal(results: Sequence[Result]) -> str:
    """Return the goals alone, for the screen."""
    return goals(
        [
            goal
            for result in results
            if not result.failure
            for goal in (
                Goal("percent of a core for the monitor", CPU_PERCENT_MAX, result.cpu_percent),
                Goal("seconds from SIGKILL to the record of it", NOTICED_S_MAX, result.noticed_s),
            )
        ]
    )


def _measure(root: Path, measured_s: float) -> Result:
    import psutil

    command = [sys.executable, "-m", "benchmarks.monitor", "train", str(root)]
    with subprocess.Popen(command, env=environment.variables(root / "home"), cwd=CHECKOUT) as trainer:
        try:
            run = root / "bench" / "r"
            monitor = psutil.Process(_monitor_pid(run))
            time.sleep(SETTLED_S)
            before = monitor.cpu_times()
            time.sleep(measured_s)
            after = monitor.cpu_times()
            used_s = after.user + after.system - before.user - before.system
            size = peak_bytes(monitor.pid)
            killed = time.monotonic()
            trainer.send_signal(signal.SIGKILL)
            _until(lambda: _is_told(run), "the kill was not told")
            noticed_s = time.monotonic() - killed
            _until(lambda: not monitor.is_running(), "the monitor did not end")
            return Result("", 100 * used_s / measured_s, size, noticed_s)
        finally:
            trainer.kill()


def _monitor_pid(run: Path) -> int:
    from tidelog.datastore import Reader

    log = run / "monitor.0001.tlog"
    _until(lambda: log.exists() and log.stat().st_size > 100, "no monitor has begun its log")
    with Reader(log) as monitor:
        return int(monitor.metadata["pid"])


def _is_told(run: Path) -> bool:
    from tidelog.datastore import Reader

    with Reader(run) as reader:
        return reader.exit_code == -signal.SIGKILL


def _until(question: Any, failure: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not question():
        if time.monotonic() > deadline:
            raise MonitorError(f"{failure} within {DEADLINE_S:.0f} s")
        time.sleep(POLL_S)


# -- in a process of its own ---------------------------------------------------------------------


def _train(root: str) -> None:
    from tidelog import sdk

    for _ in range(PROCESSES - 1):
        if os.fork() == 0:
            while os.getppid() != 1:  # Workers end with their trainer, as DataLoader's do.
                time.sleep(1)
            os._exit(0)
    run = sdk.init(project="bench", id="r", dir=root, mode="offline")
    while True:
        run.log({"loss": 0.5})
        time.sleep(0.01)


def _main() -> None:
    if sys.argv[1:2] == ["train"]:
        _train(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        results = run(folder=Path(folder), tell=print)
    print(terminal(results))
    print(results)


if __name__ == "__main__":
    _main()
