"""Trainers, daemons and a hub with everything that may befall them, thousands of times."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SEEDS, PARTS = 5_000, 10


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simulation", *arguments],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_doubled_or_unreported(part: int) -> None:
    """One seed is one run of the world; one that fails prints the command that replays it."""
    count = SEEDS // PARTS
    done = simulate(str(part * count), "--count", str(count))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_seed_is_the_same_run_every_time() -> None:
    """Or a failure could not be replayed: every request and answer, to the byte."""
    first, second = (simulate("7", "--trace").stdout for _ in range(2))
    assert first.count("\n") > 20
    assert first == second
