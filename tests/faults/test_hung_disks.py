"""Training on real disks that do not answer for seconds: a device that hangs, a server that is away."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults.mounts import Hang, hanging_device, needs_root, served
from faults.trainer import steps_read, train

STEP_S = 0.005
SHORT_S, LONG_S = 3.0, 30.0
LOG_S_MAX = 0.5
"""What a single log() may take at the worst on a machine that is busy with other tests."""

durations = pytest.mark.parametrize(
    "hang_s", [SHORT_S, pytest.param(LONG_S, marks=pytest.mark.proof)], ids=["short", "long"]
)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Give what takes down mounts at the end."""
    with ExitStack() as stack:
        yield stack


class Striker:
    """Lets a disk hang for some seconds, from a step on."""

    def __init__(self, hang: Hang, hang_s: float) -> None:
        self._hang = hang
        self._timer = threading.Timer(hang_s, hang.end)

    def __call__(self, step: int) -> None:
        """Strike at the hundredth step."""
        if step == 100:
            self._hang.begin()
            self._timer.start()


def steps_for(hang_s: float) -> int:
    """Return how many steps last from well before until well after a hang."""
    return int((hang_s + 4) / STEP_S)


@needs_root
@durations
def test_a_server_that_is_away_costs_training_nothing(
    hang_s: float, stack: ExitStack, tmp_path: Path
) -> None:
    """One log() waits for the patience; the rest is kept in memory, and all of it is read back."""
    root, hang = stack.enter_context(served(tmp_path))
    steps = steps_for(hang_s)
    trained = train(root, steps=steps, step_s=STEP_S, strike=Striker(hang, hang_s))
    assert list(range(steps)) == steps_read(root)
    assert trained.told["longest_log_s"] < LOG_S_MAX
    assert (1, 1) == (
        trained.says("has not answered for"),
        trained.says("answers again: nothing is lost"),
    )


@needs_root
@durations
def test_a_device_that_hangs_costs_training_nothing(
    hang_s: float, stack: ExitStack, tmp_path: Path
) -> None:
    """Its syncs hang before writes do, so nobody who logs is caught by it."""
    root, hang = stack.enter_context(hanging_device(tmp_path))
    steps = steps_for(hang_s)
    trained = train(root, steps=steps, step_s=STEP_S, strike=Striker(hang, hang_s))
    assert list(range(steps)) == steps_read(root)
    assert trained.told["longest_log_s"] < LOG_S_MAX


@needs_root
def test_a_run_begins_on_a_disk_that_does_not_answer(stack: ExitStack, tmp_path: Path) -> None:
    """init() waits two seconds; the run is in memory until the server is back, and then it is whole."""
    root, hang = stack.enter_context(served(tmp_path))
    hang.begin()
    steps = 600
    timer = threading.Timer(4.0, hang.end)
    timer.start()
    trained = train(root, steps=steps, step_s=STEP_S)
    assert list(range(steps)) == steps_read(root)
    assert trained.told["init_s"] < 3.5
    assert trained.told["longest_log_s"] < LOG_S_MAX
    assert (1, 1) == (
        trained.says("has not answered for"),
        trained.says("answers again: nothing is lost"),
    )


@needs_root
@pytest.mark.proof
def test_a_run_ends_on_a_disk_that_does_not_answer(stack: ExitStack, tmp_path: Path) -> None:
    """finish() has patience for half a minute, then it counts what is lost and returns.

    The process itself is held by the kernel, which closes its files, until the server is back.
    """
    root, hang = stack.enter_context(served(tmp_path))
    trained = train(root, steps=200, step_s=STEP_S, strike=Striker(hang, 50.0))
    lost = trained.told["lost"]
    assert 0 < lost <= 100
    assert trained.told["finish_s"] < 45
    assert 1 == trained.says(f"{lost} rows are in memory alone")
    assert list(range(200 - lost)) == steps_read(root)[: 200 - lost]
