"""The agent for one target: hands the planner's tasks to the uploader until it is told to stop.

The daemon and the one-shot command both run on it; neither a signal nor a terminal is known here.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import NamedTuple

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.scan import Damage, TornTail
from tidelog.datastore.text import counted, size_text
from tidelog.syncd.agent.notice import Notice
from tidelog.syncd.agent.plan.file_filter import EVERY_FILE, FileFilter
from tidelog.syncd.agent.plan.gate import Gate
from tidelog.syncd.agent.plan.pace import Pace
from tidelog.syncd.agent.plan.planner import Outage, Planner
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.task import LARGE_FILE, LOG, SMALL_FILES, Run, Stage, Task
from tidelog.syncd.agent.upload.done import Done, file_task
from tidelog.syncd.agent.upload.home import Home
from tidelog.syncd.agent.upload.lag import Lag
from tidelog.syncd.agent.upload.progress import Progress
from tidelog.syncd.agent.upload.rate import Rate
from tidelog.syncd.agent.upload.state import State
from tidelog.syncd.agent.upload.uploader import Uploader
from tidelog.syncd.agent.watch.inventory import FoundLog
from tidelog.syncd.bodies import FileEntry

Tell = Callable[[str], None]


@dataclass(slots=True)
class Losses:
    """What a log at home cannot give: damage that travels as it is, and tails that stay."""

    damage: dict[Task, dict[int, Damage]] = field(default_factory=dict)
    tails: dict[Task, Damage | TornTail] = field(default_factory=dict)

    def note(self, task: Task, done: Done) -> None:
        """Take the outcome of one try into account."""
        if done.damage:
            self.damage.setdefault(task, {}).update({d.offset: d for d in done.damage})
        if done.tail is not None:
            self.tails[task] = done.tail
        elif not done.has_more:
            self.tails.pop(task, None)

    @property
    def damaged(self) -> list[tuple[Task, Damage]]:
        """Every damaged place, tails that are no mere cut included."""
        inner = [(task, d) for task, found in self.damage.items() for d in found.values()]
        tails = [(task, tail) for task, tail in self.tails.items() if isinstance(tail, Damage)]
        return inner + tails

    @property
    def torn(self) -> list[tuple[Task, TornTail]]:
        """Every unfinished last chunk."""
        return [(task, tail) for task, tail in self.tails.items() if isinstance(tail, TornTail)]


class LastError(NamedTuple):
    """What failed last: when (seconds since the epoch), why, and of which item; None for all of them."""

    at: float
    reason: str
    item: str | None


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
        threads: Executor | None = None,
    ) -> None:
        """`told_damage` is shared by agents that read the same logs: each place is told once.

        `threads` read what is sent; without them those of the loop do.
        """
        self.target = target
        self._pace = pace or Pace()
        self.planner = Planner(settings, chance=chance, pace=self._pace)
        self.lag = Lag()
        self.progress = progress or Progress()
        self.losses = Losses()
        self._told_damage = set() if told_damage is None else told_damage
        self.rate = Rate()
        self.twins: dict[Task, str] = {}
        self.last_error: LastError | None = None
        self.last_acknowledged = clock.monotonic()
        self._state = state
        self._clock = clock
        self._settings = settings
        self._tell = tell
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
        self._trying: dict[Task, asyncio.Task[None]] = {}
        self._gone: set[Run] = set()
        self._acknowledged: OrderedDict[Task, None] = OrderedDict()
        self._has_told_loss = False
        self._wake = asyncio.Event()
        self._is_stopping = False

    def __repr__(self) -> str:
        return f"<Agent for {self.target.name}: {self.planner!r}>"

    @property
    def outage(self) -> Outage | None:
        """Why the target does not work, None where it does or nobody knows better."""
        return self.planner.outage

    def resume(self) -> None:
        """Take up what the state says is left from before."""
        for task, reason in self._state.parked(self.target.name).items():
            self.planner.park(task, reason)
        for run in self._state.runs_with_files(self.target.name):
            self._want_files(run, self._state.files(self.target.name, run))

    def found(self, logs: Iterable[FoundLog]) -> None:
        """Note logs on the disk, and want what the target was not seen to hold of them."""
        for log in logs:
            self._gone.discard(log.run)
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

    def gone(self, run: Run) -> None:
        """Forget a run that is no longer on the disk; tell what of it the target will never have."""
        if self._is_under_way(run):
            self._gone.add(run)
        unsent = [log for task, log in self.lag.behind.items() if task.run == run]
        self.lag.forget(run)
        self.planner.forget(run)
        self.twins = {task: twin for task, twin in self.twins.items() if task.run != run}
        for task in [task for task in self._acknowledged if task.run == run]:
            del self._acknowledged[task]
        files = self._state.files(self.target.name, run)
        self._write_down(run, run, lambda: self._state.forget(self.target.name, run))
        if unsent or files:
            lost = size_text(sum(log.lag_bytes for log in unsent))
            self._say(
                f"{run} is gone from here before {self.target.name} had all of it: {lost} of its logs "
                f"and {counted(len(files), 'file')} were not",
                run=run,
            )

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
            while not self._is_stopping:
                self._wake.clear()
                while (task := self._next()) is not None:
                    self._trying[task] = group.create_task(self._try(task))
                if until_idle and self.planner.is_idle:
                    return
                await self._wait()

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
            self._report(task, done)
            if done.twin:
                self.twins[task] = done.twin
            self._note_acknowledged(task)
            if done.has_more:
                self.lag.acknowledged(task, done.offset)
            else:
                end = done.offset if done.tail is None else done.tail.offset + done.tail.length
                self.lag.reached_end(task, done.offset, end, self.last_acknowledged)
            self.progress.advanced(task, done.offset, done.chunks, is_done=not done.has_more)
            if done.is_final and self._on_final is not None:
                self._on_final(task.run, task.name)
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
        # Last: whatever failed above, the task is still under way and becomes one that waits.
        outage = self.planner.outage
        if self.planner.done(task, has_more=done.has_more) and outage is not None:
            lasted_s = self._clock.monotonic() - outage.since
            self._say(f"{self.target.name} works again after {lasted_s:.0f} s", is_good_news=True)
            if lasted_s >= self._settings.backoff_first_s:
                # Else an item that fails while another works would have all asked for without end.
                self._ask_again()

    def _note_acknowledged(self, task: Task) -> None:
        self._acknowledged[task] = None
        self._acknowledged.move_to_end(task)
        if len(self._acknowledged) > self._settings.asked_again_max:
            self._acknowledged.popitem(last=False)

    def _ask_again(self) -> None:
        """A target that was away may be back from an older copy: ask whether it lost anything."""
        for task in self._acknowledged:
            self._uploader.doubt(task)
            if not self.planner.is_wanted(task):
                self.planner.want(task, Stage.LOG)

    def _report(self, task: Task, done: Done) -> None:
        """Note what a log at home has lost, and tell it, once for each place."""
        self.losses.note(task, done)
        if done.has_lost and not self._has_told_loss:
            self._has_told_loss = True
            self._say(
                f"{self.target.name} had lost bytes of {task} that it had acknowledged, as from an "
                "older copy; they were sent again, `syncd sync` of the roots sends what else it lacks"
            )
        for damage in done.damage:
            if (task, damage.offset) in self._told_damage:
                continue
            self._told_damage.add((task, damage.offset))
            self._say(
                f"{task} is damaged from byte {damage.offset} on for {counted(damage.length, 'byte')} "
                f"({counted(damage.chunks, 'chunk')} lost); all else of it travels",
                run=task.run,
            )

    def _fail(self, task: Task, setback: Setback) -> None:
        was_up = self.planner.outage is None
        if setback.course is Course.PARK:
            self.planner.failed(task, setback, self._clock.monotonic())
            self._park(task, setback.reason)
            return
        is_new = task not in self.planner.waiting
        self.planner.failed(task, setback, self._clock.monotonic())
        is_outage = self.planner.outage is not None
        if setback.course is not Course.ASK:
            self._note_error(setback.reason, None if is_outage else task)
        if is_outage:
            if was_up:
                self._has_told_loss = False
                is_refused = setback.course is Course.REFUSED
                is_named = self.target.name in setback.reason
                reason = setback.reason if is_named else f"{self.target.name}: {setback.reason}"
                self._say(reason + ("" if is_refused else "; trying again until it works"))
        elif is_new and setback.course is Course.AGAIN:
            self._say(f"{task}: {setback.reason}; trying again", run=task.run)

    def _note_error(self, reason: str, task: Task | None) -> None:
        self.last_error = LastError(self._clock.now(), reason, None if task is None else str(task))

    def _park(self, task: Task, reason: str) -> None:
        self.planner.park(task, reason)
        self._note_error(reason, task)
        self._write_down(task, task.run, lambda: self._state.park(self.target.name, task, reason))
        self._say(f"{task} is parked: {reason}", run=task.run)

    def _unpark(self, task: Task) -> None:
        if task in self.planner.parked:
            self.planner.unpark(task)
            self._write_down(task, task.run, lambda: self._state.unpark(self.target.name, task))

    def _write_down(self, about: Task | Run, run: Run, write: Callable[[], None]) -> None:
        """Keep something over a restart; a full disk must not end the uploads over that."""
        try:
            write()
        except Exception as error:  # noqa: BLE001 - LMDB and the disk have many ways to fail
            text = f"{about}: the state cannot be written: {type(error).__name__}: {error}"
            self._say(text, run=run)

    def _say(self, text: str, *, run: Run | None = None, is_good_news: bool = False) -> None:
        about = {} if run is None else {"run": str(run)}
        self._tell(Notice(text, is_good_news=is_good_news, target=self.target.name, **about))

    def _want_files(self, run: Run, entries: Iterable[FileEntry]) -> None:
        for entry in entries:
            if not self._files.passes(entry.path):
                continue
            if entry.size > self._settings.small_file_bytes_max:
                self.planner.want(Task(run, LARGE_FILE, entry.path), Stage.LARGE_FILE)
            elif file_task(run, entry.path) not in self.planner.parked:
                self.planner.want(Task(run, SMALL_FILES, ""), Stage.SMALL_FILES)
