"""The main job from end to end, as `make demo` runs it: real data, a real hub, real kills."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from waiting import PATIENCE_S

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: the daemon's socket lies below it."""
    with tempfile.TemporaryDirectory(prefix="tidelog-") as folder:
        yield Path(folder, "demo")


def test_the_demo_loses_nothing(place: Path) -> None:
    """Offline, live, syncd killed, the hub away and back: at the end the hub equals the disk."""
    command = [sys.executable, DEMO, place]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert 0 == result.returncode, result.stdout + result.stderr
    assert "2 of 2 runs equal to http://127.0.0.1:" in result.stdout
    assert "Lost: nothing." in result.stdout
    assert "syncd was killed with SIGKILL" in result.stdout


def test_ctrl_c_ends_every_process_of_the_demo(place: Path) -> None:
    """SIGINT in the middle: exit code 130, and nothing that was started is left."""
    command = [sys.executable, DEMO, place]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    with demo.stdout as told:
        next(line for line in told if "rows while training goes on" in line)
        started = psutil.Process(demo.pid).children(recursive=True)
        os.kill(demo.pid, signal.SIGINT)
        rest = told.read()
    assert 130 == demo.wait(PATIENCE_S)
    assert "every process that the demo had started was ended" in rest
    assert len(started) >= 2  # The hub and syncd; training may have come to its end.
    _, alive = psutil.wait_procs(started, timeout=PATIENCE_S)
    assert [] == alive
