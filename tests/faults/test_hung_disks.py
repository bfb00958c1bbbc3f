"""Training on real disks that do not answer for seconds: a device that hangs, a server that is away."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults.mounts import Hang, hanging_device, needs_root, served
from faults.trainer import steps_read, train
from waiting import PATIENCE_S

STEP_S = 0.005
BEFORE, AFTER = 100, 700
"""So many steps are made before a disk hangs, and when it answers again: seconds."""

durations = pytest.mark.parametrize(
    "hung_steps", [600, pytest.param(6000, marks=pytest.mark.proof)], ids=["short", "long"]
)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Give what takes down mounts at the end."""
    with ExitStack() as stack:
        yield stack


class Striker:
    """Lets a disk hang from one step on until training has come to another.

    Were it not to come there, the disk answers again in the end, and `was_needed` tells.
    """

    def __init__(self, stack: ExitStack, hang: Hang, first: int, end: int) -> None:
        self.was_needed = False
        self._hang = hang
        self._first, self._end = first, end
        self._timer = threading.Timer(PATIENCE_S, self._rescue)
        stack.callback(self._timer.cancel)

    def __call__(self, step: int) -> None:
        if step == self._first:
            self.begin()
        elif step == self._end:
            self._hang.end()

    def begin(self) -> None:
        self._hang.begin()
        self._timer.start()

    def _rescue(self) -> None:
        self.was_needed = self._hang.is_on
        self._hang.end()


@needs_root
@durations
def test_a_server_that_is_away_costs_training_nothing(
    hung_steps: int, stack: ExitStack, tmp_path: Path
) -> None:
    """Training goes on meanwhile; what it logs is kept in memory, and all of it is read back."""
    root, hang = stack.enter_context(served(tmp_path))
    strike = Striker(stack, hang, BEFORE, BEFORE + hung_steps)
    steps = BEFORE + hung_steps + AFTER
    trained = train(root, steps=steps, step_s=STEP_S, strike=strike)
    assert list(range(steps)) == steps_read(root)
    assert not strike.was_needed
    assert (1, 1) == (
        trained.says("has not answered for"),
        trained.says("answers again: nothing is lost"),
    )


@needs_root
@durations
def test_a_device_that_hangs_costs_training_nothing(
    hung_steps: int, stack: ExitStack, tmp_path: Path
) -> None:
    """Its syncs hang before writes do, so nobody who logs is caught by it."""
    root, hang = stack.enter_context(hanging_device(tmp_path))
    strike = Striker(stack, hang, BEFORE, BEFORE + hung_steps)
    steps = BEFORE + hung_steps + AFTER
    train(root, steps=steps, step_s=STEP_S, strike=strike)
    assert list(range(steps)) == steps_read(root)
    assert not strike.was_needed


@needs_root
def test_a_run_begins_on_a_disk_that_does_not_answer(stack: ExitStack, tmp_path: Path) -> None:
    """init() waits, but not for ever; the run is in memory until the server is back, and then whole."""
    root, hang = stack.enter_context(served(tmp_path))
    strike, steps = Striker(stack, hang, -1, 400), 600
    strike.begin()
    trained = train(root, steps=steps, step_s=STEP_S, strike=strike)
    assert list(range(steps)) == steps_read(root)
    assert not strike.was_needed
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
    answers = threading.Timer(50.0, hang.end)

    def strike(step: int) -> None:
        if step == BEFORE:
            hang.begin()
            answers.start()

    trained = train(root, steps=200, step_s=STEP_S, strike=strike)
    lost = trained.told["lost"]
    assert 0 < lost <= 100
    assert trained.told["finish_s"] < 45
    assert 1 == trained.says(f"{lost} rows are in memory alone")
    assert list(range(200 - lost)) == steps_read(root)[: 200 - lost]
