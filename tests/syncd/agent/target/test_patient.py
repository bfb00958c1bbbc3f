"""A target with patience."""

import asyncio
from pathlib import Path

import pytest
from agent_targets import SETTINGS
from log_spec import LOG_ID, log_of_every_kind

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError
from tidelog.syncd.agent.target.contract import Piece
from tidelog.syncd.agent.target.patient import PatientTarget
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.task import Run

RUN = Run("/anywhere", "mnist", "r1")
PIECE = Piece(LOG_ID, 0, log_of_every_kind().data)


class Flaky(RootTarget):
    """A root whose first appends fail."""

    def __init__(self, path: Path, course: Course, failures: int) -> None:
        super().__init__(f"file://{path}", str(path), disk=Disk())
        self._course = course
        self.failures = failures

    async def append(self, run: Run, log: str, piece: Piece) -> int:
        if self.failures:
            self.failures -= 1
            raise SetbackError(Setback(self._course, "away"))
        return await super().append(run, log, piece)


def patient(target: Flaky, told: list[str], *, timeout_s: float) -> PatientTarget:
    return PatientTarget(
        target,
        timeout_s=timeout_s,
        settings=SETTINGS,
        clock=Clock(),
        chance=lambda: 0.0,
        tell=told.append,
    )


@pytest.mark.parametrize("course", [Course.OUTAGE, Course.AGAIN])
def test_a_call_is_made_again_until_it_works(tmp_path: Path, course: Course) -> None:
    """One line for all of it."""
    told: list[str] = []
    target = patient(Flaky(tmp_path, course, 5), told, timeout_s=60)
    assert len(PIECE.data) == asyncio.run(target.append(RUN, "main.0001.tlog", PIECE))
    assert ["away; trying again"] == told


@pytest.mark.parametrize(
    ("course", "timeout_s"),
    [(Course.OUTAGE, 0.0), (Course.PARK, 60.0), (Course.REFUSED, 60.0), (Course.ASK, 60.0)],
)
def test_patience_ends(tmp_path: Path, course: Course, timeout_s: float) -> None:
    """With the time, and at once where trying again cannot help."""
    flaky = Flaky(tmp_path, course, 5)
    with pytest.raises(SetbackError, match="away"):
        asyncio.run(patient(flaky, [], timeout_s=timeout_s).append(RUN, "main.0001.tlog", PIECE))
    assert 4 == flaky.failures
