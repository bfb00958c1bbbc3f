"""Ask a target again and again whether it still holds what it acknowledged; what it lost is sent again.

Once a day about everything, hundreds of runs in one question that the target answers without reading
them. At once, and about everything, where it is known to have lost something. Never sends anything
itself, and never again what a person deleted at the target.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple, TypeVar

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.home import logs_at_home
from tidelog.syncd.agent.plan.planner import Planner
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.task import LOG, Run, Task
from tidelog.syncd.agent.upload.state import DELETED, DOUBT, Round, State
from tidelog.syncd.bodies import AskedRun, HeldRun

RunsAfter = Callable[[str, str, int], Sequence[Run]]
"""Returns the next so many runs of one project, behind the run of a project's folder and a name."""


Found = TypeVar("Found")


class _Question(NamedTuple):
    run: Run
    tasks: Sequence[Task]
    asked: AskedRun


class Recount:
    """The questions to one target. `start_over` is called with the logs of a run that it lacks."""

    def __init__(
        self,
        target: Target,
        state: State,
        planner: Planner,
        *,
        runs_after: RunsAfter,
        start_over: Callable[[Iterable[Task]], None],
        may_ask: Callable[[], bool],
        disk: Disk,
        clock: Clock,
        settings: AgentSettings,
        tell: Callable[[str], None],
        threads: Executor | None = None,
    ) -> None:
        """`threads` look at what is here; without them those of the loop do."""
        self.rounds = 0
        """How many rounds over all runs came to their end."""
        self._target = target
        self._state = state
        self._planner = planner
        self._runs_after = runs_after
        self._start_over = start_over
        self._may_ask = may_ask
        self._disk = disk
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._threads = threads
        self._told = ""
        self._is_hurried = False
        self._has_told_loss = False
        self._fresh: OrderedDict[Run, float] = OrderedDict()
        self._changed: set[Run] = set()
        self._begun_anew: set[Run] = set()

    def __repr__(self) -> str:
        return f"<Recount of {self._target.name}: {self.rounds} rounds, {len(self._fresh)} fresh runs>"

    def note(self, run: Run) -> None:
        """Ask about a run once it rests: something of it was acknowledged just now."""
        self._changed.add(run)
        self._fresh[run] = self._clock.monotonic()
        self._fresh.move_to_end(run)
        if len(self._fresh) > self._settings.asked_again_max:
            self._fresh.popitem(last=False)

    def forget(self, run: Run) -> None:
        """Ask about a run no more: it is gone."""
        self._fresh.pop(run, None)
        self._begun_anew.discard(run)

    def hurry(self) -> None:
        """Ask about everything now: the target has lost something."""
        round_ = self._state.round(self._target.name)
        if round_ is None or round_.is_done or not round_.is_hurried:
            self._state.put_round(self._target.name, Round(self._clock.now(), is_hurried=True))
            self._is_hurried = True

    async def run(self) -> None:
        """Ask until cancelled."""
        settings = self._settings
        while True:
            await asyncio.sleep(
                settings.recount_hurry_s if self._is_hurried else settings.recount_pause_s
            )
            if self._may_ask() and self._planner.wanted < settings.recount_wanted_max:
                await self._guarded()

    async def _guarded(self) -> None:
        """Ask once; what goes wrong is told once, and asked again later."""
        try:
            if not await self._ask_fresh():
                await self._go_round()
        except SetbackError:
            return  # Whoever uploads to it says that it is away.
        except Exception as error:  # noqa: BLE001 - one bad question must not end the uploads
            problem = (
                f"{self._target.name} cannot be asked what it holds: {type(error).__name__}: {error}"
            )
            if problem != self._told:
                self._tell(problem)
            self._told = problem

    # -- which runs ------------------------------------------------------------------------------

    async def _ask_fresh(self) -> bool:
        """Ask about runs that rest since a moment; tell whether there were any."""
        settled = self._clock.monotonic() - self._settings.recount_pause_s
        runs = [run for run, at in self._fresh.items() if at <= settled]
        runs = [run for run in runs if run.project == runs[0].project][: self._settings.recount_runs]
        if not runs:
            return False
        left = OrderedDict((run, self._fresh.pop(run)) for run in runs)
        try:
            last = await self._ask(runs, is_hurried=False)
            for run in runs[: runs.index(last) + 1] if last is not None else runs:
                del left[run]
        except SetbackError as error:
            if error.setback.course not in (Course.OUTAGE, Course.REFUSED):
                left.clear()  # The round asks about them; one bad answer must not hold it up.
            raise
        finally:
            for run, at in left.items():
                self._fresh.setdefault(run, at)
        return True

    async def _go_round(self) -> None:
        """Ask about the next runs of the round that is under way, or due."""
        name = self._target.name
        before = self._state.round(name)
        round_ = self._under_way(before)
        if round_ is None:
            return
        self._is_hurried = round_.is_hurried
        place = (round_.folder, round_.run, self._settings.recount_runs)
        runs = await self._in_thread(self._runs_after, *place)
        last = await self._ask(runs, is_hurried=round_.is_hurried) if runs else None
        if self._state.round(name) != before:
            return  # It was begun anew meanwhile.
        if last is not None:
            folder = last.path.removesuffix(f"/{last.name}")
            self._state.put_round(name, round_._replace(folder=folder, run=last.name))
            return
        self._state.put_round(name, round_._replace(is_done=True))
        self._is_hurried = self._has_told_loss = False
        self._told = ""
        self.rounds += 1

    def _under_way(self, round_: Round | None) -> Round | None:
        """Return the round to go on with, a new one where that is due, None while it rests."""
        now = self._clock.now()
        if round_ is None:
            return Round(now)
        is_recent = 0 <= now - round_.began < self._settings.recount_interval_s
        if not round_.is_done:
            return round_
        return None if is_recent else Round(now)

    # -- questions -------------------------------------------------------------------------------

    async def _ask(self, runs: Sequence[Run], *, is_hurried: bool) -> Run | None:
        """Ask about runs of a project; return the last that was answered, None where nobody can tell."""
        questions = await self._in_thread(self._questions, runs)
        self._changed.clear()
        asked = [question.asked for question in questions]
        try:
            answers = await self._target.held_runs(runs[0].project, asked)
        except SetbackError as error:
            if error.setback.course is not Course.PARK:
                raise
            return questions[-1].run  # About this project we may not ask; there are others.
        if answers is None:
            if is_hurried:
                self._tell(
                    f"{self._target.name} is of a version that cannot tell what else it has lost: run "
                    "`syncd sync` on the roots"
                )
            return None
        if not answers:
            raise SetbackError(Setback(Course.ASK, f"{self._target.name} answered about no run"))
        busy = self._planner.wanted_runs | self._changed
        for question, held in zip(questions, answers, strict=False):
            if question.tasks:
                self._judge(question, held, is_busy=question.run in busy, is_hurried=is_hurried)
        return questions[min(len(answers), len(questions)) - 1].run

    def _questions(self, runs: Sequence[Run]) -> list[_Question]:
        """Return what was acknowledged of the first of these runs, as many as one question is about."""
        questions, logs = list[_Question](), 0
        for run in runs:
            question = self._question(run)
            logs += len(question.tasks)
            if questions and logs > self._settings.recount_logs:
                break
            questions.append(question)
        return questions

    def _question(self, run: Run) -> _Question:
        tasks, logs = [], {}
        try:
            names = logs_at_home(run, self._disk)
        except OSError:
            names = []  # Gone, or shut: whoever looks at the roots tells.
        for name in names[: self._settings.recount_logs]:
            task = Task(run, LOG, name)
            cursor = self._state.cursor(self._target.name, task)
            # What is parked waits for a person, whatever the target holds of it.
            if cursor is not None and cursor.offset and task not in self._planner.parked:
                tasks.append(task)
                logs[cursor.twin or name] = cursor.offset
        return _Question(run, tasks, AskedRun(run.name, logs))

    async def _in_thread(self, call: Callable[..., Found], *arguments: Any) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    # -- answers ---------------------------------------------------------------------------------

    def _judge(self, question: _Question, held: HeldRun, *, is_busy: bool, is_hurried: bool) -> None:
        """Take an answer into account: remember it, or let the run start over."""
        run = question.run
        known = self._state.mark(self._target.name, run)
        if held.is_deleted:
            self._remember(run, DELETED, known)
        elif held.missing and known == DELETED:
            pass  # Deleted there, before the target came back from a copy that does not know of it.
        elif held.missing:
            self._let_start_over(question)
            self._tell_loss(run)
        elif is_busy:
            pass  # Its files are on their way: what is said of them does not hold any more.
        elif known == DOUBT and run in self._begun_anew:
            self._begun_anew.discard(run)
            self._remember(run, held.files, known)
        elif (known is None and is_hurried) or known not in (None, DELETED, held.files):
            self._let_start_over(question)
        else:
            self._remember(run, held.files, known)

    def _remember(self, run: Run, mark: str, known: str | None) -> None:
        if mark != known:
            self._state.put_mark(self._target.name, run, mark)

    def _let_start_over(self, question: _Question) -> None:
        """Let all of a run be compared with the target, and sent where that lacks it.

        In doubt it stays until the target was asked once more after that, also over a restart.
        """
        self._state.put_mark(self._target.name, question.run, DOUBT)
        self._begun_anew.add(question.run)
        self._start_over(question.tasks)
        self.note(question.run)

    def _tell_loss(self, run: Run) -> None:
        if self._has_told_loss:
            return
        self._has_told_loss = True
        self.hurry()
        self._tell(
            f"{self._target.name} holds less of {run} than it had acknowledged, as from an older copy; "
            "all is compared, and what it lacks is sent again"
        )
