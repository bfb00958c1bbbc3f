"""SIGKILL of a training process at random moments: what `log()` returned for is there."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tidelog.datastore import Reader
from tidelog.datastore.find import find_runs

KILLS = 50
BATCHES = 5
SEED = int(os.environ.get("TIDELOG_TEST_SEED", time.time_ns() % 2**32))

# Each step is told through a pipe, unbuffered, after `log()` has returned for it.
TRAINER = """
import os, sys, time
from tidelog import sdk
run = sdk.init(project="killed", mode="offline", config={"lr": 0.1})
step = 0
while True:
    run.log({"loss": 1 / (step + 1), "text": "x" * (step % 50), "n": step})
    os.write(1, b"%d\\n" % step)
    step += 1
    time.sleep(0.0003)
"""


def kill_one(root: Path, delay_s: float) -> int:
    """Train, kill after the first step and `delay_s`; return the last step that was told."""
    trainer = subprocess.Popen(
        [sys.executable, "-c", TRAINER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TIDELOG_DIR": str(root), "TIDELOG_QUIET": "1"},
    )
    assert trainer.stdout is not None
    with trainer.stdout as told:
        first = told.readline()
        time.sleep(delay_s)
        os.kill(trainer.pid, signal.SIGKILL)
        lines = (first + told.read()).split(b"\n")
    assert -signal.SIGKILL == trainer.wait()
    return int(lines[-2])  # What follows the last newline was not told whole.


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_sigkill_loses_no_step_that_log_returned_for(batch: int, tmp_path: Path) -> None:
    """Every step that was told is read back, once and in order; at most a torn tail is left."""
    print(f"TIDELOG_TEST_SEED={SEED}")
    moments = random.Random(SEED + batch)
    for number in range(KILLS // BATCHES):
        root = tmp_path / str(number)
        last = kill_one(root, delay_s=moments.uniform(0, 0.12))
        [path] = find_runs(root)
        with Reader(path) as run:
            steps = [record.step for record in run.records() if record.kind == "row"]
            assert list(range(len(steps))) == steps
            # One more may have been written than told: it died between the two.
            assert last + 1 <= len(steps) <= last + 2
            assert "crashed" == run.state
            assert [] == run.damage
            assert len(run.torn_tails) <= 1
            assert {"lr": 0.1} == run.config
