"""The agent for one target: hands the planner's tasks to the uploader until it is told to stop.

The daemon and the one-shot command both run on it; neither a signal nor a terminal is known here.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.home import is_deleted
from tidelog.syncd.agent.plan.file_filter import EVERY_FILE, FileFilter
from tidelog.syncd.agent.plan.gate import Gate
from tidelog.syncd.agent.plan.pace import Pace
from tidelog.syncd.agent.plan.planner import Outage, Planner
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.task import LARGE_FILE, LOG, SMALL_FILES, Run, Stage, Task
from tidelog.syncd.agent.upload.acknowledged import Acknowledged
from tidelog.syncd.agent.upload.done import Done, file_task
from tidelog.syncd.agent.upload.home import Home
from tidelog.syncd.agent.upload.lag import Lag
from tidelog.syncd.agent.upload.losses import Losses
from tidelog.syncd.agent.upload.progress import Progress
from tidelog.syncd.agent.upload.rate import Rate
from tidelog.syncd.agent.upload.recount import Recount, RunsAfter
from tidelog.syncd.agent.upload.state import DELETED, State
from tidelog.syncd.agent.upload.telling import Tell, Telling
from tidelog.syncd.agent.upload.uploader import RunGoneError, Uploader
from tidelog.syncd.agent.watch.inventory import FoundLog
from tidelog.syncd.bodies import FileEntry


class Agent:
    """Uploads what it is told of to one target. `tell` gets a line where a person should know."""

    def __init__(
        self,
        target: Target,
        state: State,
        *,
        disk: Disk,
        clock: Clock,
        settings: AgentSettings,
        chance: Callable[[], float],
        tell: Tell,
        gate: Gate | None = None,
        pace: Pace | None = None,
        files: FileFilter = EVERY_FILE,
        on_final: Callable[[Run, str], None] | None = None,
        progress: Progress | None = None,
        told_damage: set[tuple[Task, int]] | None = None,
        runs_after: RunsAfter | None = None,
        threads: Executor | None = None,
    ) -> None:
        """`told_damage` is shared by agents that read the same logs: each place is told once.

        With `runs_after` the target is asked again and again whether it still holds these runs.
        `threads` read what is sent; without them those of the loop do.
        """
        self.target = target
        self._pace = pace or Pace()
        self.planner = Planner(settings, chance=chance, pace=self._pace)
        self.lag = Lag()
        self.progress = progress or Progress()
        self.losses = Losses()
        self.telling = Telling(
            target.name, tell, clock=clock, told_damage=set() if told_damage is None else told_damage
        )
        self.rate = Rate()
        self.twins: dict[Task, str] = {}
        self.runs_lost = 0
        """How many runs were gone from here before the target had all of them."""
        self.last_acknowledged = clock.monotonic()
        self._state = state
        self._disk = disk
        self._threads = threads
        self._clock = clock
        self._settings = settings
        self._gate = gate or Gate()
        self._files = files
        self._on_final = on_final
        self._uploader = Uploader(
            target,
            state,
            disk=disk,
            settings=settings,
            is_set_aside=lambda task: task in self.planner.parked or not files.passes(task.name),
            home=Home(self._lend, self._take_back, patience_s=settings.lend_s, threads=threads),
        )
        self._left: dict[Run, dict[Task, str]] = {}
        """What is parked of each run that has something left from before and was not found yet."""
        self.recount = runs_after and Recount(
            target,
            state,
            self.planner,
            runs_after=runs_after,
            start_over=self._start_over,
            may_ask=lambda: self.outage is None and self._gate.closed(clock.now()) is None,
            disk=disk,
            clock=clock,
            settings=settings,
            tell=self.telling.say,
            threads=threads,
        )
        self._trying: dict[Task, asyncio.Task[None]] = {}
        self._gone: set[Run] = set()
        self._acknowledged = Acknowledged(settings.asked_again_max)
        self._wake = asyncio.Event()
        self._is_stopping = False

    def __repr__(self) -> str:
        return f"<Agent for {self.target.name}: {self.planner!r}>"

    @property
    def outage(self) -> Outage | None:
        """Why the target does not work, None where it does or nobody knows better."""
        return self.planner.outage

    def resume(self) -> None:
        """Take up what the state says is left from before, of each run as soon as it is found.

        One that was deleted meanwhile would else be tried, or stay parked, for ever.
        """
        self._left = {run: {} for run in self._state.runs_with_files(self.target.name)}
        for task, reason in self._state.parked(self.target.name).items():
            self._left.setdefault(task.run, {})[task] = reason

    def found(self, logs: Iterable[FoundLog]) -> None:
        """Note logs on the disk, and want what the target was not seen to hold of them."""
        for log in logs:
            self._gone.discard(log.run)
            if log.run in self._left:
                self._take_up(log.run)
            task = Task(log.run, LOG, log.name)
            cursor = self._state.cursor(self.target.name, task)
            self.progress.found_log(task, log.size)
            acknowledged = 0 if cursor is None else cursor.offset
            if cursor is not None and cursor.twin:
                self.twins[task] = cursor.twin
            self.lag.found(task, log.size, acknowledged, self._clock.monotonic(), is_live=log.is_live)
            if cursor is not None and cursor.offset == log.size and not log.is_other:
                self.progress.advanced(task, cursor.offset, 0, is_done=True)
                if cursor.is_final and self._on_final is not None:
                    self._on_final(log.run, log.name)
            else:
                self.planner.want(task, Stage.LIVE_LOG if log.is_live else Stage.LOG)
        self._wake.set()

    def _take_up(self, run: Run) -> None:
        for task, reason in self._left.pop(run).items():
            self.planner.park(task, reason)
        self._want_files(run, self._state.files(self.target.name, run))

    def gone(self, run: Run) -> None:
        """Forget a run that is no longer on the disk; tell what of it the target will never have."""
        if self._is_under_way(run):
            self._gone.add(run)
        self._left.pop(run, None)
        unsent = [log for task, log in self.lag.behind.items() if task.run == run]
        self.lag.forget(run)
        self.planner.forget(run)
        self.twins = {task: twin for task, twin in self.twins.items() if task.run != run}
        self._acknowledged.forget(run)
        if self.recount is not None:
            self.recount.forget(run)
        files = self._state.files(self.target.name, run)
        self._write_down(run, lambda: self._state.forget(self.target.name, run))
        if unsent or files:
            log_bytes = sum(log.lag_bytes for log in unsent)
            self.runs_lost += 1
            self.telling.is_gone(run, log_bytes=log_bytes, files=len(files))

    def held_back(self) -> list[FileEntry]:
        """Return the files that are known and do not travel, for the filter stops them."""
        if self._files.is_open:
            return []
        runs = self._state.runs_with_files(self.target.name)
        files = (entry for run in runs for entry in self._state.files(self.target.name, run))
        return [entry for entry in files if not self._files.passes(entry.path)]

    def retry(self, *, parked: bool) -> int:
        """Try again now what waits, and with `parked` also what is parked; return how many."""
        count = len(self.planner.waiting)
        self.planner.retry_now()
        for task in list(self.planner.parked) if parked else ():
            self._unpark(task)
            count += 1
            if task.kind == LOG:
                self.planner.want(task, Stage.LOG)
            else:
                self._want_files(task.run, self._state.files(self.target.name, task.run))
        self._wake.set()
        return count

    def wake(self) -> None:
        """Look again at what may be sent: the gate has changed."""
        self._wake.set()

    def stop(self) -> None:
        """Hand out nothing more; `run` returns once what is under way has ended.

        What waits for its own disk is given up: nothing of it is on its way.
        """
        self._is_stopping = True
        for task in self.planner.lent:
            self._trying[task].cancel()
        self._wake.set()

    async def run(self, *, until_idle: bool = False) -> None:
        """Upload until `stop`, or until everything is acknowledged or parked."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forget_deleted())
            recounting = group.create_task(self.recount.run()) if self.recount is not None else None
            while not self._is_stopping:
                self._wake.clear()
                while (task := self._next()) is not None:
                    self._trying[task] = group.create_task(self._try(task))
                if until_idle and self.planner.is_idle:
                    break
                await self._wait()
            if recounting is not None:
                recounting.cancel()

    async def _forget_deleted(self) -> None:
        """Let go what was left of runs that were deleted while nobody looked; others may be found."""
        loop = asyncio.get_running_loop()
        for run in list(self._left):
            if await loop.run_in_executor(self._threads, is_deleted, run, self._disk):
                self.gone(run)

    def _next(self) -> Task | None:
        if self._gate.closed(self._clock.now()) is not None:
            return None
        return self.planner.next(self._clock.monotonic())

    def _idle_s(self) -> float | None:
        """Return after how long there may be something to do, though nothing else happens."""
        now = self._clock.now()
        closed = self._gate.closed(now)
        if closed is not None:
            # The wall clock may be set meanwhile, so it is looked at again now and then.
            return min(closed.until - now, self._settings.gate_interval_s)
        now = self._clock.monotonic()
        due = self.planner.next_due(now)
        return None if due is None else max(0.0, due - now)

    async def _wait(self) -> None:
        """Return when something has happened or something is due."""
        timeout_s = self._idle_s()
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _try(self, task: Task) -> None:
        began = self._clock.monotonic()
        try:
            self._finish(task, await self._uploader.upload(task), began)
        except SetbackError as error:
            self._fail(task, error.setback)
        except RunGoneError:
            self.planner.abandoned(task)
            self.gone(task.run)
        except asyncio.CancelledError:
            self.planner.abandoned(task)
            raise
        except Exception as error:  # noqa: BLE001 - one task's bug must not end all the others
            self._fail(task, Setback(Course.AGAIN, f"{type(error).__name__}: {error}"))
        finally:
            del self._trying[task]
        if task.run in self._gone:
            # It was under way when its run was found to be gone.
            self.planner.forget(task.run)
            if not self._is_under_way(task.run):
                self._gone.discard(task.run)
        self._wake.set()

    def _lend(self, task: Task) -> None:
        self.planner.lend(task)
        if self._is_stopping:
            self._trying[task].cancel()
        self._wake.set()

    def _take_back(self, task: Task) -> None:
        self.planner.take_back(task)
        self._wake.set()

    def _is_under_way(self, run: Run) -> bool:
        return any(task.run == run for task in self.planner.under_way)

    def _finish(self, task: Task, done: Done, began: float) -> None:
        self.last_acknowledged = self._clock.monotonic()
        self.rate.note(done.bytes_sent, since=began, now=self.last_acknowledged)
        self.progress.bytes_sent += done.bytes_sent
        self._pace.spent(done.bytes_sent, self.last_acknowledged)
        if task.kind == LOG:
            self._finish_log(task, done)
        if self.recount is not None:
            self.recount.note(task.run)
        self._finish_files(task, done)
        # Last: whatever failed above, the task is still under way and becomes one that waits.
        outage = self.planner.outage
        if self.planner.done(task, has_more=done.has_more) and outage is not None:
            lasted_s = self._clock.monotonic() - outage.since
            self.telling.works_again(lasted_s)
            if lasted_s >= self._settings.backoff_first_s:
                # Else an item that fails while another works would have all asked for without end.
                self._ask_again()

    def _finish_log(self, task: Task, done: Done) -> None:
        self.losses.note(task, done)
        if done.has_lost:
            self.telling.has_lost(task)
            if self.recount is not None:
                self.recount.hurry()
        self.telling.are_damaged(task, done.damage)
        if done.twin:
            self.twins[task] = done.twin
        self._acknowledged.note(task)
        if done.has_more:
            self.lag.acknowledged(task, done.offset)
        else:
            end = done.offset if done.tail is None else done.tail.offset + done.tail.length
            self.lag.reached_end(task, done.offset, end, self.last_acknowledged)
        self.progress.advanced(task, done.offset, done.chunks, is_done=not done.has_more)
        if done.is_final and self._on_final is not None:
            self._on_final(task.run, task.name)

    def _finish_files(self, task: Task, done: Done) -> None:
        wanted = [entry for entry in done.entries if self._files.passes(entry.path)]
        self.progress.found_files(task.run, wanted)
        self.progress.delivered(task.run, done.delivered)
        if task.kind == LARGE_FILE and done.has_more and not done.delivered:
            self.progress.holds_file(task.run, task.name, done.offset)
        for entry in done.entries:
            self._unpark(file_task(task.run, entry.path))
        self._want_files(task.run, done.entries)
        for parked, reason in done.parked.items():
            self._park(parked, reason)

    def _ask_again(self) -> None:
        """A target that was away may be back from an older copy: ask whether it lost anything."""
        for task in self._acknowledged:
            if self._state.mark(self.target.name, task.run) == DELETED:
                continue
            self._uploader.doubt(task)
            if not self.planner.is_wanted(task):
                self.planner.want(task, Stage.LOG)

    def _start_over(self, tasks: Iterable[Task]) -> None:
        """Compare all of some logs with what the target holds, and send what it lacks."""
        for task in tasks:
            self._uploader.start_over(task)
            self.planner.want(task, Stage.LOG)
        self._wake.set()

    def _fail(self, task: Task, setback: Setback) -> None:
        was_up, was_waiting = self.planner.outage is None, task in self.planner.waiting
        self.planner.failed(task, setback, self._clock.monotonic())
        if setback.course is Course.PARK:
            self._park(task, setback.reason)
            return
        is_outage = self.planner.outage is not None
        is_new = was_up if is_outage else not was_waiting
        self.telling.failed(task, setback, is_outage=is_outage, is_new=is_new)

    def _park(self, task: Task, reason: str) -> None:
        self.planner.park(task, reason)
        self._write_down(task, lambda: self._state.park(self.target.name, task, reason))
        self.telling.is_parked(task, reason)

    def _unpark(self, task: Task) -> None:
        if task in self.planner.parked:
            self.planner.unpark(task)
            self._write_down(task, lambda: self._state.unpark(self.target.name, task))

    def _write_down(self, about: Task | Run, write: Callable[[], None]) -> None:
        """Keep something over a restart; a full disk must not end the uploads over that."""
        try:
            write()
        except Exception as error:  # noqa: BLE001 - LMDB and the disk have many ways to fail
            self.telling.cannot_write(about, error)

    def _want_files(self, run: Run, entries: Iterable[FileEntry]) -> None:
        for entry in entries:
            if not self._files.passes(entry.path):
                continue
            if entry.size > self._settings.small_file_bytes_max:
                self.planner.want(Task(run, LARGE_FILE, entry.path), Stage.LARGE_FILE)
            elif file_task(run, entry.path) not in self.planner.parked:
                self.planner.want(Task(run, SMALL_FILES, ""), Stage.SMALL_FILES)
