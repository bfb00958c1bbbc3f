"""The logs that a target acknowledged last: it is asked for them again once it was away. No I/O."""

from collections import OrderedDict
from collections.abc import Iterator

from tidelog.syncd.agent.task import Run, Task


class Acknowledged:
    """At most so many logs, the last ones."""

    def __init__(self, logs_max: int) -> None:
        self._logs_max = logs_max
        self._logs: OrderedDict[Task, None] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Acknowledged: {len(self._logs)} of {self._logs_max} logs>"

    def __iter__(self) -> Iterator[Task]:
        return iter(self._logs)

    def note(self, log: Task) -> None:
        """Note that something of a log was acknowledged just now."""
        self._logs[log] = None
        self._logs.move_to_end(log)
        if len(self._logs) > self._logs_max:
            self._logs.popitem(last=False)

    def forget(self, run: Run) -> None:
        """Forget a run that is gone."""
        for log in [log for log in self._logs if log.run == run]:
            del self._logs[log]
