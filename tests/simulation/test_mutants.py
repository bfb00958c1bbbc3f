"""Does the simulation find bugs? Each planted one must fail some seed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from simulation.mutants import MUTANTS, Mutant

TESTS = Path(__file__).parents[1]
SEEDS = 150
QUICK = MUTANTS[0]
PROOF_SEEDS = 6_000


def planted(mutant: Mutant) -> str:
    """The text of the file that the bug is in, with it."""
    text = (TESTS.parent / mutant.path).read_text()
    assert text.count(mutant.sound) == 1, f"{mutant.path} has changed: plant this bug anew"
    return text.replace(mutant.sound, mutant.broken)


def plant(mutant: Mutant, folder: Path) -> None:
    """Copy the packages, with one bug in them."""
    for package in ("datastore", "sdk", "syncd"):
        shutil.copytree(
            TESTS.parent / package,
            folder / "tidelog" / package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    (folder / "tidelog" / mutant.path).write_text(planted(mutant))


def first_failure(folder: Path, seeds: int) -> str:
    """Return what the first seed that fails says, "" where none does."""
    environ = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "simulation", "0", "--count", str(seeds), "--first"],
        cwd=TESTS,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Error: " in done.stdout or not done.returncode, done.stderr
    return next((line for line in done.stdout.splitlines() if line.startswith("seed ")), "")


def test_a_planted_bug_is_found(tmp_path: Path) -> None:
    """And so the seeds that pass say something."""
    plant(QUICK, tmp_path)
    assert "acknowledged" in first_failure(tmp_path, SEEDS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.breaks)
def test_every_bug_can_still_be_planted(mutant: Mutant) -> None:
    """The code that it breaks is still written so."""
    compile(planted(mutant), mutant.path, "exec")


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.breaks)
def test_proof_that_every_planted_bug_is_found(
    mutant: Mutant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """None of them hides from so many seeds."""
    plant(mutant, tmp_path)
    failure = first_failure(tmp_path, PROOF_SEEDS)
    assert failure
    with capsys.disabled():
        print(f"\n{mutant.breaks}: {failure[:160]}")
