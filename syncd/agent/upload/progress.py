"""How far an upload has come: counts of runs, records, bytes and files. No I/O, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tidelog.syncd.agent.task import Run, Task
from tidelog.syncd.bodies import FileEntry


@dataclass(slots=True)
class _Log:
    size: int
    offset: int = 0
    is_done: bool = False


@dataclass(slots=True)
class _File:
    size: int
    held: int = 0
    is_done: bool = False


@dataclass(slots=True)
class Progress:
    """What was found and what the target holds of it.

    `chunks` counts the chunks of logs that were walked over, which in logs of the default durability is
    one for every call of `log()`. Without `keeps_items` there are the two counts alone: a daemon of
    months must not remember every file that it sent.
    """

    chunks: int = 0
    bytes_sent: int = 0
    keeps_items: bool = True
    _logs: dict[Task, _Log] = field(default_factory=dict)
    _files: dict[tuple[Run, str], _File] = field(default_factory=dict)

    def found_log(self, task: Task, size: int) -> None:
        """Note a log, or that it has grown."""
        if not self.keeps_items:
            return
        log = self._logs.setdefault(task, _Log(size))
        log.is_done = log.is_done and size == log.size
        log.size = size

    def advanced(self, task: Task, offset: int, chunks: int, *, is_done: bool) -> None:
        """Note that the target holds a log up to `offset`."""
        self.chunks += chunks
        if not self.keeps_items:
            return
        log = self._logs.setdefault(task, _Log(offset))
        log.offset, log.is_done = offset, is_done

    def found_files(self, run: Run, entries: Iterable[FileEntry]) -> None:
        """Note files of the ledger."""
        for entry in entries if self.keeps_items else ():
            self._files[run, entry.path] = _File(entry.size)

    def holds_file(self, run: Run, path: str, held: int) -> None:
        """Note that the target holds the beginning of a large file."""
        file = self._files.get((run, path))
        if file is not None:
            file.held = held

    def delivered(self, run: Run, entries: Iterable[FileEntry]) -> None:
        """Note files that the target holds."""
        for entry in entries if self.keeps_items else ():
            self._files[run, entry.path] = _File(entry.size, entry.size, is_done=True)

    @property
    def runs(self) -> int:
        """How many runs were found."""
        return len({task.run for task in self._logs})

    @property
    def runs_done(self) -> int:
        """How many runs the target holds as far as they can travel."""
        open_runs = {task.run for task, log in self._logs.items() if not log.is_done}
        open_runs |= {run for (run, _), file in self._files.items() if not file.is_done}
        return self.runs - len(open_runs)

    @property
    def files(self) -> int:
        """How many files the ledger names so far."""
        return len(self._files)

    @property
    def files_done(self) -> int:
        """How many of them the target holds."""
        return sum(file.is_done for file in self._files.values())

    @property
    def bytes_total(self) -> int:
        """All bytes of what was found; more may be found in the ledger."""
        logs = sum(log.size for log in self._logs.values())
        return logs + sum(file.size for file in self._files.values())

    @property
    def bytes_done(self) -> int:
        """The bytes that the target holds, whoever sent them; tails that stay at home count as done."""
        logs = sum(log.size if log.is_done else log.offset for log in self._logs.values())
        return logs + sum(file.held for file in self._files.values())
