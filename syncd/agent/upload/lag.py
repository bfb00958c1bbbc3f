"""How far a target is behind the logs on the disk: bytes, chunks and seconds. No I/O, no clock.

Only logs that are behind take memory.
"""

from dataclasses import dataclass

from tidelog.syncd.agent.task import Run, Task


@dataclass(slots=True)
class Behind:
    """A log of which the target lacks something: since when (monotonic), and how much."""

    size: int
    acknowledged: int
    since: float
    is_live: bool

    @property
    def lag_bytes(self) -> int:
        """How many bytes the target lacks."""
        return max(0, self.size - self.acknowledged)


class Lag:
    """The logs that are behind, by task."""

    def __init__(self) -> None:
        self.behind: dict[Task, Behind] = {}

    def found(self, task: Task, size: int, acknowledged: int, now: float, *, is_live: bool) -> None:
        """Note a log's size on the disk, in bytes, and how far it was acknowledged."""
        before = self.behind.get(task)
        if acknowledged == size:
            self.behind.pop(task, None)
        elif before is None:
            self.behind[task] = Behind(size, acknowledged, now, is_live)
        else:
            before.size, before.is_live = size, is_live

    def acknowledged(self, task: Task, offset: int) -> None:
        """Note how far a log is acknowledged now."""
        behind = self.behind.get(task)
        if behind is not None:
            behind.acknowledged = offset

    def reached_end(self, task: Task, offset: int, size: int, now: float) -> None:
        """Note that the target holds every whole chunk of the first `size` bytes, up to `offset`.

        What is left of them is a tail that stays at home; what was found behind them meanwhile is news.
        """
        behind = self.behind.get(task)
        if behind is None:
            return
        if behind.size <= size:
            del self.behind[task]
        else:
            behind.acknowledged, behind.since = offset, now

    def forget(self, run: Run) -> None:
        """Forget a run that is gone."""
        self.behind = {task: log for task, log in self.behind.items() if task.run != run}
