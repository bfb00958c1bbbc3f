"""What to send next: the planner. No I/O, no clock of its own.

It is told what there is to send and how each try ended, and hands out one task at a time: records
of live runs first, then other records, small files, large files; within these, round-robin over
the runs. While the target is down it hands out a single probe at a time, at the time it is due.
Nothing is ever dropped: a task is wanted, under way, waiting, or parked with its reason.
"""

import heapq
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from tidelog.syncd.agent.plan.pace import Pace
from tidelog.syncd.agent.plan.retry import Course, Setback, wait_s
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.task import LARGE_FILE, Run, Stage, Task


@dataclass(frozen=True, slots=True)
class Outage:
    """Since when the target does not work, why, and when the next probe is due (monotonic)."""

    setback: Setback
    since: float
    attempt: int
    until: float


class _Waiting(NamedTuple):
    due: float
    order: int
    task: Task


class Planner:
    """The state of all work for one target."""

    def __init__(
        self, settings: AgentSettings, *, chance: Callable[[], float], pace: Pace | None = None
    ) -> None:
        self.outage: Outage | None = None
        self.parked: dict[Task, str] = {}
        self._settings = settings
        self._chance = chance
        self._pace = pace or Pace()
        self._queues: dict[Stage, OrderedDict[Run, OrderedDict[Task, None]]] = {
            stage: OrderedDict() for stage in Stage
        }
        self._stages: dict[Task, Stage] = {}
        self._under_way: dict[Task, bool] = {}
        self._lent: set[Task] = set()
        self._aside: dict[str, list[Task]] = {}
        """Tasks whose roots have as many under way as may wait for a disk, by the root."""
        self._attempts: dict[Task, int] = {}
        self._setbacks: dict[Task, Setback] = {}
        self._waiting: list[_Waiting] = []
        self._order = 0

    def __repr__(self) -> str:
        return (
            f"<Planner: {len(self._stages)} wanted, {len(self._under_way)} under way, "
            f"{len(self.parked)} parked{', outage' if self.outage else ''}>"
        )

    @property
    def is_idle(self) -> bool:
        """Tell whether everything that can be sent was acknowledged."""
        return not self._stages

    @property
    def under_way(self) -> tuple[Task, ...]:
        """The tasks that were handed out and have not ended."""
        return tuple(self._under_way)

    @property
    def lent(self) -> tuple[Task, ...]:
        """Those of them that wait for their own disk, and have lent their places."""
        return tuple(self._lent)

    @property
    def waiting(self) -> dict[Task, Setback]:
        """The tasks that failed and will be tried again, with why."""
        return dict(self._setbacks)

    @property
    def next_try(self) -> float | None:
        """When something that failed is due again (monotonic), None where nothing waits for that."""
        if self.outage is not None:
            return self.outage.until
        return self._waiting[0].due if self._waiting else None

    @property
    def wanted(self) -> int:
        """How many tasks are not done."""
        return len(self._stages)

    @property
    def wanted_runs(self) -> set[Run]:
        """The runs that have tasks which are not done."""
        return {task.run for task in self._stages}

    def pending(self, path: str) -> list[Task]:
        """Return the tasks of the run directory at `path` that are not done, parked ones included."""
        return [task for task in (*self._stages, *self.parked) if task.run.path == path]

    def is_wanted(self, task: Task) -> bool:
        """Tell whether a task is not done."""
        return task in self._stages

    def want(self, task: Task, stage: Stage) -> None:
        """Note that there is something to send; saying it again costs nothing."""
        if task in self.parked:
            return
        if task in self._under_way:
            # There may be more than what the try under way has seen.
            self._under_way[task] = True
            self._stages[task] = stage
            return
        before = self._stages.get(task)
        if before is None or (before != stage and self._dequeue(task, before)):
            self._enqueue(task, stage)
        self._stages[task] = stage

    def next(self, now: float) -> Task | None:
        """Hand out the next task, or None where nothing may be sent at this moment."""
        while (task := self._next_in_turn(now)) is not None:
            if not self._is_held_up(task):
                self._under_way[task] = False
                return task
            self._aside.setdefault(task.run.root, []).append(task)
        return None

    def _next_in_turn(self, now: float) -> Task | None:
        if self._places_taken >= self._settings.tasks_max:
            return None
        if self.outage is not None and (self._places_taken or now < self.outage.until):
            return None
        if self._pace.ready_at(now) > now:
            return None
        while self._waiting and self._waiting[0].due <= now:
            self._return(heapq.heappop(self._waiting).task)
        for stage, queue in self._queues.items():
            if stage is Stage.LARGE_FILE and not self._has_room_for_large():
                return None
            if queue:
                return self._take(stage, queue)
        if self.outage is not None and self._waiting:
            # The probe is due, and only items that failed are left: one of them is the probe.
            task = heapq.heappop(self._waiting).task
            self._return(task)
            stage = self._stages[task]
            return self._take(stage, self._queues[stage])
        return None

    def next_due(self, now: float) -> float | None:
        """Return when `next` may have something to hand out, though nothing else happens."""
        if self._places_taken >= self._settings.tasks_max:
            return None  # However much is due, a task must end first.
        ready_at = self._pace.ready_at(now)
        if self.outage is not None:
            has_probe = not self._places_taken and (any(self._queues.values()) or self._waiting)
            return max(ready_at, self.outage.until) if has_probe else None
        if ready_at > now and any(self._queues.values()):
            return ready_at
        return max(ready_at, self._waiting[0].due) if self._waiting else None

    def lend(self, task: Task) -> None:
        """Let others have the place of a task under way: it waits for its own disk."""
        self._lent.add(task)

    def take_back(self, task: Task) -> None:
        """Note that the disk has answered."""
        self._made_way(task)

    def done(self, task: Task, *, has_more: bool = False) -> bool:
        """Note that a try was acknowledged. Returns True where this ends an outage."""
        is_wanted = self._under_way.pop(task) or has_more
        self._attempts.pop(task, None)
        self._setbacks.pop(task, None)
        stage = self._stages.pop(task)
        if is_wanted and task not in self.parked:
            self._enqueue(task, stage)
        self._made_way(task)
        was_down, self.outage = self.outage is not None, None
        if was_down:
            self._release_outage_victims()
        return was_down

    def failed(self, task: Task, setback: Setback, now: float) -> None:
        """Note that a try failed: the task waits, or is parked."""
        del self._under_way[task]
        self._made_way(task)
        if task in self.parked:
            del self._stages[task]
            return
        if setback.course is Course.PARK:
            self.park(task, setback.reason)
            return
        attempt = self._attempts[task] = self._attempts.get(task, 0) + 1
        self._setbacks[task] = setback
        if setback.course in (Course.OUTAGE, Course.REFUSED):
            self._note_outage(setback, now)
        elif self.outage is not None and attempt > 1:
            # Of the target this says nothing, and the next probe would come at once, without end.
            self._note_outage(self.outage.setback, now)
        if setback.course in (Course.OUTAGE, Course.REFUSED):
            # An item that fails again and again may be the cause: let the others probe before it.
            wait = 0.0 if attempt == 1 else self._wait_s(replace(setback, retry_after_s=None), attempt)
        elif setback.course is Course.ASK and attempt == 1:
            wait = 0.0
        else:
            wait = self._wait_s(setback, attempt)
        self._order += 1
        heapq.heappush(self._waiting, _Waiting(now + wait, self._order, task))

    def abandoned(self, task: Task) -> None:
        """Note that a try was cut off by us; the task stays wanted."""
        if task in self._under_way:
            del self._under_way[task]
            self._made_way(task)
            stage = self._stages.pop(task)
            if task not in self.parked:
                self._enqueue(task, stage)

    def park(self, task: Task, reason: str) -> None:
        """Set a task aside until `unpark`, visibly; one that is under way when its try ends."""
        if task not in self._under_way and (stage := self._stages.pop(task, None)) is not None:
            self._dequeue(task, stage)
        self._attempts.pop(task, None)
        self._setbacks.pop(task, None)
        self._waiting = [entry for entry in self._waiting if entry.task != task]
        heapq.heapify(self._waiting)
        self.parked[task] = reason
        if not self._stages:
            # With nothing to send, nothing would ever find out that the target works again.
            self.outage = None

    def unpark(self, task: Task) -> None:
        """Let a parked task be wanted again."""
        self.parked.pop(task, None)

    def forget(self, run: Run) -> list[Task]:
        """Drop what is to do of a run and not under way; return it."""
        wanted = [task for task in self._stages if task.run == run and task not in self._under_way]
        for task in wanted:
            self.park(task, "the run is gone")
        tasks = [task for task in self.parked if task.run == run]
        for task in tasks:
            del self.parked[task]
        return tasks

    def retry_now(self) -> None:
        """Let everything that waits be due at once, the probe of an outage included."""
        self._waiting = [entry._replace(due=0.0) for entry in self._waiting]
        if self.outage is not None:
            self.outage = replace(self.outage, until=0.0)

    # -- queues ----------------------------------------------------------------------------------

    def _enqueue(self, task: Task, stage: Stage, *, is_first: bool = False) -> None:
        self._stages[task] = stage
        queue = self._queues[stage]
        tasks = queue.setdefault(task.run, OrderedDict())
        tasks[task] = None
        if is_first:
            tasks.move_to_end(task, last=False)
            queue.move_to_end(task.run, last=False)

    def _dequeue(self, task: Task, stage: Stage) -> bool:
        queue = self._queues[stage]
        tasks = queue.get(task.run)
        if tasks is None or task not in tasks:
            return False
        del tasks[task]
        if not tasks:
            del queue[task.run]
        return True

    def _return(self, task: Task) -> None:
        if task in self._stages and task not in self._under_way:
            self._enqueue(task, self._stages[task])

    def _take(self, stage: Stage, queue: OrderedDict[Run, OrderedDict[Task, None]]) -> Task:
        run, tasks = next(iter(queue.items()))
        task, _ = tasks.popitem(last=False)
        if tasks:
            queue.move_to_end(run)
        else:
            del queue[run]
        self._stages[task] = stage
        return task

    @property
    def _places_taken(self) -> int:
        return len(self._under_way.keys() - self._lent)

    @property
    def _large_max(self) -> int:
        """Large files never take the last place: a live row must not wait for a slow piece."""
        return max(1, self._settings.tasks_max - 1)

    def _has_room_for_large(self) -> bool:
        large = sum(task.kind == LARGE_FILE for task in self._under_way.keys() - self._lent)
        return large < self._large_max

    def _is_held_up(self, task: Task) -> bool:
        """Tell whether a root that has lent a place has enough under way: more of it may hang, too."""
        if not self._lent or all(lent.run.root != task.run.root for lent in self._lent):
            return False
        under_way = sum(other.run.root == task.run.root for other in self._under_way)
        return under_way >= (self._large_max if task.kind == LARGE_FILE else self._settings.tasks_max)

    def _made_way(self, task: Task) -> None:
        """A task has ended or its disk has answered: what was set aside of its root may go now."""
        self._lent.discard(task)
        for aside in reversed(self._aside.pop(task.run.root, ())) if self._aside else ():
            if aside in self._stages and aside not in self._under_way:
                self._enqueue(aside, self._stages[aside], is_first=True)  # It had its turn.

    # -- waiting ---------------------------------------------------------------------------------

    def _note_outage(self, setback: Setback, now: float) -> None:
        before = self.outage
        if before is not None and now < before.until:
            return  # One of several requests that the same outage hit.
        attempt = 1 if before is None else before.attempt + 1
        since = now if before is None else before.since
        self.outage = Outage(setback, since, attempt, now + self._wait_s(setback, attempt))

    def _wait_s(self, setback: Setback, attempt: int) -> float:
        settings = self._settings
        return wait_s(
            setback,
            attempt,
            chance=self._chance(),
            first_s=settings.backoff_first_s,
            max_s=settings.backoff_max_s,
            retry_after_max_s=settings.retry_after_max_s,
        )

    def _release_outage_victims(self) -> None:
        """The target works again: what only waited for that need not wait longer."""
        waiting, self._waiting = self._waiting, []
        for entry in waiting:
            if self._setbacks[entry.task].course in (Course.OUTAGE, Course.REFUSED):
                self._return(entry.task)
            else:
                heapq.heappush(self._waiting, entry)
