"""The planner under any sequence of events: order, fairness, limits, nothing lost, no busy loop."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tidelog.syncd.agent.plan.pace import Pace
from tidelog.syncd.agent.plan.planner import Planner
from tidelog.syncd.agent.plan.retry import Course, Setback
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.task import LARGE_FILE, LOG, SMALL_FILES, Run, Stage, Task

SETTINGS = AgentSettings(tasks_max=3, backoff_first_s=1.0, backoff_max_s=8.0, retry_after_max_s=100.0)
RATE_BYTES = 1000.0
LONGEST_WAIT_S = SETTINGS.retry_after_max_s + SETTINGS.backoff_max_s
RUNS = [Run(f"/root/p/{name}", "p", name) for name in "abc"]
TASKS = [
    *(Task(run, LOG, name) for run in RUNS for name in ("1", "2")),
    *(Task(run, SMALL_FILES, "") for run in RUNS),
    *(Task(run, LARGE_FILE, "x") for run in RUNS),
]
STAGES = {
    LOG: (Stage.LIVE_LOG, Stage.LOG),
    SMALL_FILES: (Stage.SMALL_FILES,),
    LARGE_FILE: (Stage.LARGE_FILE,),
}
COURSES = [Course.OUTAGE, Course.REFUSED, Course.AGAIN, Course.ASK, Course.PARK]

some_task = st.sampled_from(TASKS)
some_index = st.integers(0, 2)


class AnySequence(RuleBasedStateMachine):
    """A planner beside a model that knows what must become of each task, and nothing of how."""

    def __init__(self) -> None:
        super().__init__()
        random = Random(0)
        self.pace = Pace(RATE_BYTES)
        self.plan = Planner(SETTINGS, chance=random.random, pace=self.pace)
        self.now = 100.0
        self.wanted: dict[Task, Stage] = {}
        self.again: dict[Task, bool] = {}
        """Tasks under way, and whether there is more to send than the try has seen."""
        self.parked: set[Task] = set()
        self.fresh: dict[Task, None] = {}
        """Tasks that wait for nothing but their turn."""
        self.turns: dict[tuple[Stage, Run], Counter[Run]] = {}
        """For a run that waits for its turn: how often each other run had one meanwhile."""

    # -- events ----------------------------------------------------------------------------------

    @rule(task=some_task, index=st.integers(0, 1))
    def want(self, task: Task, index: int) -> None:
        stage = STAGES[task.kind][index % len(STAGES[task.kind])]
        self.plan.want(task, stage)
        if task in self.parked:
            return
        if task in self.again:
            self.again[task] = True
        elif task not in self.wanted or (task in self.fresh and self.wanted[task] is not stage):
            self._queue(task, stage)
        self.wanted[task] = stage

    @rule(kind=st.sampled_from([LOG, LARGE_FILE]), index=st.integers(0, 1))
    def want_all_of_a_kind(self, kind: str, index: int) -> None:
        for task in TASKS:
            if task.kind == kind:
                self.want(task, index)

    @rule()
    def hand_out_until_nothing_goes(self) -> None:
        for _ in range(SETTINGS.tasks_max + 1):
            self.hand_out()

    @rule()
    def sleep_until_something_is_due(self) -> None:
        self.now = max(self.now, self.plan.next_due(self.now) or self.now)
        self.hand_out()

    @rule(seconds=st.floats(0.0, 20.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def hand_out(self) -> None:
        """The order of stages holds, runs take turns, limits and the single probe hold."""
        outage, before = self.plan.outage, len(self.again.keys() - set(self.plan.lent))
        task = self.plan.next(self.now)
        if task is None:
            due = self.plan.next_due(self.now)
            assert due is None or due > self.now, "a busy loop"
            self._will_wake(due)
            return
        assert self.pace.ready_at(self.now) <= self.now
        assert task in self.wanted
        assert task not in self.again
        assert task not in self.parked
        if outage is not None:
            assert (0, True) == (before, self.now >= outage.until), "not a single probe at its time"
        stage = self.wanted[task]
        assert all(self.wanted[other] >= stage for other in self.fresh), "another stage goes first"
        self.again[task] = False
        self.fresh.pop(task, None)
        self._take_turn(stage, task.run)

    @precondition(lambda self: self.again)
    @rule(index=some_index, has_more=st.booleans(), size=st.integers(0, 3000))
    def acknowledged(self, index: int, has_more: bool, size: int) -> None:
        task = self._ended(index)
        self.pace.spent(size, self.now)
        was_down = self.plan.outage is not None
        assert was_down == self.plan.done(task, has_more=has_more)
        assert self.plan.outage is None
        is_again = self.again.pop(task)
        self._after(task, has_more or is_again)

    @precondition(lambda self: self.again)
    @rule(
        index=some_index,
        course=st.sampled_from(COURSES),
        retry_after_s=st.sampled_from([None, None, 0.0, 5.0, 1e6]),
    )
    def failed(self, index: int, course: Course, retry_after_s: float | None) -> None:
        task = self._ended(index)
        before = self.plan.outage
        self.plan.failed(task, Setback(course, "no", retry_after_s), self.now)
        del self.again[task]
        if task in self.parked or course is Course.PARK:
            self.parked.add(task)
            del self.wanted[task]
        elif course in (Course.OUTAGE, Course.REFUSED):
            after = self.plan.outage
            assert after is not None
            if retry_after_s is not None and (before is None or self.now >= before.until):
                assert after.until >= self.now + min(retry_after_s, SETTINGS.retry_after_max_s)

    @rule(course=st.sampled_from([Course.OUTAGE, Course.REFUSED]))
    def target_is_down(self, course: Course) -> None:
        for _ in range(4):
            self.sleep_until_something_is_due()
            while self.again:
                self.failed(0, course, None)

    @precondition(lambda self: self.again)
    @rule(index=some_index)
    def lends_or_takes_back(self, index: int) -> None:
        """Its disk does not answer; it does again."""
        task = self._ended(index)
        if task in self.plan.lent:
            self.plan.take_back(task)
        else:
            self.plan.lend(task)

    @precondition(lambda self: self.again)
    @rule(index=some_index)
    def abandoned(self, index: int) -> None:
        task = self._ended(index)
        self.plan.abandoned(task)
        del self.again[task]
        self._after(task, True)

    @rule(task=some_task)
    def park(self, task: Task) -> None:
        self.plan.park(task, "a person is needed")
        self.parked.add(task)
        self._leave(task)
        if task not in self.again:
            self.wanted.pop(task, None)

    @rule(task=some_task)
    def unpark(self, task: Task) -> None:
        self.plan.unpark(task)
        self.parked.discard(task)

    @rule()
    def retry_now(self) -> None:
        self.plan.retry_now()
        if not self.again and self.pace.ready_at(self.now) <= self.now:
            assert bool(self.wanted) == (self.plan.next_due(self.now) is not None or bool(self.fresh))

    # -- what always holds -----------------------------------------------------------------------

    @invariant()
    def nothing_is_lost_and_nothing_made_up(self) -> None:
        assert self.wanted.keys() == {task for task in TASKS if self.plan.is_wanted(task)}
        assert self.parked == set(self.plan.parked)
        assert set(self.again) == set(self.plan.under_way)
        assert self.plan.is_idle == (not self.wanted)

    @invariant()
    def the_limits_hold(self) -> None:
        assert len(self.again) <= SETTINGS.tasks_max
        assert sum(task.kind == LARGE_FILE for task in self.again) < SETTINGS.tasks_max

    def teardown(self) -> None:
        """Once everything works, all that is wanted goes out, each task at its time."""
        for task in list(self.again):
            self.plan.done(task)
            again = self.again.pop(task)
            if not again or task in self.parked:
                del self.wanted[task]
        for _ in range(10 * len(TASKS)):
            if not self.wanted:
                break
            task = self.plan.next(self.now)
            if task is None:
                due = self.plan.next_due(self.now)
                assert due is not None
                assert due > self.now
                self.now = due
                continue
            self.plan.done(task)
            del self.wanted[task]
        assert not self.wanted
        assert self.plan.is_idle
        assert self.parked == set(self.plan.parked)

    # -- the model's own affairs -----------------------------------------------------------------

    def _will_wake(self, due: float | None) -> None:
        """With nothing under way and something wanted there is a moment to wait for, not far away."""
        if self.wanted and not self.again:
            assert due is not None
            assert due <= max(self.now, self.pace.ready_at(self.now)) + LONGEST_WAIT_S

    def _ended(self, index: int) -> Task:
        tasks = list(self.again)
        return tasks[index % len(tasks)]

    def _after(self, task: Task, is_wanted: bool) -> None:
        if task in self.parked or not is_wanted:
            del self.wanted[task]
        else:
            self._queue(task, self.wanted[task])

    def _queue(self, task: Task, stage: Stage) -> None:
        self._leave(task)
        self.fresh[task] = None
        self.wanted[task] = stage
        self.turns.setdefault((stage, task.run), Counter())

    def _leave(self, task: Task) -> None:
        if task in self.fresh:
            del self.fresh[task]
            self._forget_turns(self.wanted[task], task.run)

    def _forget_turns(self, stage: Stage, run: Run) -> None:
        if not any(other.run == run and self.wanted[other] is stage for other in self.fresh):
            self.turns.pop((stage, run), None)

    def _take_turn(self, stage: Stage, run: Run) -> None:
        for (at, waiting), turns in self.turns.items():
            if at is stage and waiting != run:
                turns[run] += 1
                assert turns[run] <= 1, f"{run} had two turns while {waiting} waited"
        if (stage, run) in self.turns:
            self.turns[stage, run] = Counter()
        self._forget_turns(stage, run)


class ManySequences(AnySequence):
    """The same, for as long as there is patience."""


QUICK = hypothesis_settings(max_examples=120, stateful_step_count=80, database=None, derandomize=True)
AnySequence.TestCase.settings = QUICK
ManySequences.TestCase.settings = hypothesis_settings(
    QUICK, max_examples=1500, derandomize=False, print_blob=True
)
TestAnySequence: Any = AnySequence.TestCase
TestManySequences: Any = pytest.mark.proof(pytest.mark.timeout(1800)(ManySequences.TestCase))
