"""What a person is told of the work for one target: each thing once. Decides nothing."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tidelog.datastore.clock import Clock
from tidelog.datastore.scan import Damage
from tidelog.datastore.text import counted, size_text
from tidelog.syncd.agent.notice import Notice
from tidelog.syncd.agent.plan.retry import Course, Setback
from tidelog.syncd.agent.task import Run, Task
from tidelog.syncd.agent.upload.tables import StateWriteError

Tell = Callable[[str], None]


class LastError(NamedTuple):
    """What failed last: when (seconds since the epoch), why, and of which item; None for all of them."""

    at: float
    reason: str
    item: str | None


class Telling:
    """Lines for a person about one target, and what failed last of it."""

    def __init__(
        self, target: str, tell: Tell, *, clock: Clock, told_damage: set[tuple[Task, int]]
    ) -> None:
        """`told_damage` is shared by those that read the same logs: each place is told once."""
        self.last_error: LastError | None = None
        self._target = target
        self._tell = tell
        self._clock = clock
        self._told_damage = told_damage
        self._has_told_loss = False

    def __repr__(self) -> str:
        return f"<Telling of {self._target}>"

    def say(self, text: str, *, run: Run | None = None, is_good_news: bool = False) -> None:
        """Tell something of the target, or of one of its runs."""
        about = {} if run is None else {"run": str(run)}
        self._tell(Notice(text, is_good_news=is_good_news, target=self._target, **about))

    def failed(self, task: Task, setback: Setback, *, is_outage: bool, is_new: bool) -> None:
        """Tell that a try failed, of the whole target in an outage, where that is news."""
        if setback.course is not Course.ASK:
            self._note_error(setback.reason, None if is_outage else task)
        if is_new and is_outage:
            self._has_told_loss = False
            self.say(self._words_of_outage(setback))
        elif is_new and setback.course is Course.AGAIN:
            self.say(f"{task} to {self._target}: {setback.reason}; trying again", run=task.run)

    def works_again(self, lasted_s: float) -> None:
        """Tell that an outage is over."""
        self.say(f"{self._target} works again after {lasted_s:.0f} s", is_good_news=True)

    def is_parked(self, task: Task, reason: str) -> None:
        """Tell that an item waits for a person."""
        self._note_error(reason, task)
        self.say(f"{task} is parked for {self._target}: {reason}", run=task.run)

    def has_lost(self, task: Task) -> None:
        """Tell that the target had lost what it had acknowledged, once for each outage."""
        if self._has_told_loss:
            return
        self._has_told_loss = True
        self.say(
            f"{self._target} had lost bytes of {task} that it had acknowledged, as from an older copy; "
            "they were sent again, and so is what else it lacks"
        )

    def are_damaged(self, task: Task, places: Iterable[Damage]) -> None:
        """Tell of damaged places of a log at home."""
        for damage in places:
            if (task, damage.offset) in self._told_damage:
                continue
            self._told_damage.add((task, damage.offset))
            self.say(
                f"{task} is damaged from byte {damage.offset} on for {counted(damage.length, 'byte')} "
                f"({counted(damage.chunks, 'chunk')} lost); all else of it travels",
                run=task.run,
            )

    def is_gone(self, run: Run, *, log_bytes: int, files: int) -> None:
        """Tell that a run went before the target had all of it."""
        self.say(
            f"{run} is gone from here before {self._target} had all of it: {size_text(log_bytes)} of "
            f"its logs and {counted(files, 'file')} were not",
            run=run,
        )

    def cannot_write(self, about: Task | Run, error: Exception) -> None:
        """Tell that the state did not take something."""
        run = about.run if isinstance(about, Task) else about
        reason = f"the state cannot be written: {type(error).__name__}: {error}"
        self.say(f"{about}: {error if isinstance(error, StateWriteError) else reason}", run=run)

    def _words_of_outage(self, setback: Setback) -> str:
        is_named = self._target in setback.reason
        reason = setback.reason if is_named else f"{self._target}: {setback.reason}"
        return reason if setback.course is Course.REFUSED else f"{reason}; trying again until it works"

    def _note_error(self, reason: str, task: Task | None) -> None:
        self.last_error = LastError(self._clock.now(), reason, None if task is None else str(task))
