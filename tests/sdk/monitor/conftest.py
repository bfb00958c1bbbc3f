"""Training scripts with a monitor, which do what they are told once they are let go."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from monitored import is_running, monitor_pid, samples_of
from waiting import PATIENCE_S, until

from tidelog.datastore.errors import DatastoreError

StartScript = Callable[..., subprocess.Popen[str]]
OnlyRun = Callable[[], Path]

WAITING = """
import signal
def wait_for_go():
    while not os.path.exists(ROOT + ".go"):
        time.sleep(0.005)
run = sdk.init(project="p", id="r", dir=ROOT, mode="offline")
run.log({"loss": 0.5})
"""


class Script:
    """A training script, and its run; it waits to be let go, and then does `end`."""

    def __init__(self, start: StartScript, folder: Path, end: str, **environ: str) -> None:
        self._go = folder / "root.go"
        self.run = folder / "root" / "p" / "r"
        settings = {"TIDELOG_MONITOR": "0.2", "TMPDIR": str(folder), **environ}
        self.process = start(f"{WAITING}\nwait_for_go()\n{end}\n", **settings)

    @property
    def pid(self) -> int:
        return self.process.pid

    def until_sampled(self) -> "Script":
        """Wait until its monitor has taken a sample."""
        until(lambda: samples_of(self.run))
        return self

    def until_sampled_again(self, times: int = 1) -> None:
        enough = samples_of(self.run) + times
        until(lambda: samples_of(self.run) >= enough)

    def let_go(self) -> None:
        self._go.touch()

    def end(self) -> int:
        """Let it go, and return the status with which it ended."""
        self.let_go()
        return self.process.wait(PATIENCE_S)

    def line(self) -> str:
        """Return the next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def script(start_script: StartScript, tmp_path: Path) -> Callable[..., Script]:
    """Give what starts a training script with a monitor that samples five times a second."""
    return partial(Script, start_script, tmp_path)


@pytest.fixture(autouse=True)
def no_monitor_is_left(tmp_path: Path) -> Iterator[None]:
    """Each ends soon after its trainer, whatever the test did; and leaves no lock."""
    yield
    for log in tmp_path.rglob("monitor.*.tlog"):
        with contextlib.suppress(DatastoreError, KeyError):
            pid = monitor_pid(log.parent, log.name)
            until(partial(lambda pid: pid == os.getpid() or not is_running(pid), pid))
    if (tmp_path / "root").exists():
        assert [] == list(tmp_path.glob("tidelog-monitor-*.lock"))
