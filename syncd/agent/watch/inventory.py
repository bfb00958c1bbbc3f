"""What is on the disk: finds the runs of a watched root and how far their logs have grown.

Never trusts an event. Three looks, from cheap to thorough: the logs that may be growing and the
lists of runs; every run directory whose time has changed; every log.

A run is awake while one of its logs may grow or its directory has just changed. All others sleep: of
them a single number is remembered, and neither a descriptor nor a watch is held.
"""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import LOG_SUFFIX, LogName
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.watch.seen import LogStatus, SeenFolder, SeenLog, mtime_ns_of, sleeping
from tidelog.syncd.agent.watch.tree import UNKNOWN, Look, Place, RunPlace, Tree

__all__ = ["FoundLog", "Inventory", "Look"]

_GONE = (FileNotFoundError, NotADirectoryError)


class FoundLog(NamedTuple):
    """A log that is new or not what it was at the last look.

    `is_other` says that its size is what it was: another file may have taken its place.
    """

    run: Run
    name: str
    size: int
    is_live: bool
    is_other: bool = False


@dataclass(slots=True)
class _Awake:
    """A run whose logs are remembered one by one."""

    run: Run
    place: RunPlace
    folder: SeenFolder
    logs: dict[str, SeenLog] = field(default_factory=dict)

    def is_asleep(self, now: float) -> bool:
        """Tell whether nothing is expected to happen here."""
        return self.folder.is_settled and not any(log.is_live(now) for log in self.logs.values())


def _nothing_is_taken(_folder: str) -> bool:
    return False


class Inventory:
    """The runs below a root, a path or a pattern, and the sizes of their logs. One look at a time.

    What `is_taken` of the folders that it means is left to others; asked in the thread that looks.
    """

    def __init__(
        self,
        root: str,
        *,
        disk: Disk,
        clock: Clock,
        settings: AgentSettings,
        is_taken: Callable[[str], bool] = _nothing_is_taken,
    ) -> None:
        self.root = root
        self._disk = disk
        self._clock = clock
        self._settings = settings
        self._tree = Tree(root, disk=disk, clock=clock, settings=settings, is_taken=is_taken)
        self._awake: dict[str, _Awake] = {}
        self._gone: list[Run] = []
        self.is_behind = False
        """Whether there are more new runs than a look at the tails took in: a look at all runs does."""
        # Notes come from the loop's thread while `look` may run in another: `look` alone takes them in.
        self._notes: deque[tuple[str, str]] = deque()

    def __repr__(self) -> str:
        return f"<Inventory of {self.root}, {self.run_count} runs, {len(self._awake)} awake>"

    @property
    def problems(self) -> dict[str, str]:
        """What cannot be looked at, by its path, and why."""
        return self._tree.problems

    @property
    def folders(self) -> list[Place]:
        """The folders that the root means at this time."""
        return list(self._tree.folders.values())

    @property
    def places(self) -> list[Place]:
        """The folders in which runs may appear."""
        return self._tree.places

    @property
    def run_count(self) -> int:
        """How many runs are known."""
        return sum(len(project.runs) for project in self._tree.projects)

    @property
    def awake_count(self) -> int:
        """How many of them are looked at twice a second."""
        return len(self._awake)

    @property
    def live(self) -> list[tuple[Run, str]]:
        """The logs that may be growing. Safe while a look is under way in another thread."""
        now, runs = self._clock.monotonic(), list(self._awake.values())
        logs = ((run.run, name, log) for run in runs for name, log in list(run.logs.items()))
        return [(run, name) for run, name, log in logs if log.is_live(now)]

    def runs_after(self, folder: str, name: str, limit: int) -> list[Run]:
        """Return the next runs of one project in the order of paths, behind a run of a project's folder.

        None where no run follows. Safe while a look is under way in another thread.
        """
        for project in sorted(self._tree.projects, key=lambda project: project.path):
            if project.path < folder:
                continue
            names = sorted(each for each in list(project.runs) if project.path > folder or each > name)
            if names:
                path = project.path
                return [Run(os.path.join(path, each), project.name, each) for each in names[:limit]]
        return []

    def has_folder(self, path: str) -> bool:
        """Tell whether a folder is one of those that the root means."""
        return path in self._tree.folders

    def note_final(self, run: Run, log: str) -> None:
        """Stop looking at the end of a log: nothing can follow its final chunk."""
        self._notes.append((run.path, log))

    def take_changed(self) -> set[str]:
        """Return the folders that a look since the last call found changed."""
        changed, self._tree.changed = self._tree.changed, set()
        return changed

    def take_gone(self) -> list[Run]:
        """Return the runs that were deleted since the last call.

        What lay on a disk that is not mounted any more was not deleted.
        """
        gone, self._gone = self._gone, []
        return gone

    def report_all(self) -> None:
        """Let the next looks tell of every log as if it were new. Not while one is under way."""
        self._awake.clear()
        self._tree.forget()

    def is_at_rest(self, quiet: Container[str]) -> bool:
        """Tell whether a look at the tails would ask the disk nothing. Not while one is under way."""
        return not self._awake and not self._notes and self._tree.is_at_rest(quiet)

    def look(self, look: Look, *, quiet: Container[str] = frozenset()) -> Iterator[list[FoundLog]]:
        """Yield the logs that are new or not what they were, a short while's finds at a time.

        Between two of them there may be another look, at the tails. `quiet` is as in `Tree.refresh`.
        """
        noted = self._finish_noted()
        fresh = self._tree.refresh(look, quiet)
        for run in self._tree.take_gone():
            self._let_go(run)
        if look is Look.TAIL:
            # More of them wait for a look that others need not wait for.
            self.is_behind = len(fresh) > self._settings.fresh_max
            del fresh[self._settings.fresh_max :]
        else:
            self.is_behind = False
            fresh = []  # These are among all runs.
        yield from self._in_slices(chain([noted], self._visit(fresh, look)))

    def _visit(self, fresh: list[RunPlace], look: Look) -> Iterator[list[FoundLog]]:
        awake = [awake.place for awake in self._awake.values()]
        for place in awake:
            yield self._look_at_run(place, look)
        for place in fresh:
            yield self._look_at_run(place, Look.TAIL)
        for project in self._tree.projects if look is not Look.TAIL else ():
            for name in list(project.runs):
                if os.path.join(project.path, name) not in self._awake:
                    yield self._look_at_run(RunPlace(project, name), look)

    def _in_slices(self, finds: Iterator[list[FoundLog]]) -> Iterator[list[FoundLog]]:
        """Join finds until it took a while: who waits for a growing log waits no longer."""
        settings, clock = self._settings, self._clock
        found: list[FoundLog] = []
        end = clock.monotonic() + settings.slice_s
        for few in finds:
            found += few
            if len(found) >= settings.slice_logs or clock.monotonic() >= end:
                yield found
                found, end = [], clock.monotonic() + settings.slice_s
        yield found

    def _finish_noted(self) -> list[FoundLog]:
        """Look once more at logs that are final: another target may not know of their end yet."""
        found: list[FoundLog] = []
        while self._notes:
            path, name = self._notes.popleft()
            awake = self._awake.get(path)
            if awake is None or name not in awake.logs:
                continue
            with contextlib.suppress(OSError):  # The look at its run tells what is wrong.
                found += self._look_at_log(awake, name, self._clock.monotonic())
            if name in awake.logs:
                awake.logs[name].live_until = 0.0
        return found

    # -- one run ---------------------------------------------------------------------------------

    def _look_at_run(self, place: RunPlace, look: Look) -> list[FoundLog]:
        project, name = place
        path, memory = os.path.join(project.path, name), project.runs.get(name)
        if memory is None or not self._tree.holds(project):
            self._awake.pop(path, None)
            return []
        try:
            mtime_ns = self._disk.stat(path).st_mtime_ns
            awake = self._awake.get(path)
            if awake is None:
                is_same = mtime_ns == mtime_ns_of(memory)
                if is_same and (look is not Look.SWEEP or self._is_as_remembered(path, memory)):
                    return []
                run = Run(path, project.name, name)
                awake = _Awake(run, place, SeenFolder(mtime_ns_of(memory), 0.0, memory != UNKNOWN))
            found = self._look_into(awake, mtime_ns, look, memory)
        except OSError as error:
            self._lose(place, path, error)
            return []
        if self.problems:
            self.problems.pop(path, None)
        if awake.is_asleep(self._clock.monotonic()):
            self._awake.pop(path, None)
            project.runs[name] = sleeping(mtime_ns, (log.status for log in awake.logs.values()))
        else:
            self._awake[path] = awake
        return found

    def _is_as_remembered(self, path: str, memory: int) -> bool:
        """Tell whether a run that sleeps may sleep on. Nearly all do, so this is what a sweep costs."""
        try:
            statuses = [self._status_of(path, name) for name in self._log_names(path)]
        except _GONE:
            return False
        return sleeping(mtime_ns_of(memory), statuses) == memory

    def _look_into(self, awake: _Awake, mtime_ns: int, look: Look, memory: int) -> list[FoundLog]:
        now, settings = self._clock.monotonic(), self._settings
        is_due = awake.folder.is_due(
            mtime_ns,
            now,
            is_old=self._clock.now() - mtime_ns / 1e9 > settings.old_s,
            settle_s=settings.settle_s,
        )
        if not is_due and look is not Look.SWEEP:
            names = [name for name, log in awake.logs.items() if log.is_live(now)]
            return [found for name in names for found in self._look_at_log(awake, name, now)]
        was_asleep = not awake.logs and memory != UNKNOWN
        names = self._log_names(awake.run.path)
        for gone in awake.logs.keys() - dict.fromkeys(names).keys():
            del awake.logs[gone]
        found = [found for name in names for found in self._look_at_log(awake, name, now)]
        if was_asleep:
            statuses = [log.status for log in awake.logs.values()]
            if sleeping(mtime_ns_of(memory), statuses) == memory:
                return []
            # Which of them is not what it was, nobody remembers: each may be growing.
            for log in awake.logs.values():
                log.live_until = now + settings.live_s
            found = [log._replace(is_live=True, is_other=True) for log in found]
        return found

    def _look_at_log(self, awake: _Awake, name: str, now: float) -> Iterator[FoundLog]:
        try:
            status = self._status_of(awake.run.path, name)
        except _GONE:
            awake.logs.pop(name, None)
            return
        before = awake.logs.get(name)
        if before is not None and before.status == status:
            return
        # A time in the future is a clock that differs, and no reason to look at the log less often.
        is_young = self._clock.now() - status.mtime_ns / 1e9 < self._settings.live_s
        is_live = before is not None or is_young
        awake.logs[name] = SeenLog(status, now + self._settings.live_s if is_live else 0.0)
        is_other = before is not None and before.status.size == status.size
        yield FoundLog(awake.run, name, status.size, is_live, is_other)

    def _status_of(self, path: str, name: str) -> LogStatus:
        found = self._disk.stat(f"{path}/{name}")
        return LogStatus(name, found.st_size, found.st_mtime_ns)

    def _log_names(self, path: str) -> list[str]:
        entries = self._disk.list(path)
        return [
            entry.name
            for entry in entries
            if entry.name.endswith(LOG_SUFFIX) and entry.is_file and LogName.parse(entry.name)
        ]

    def _lose(self, place: RunPlace, path: str, error: OSError) -> None:
        """Forget a run that is gone; one that is shut is tried at every look at all runs."""
        if isinstance(error, _GONE):
            place.project.runs.pop(place.name, None)
            self.problems.pop(path, None)
            self._let_go(Run(path, place.project.name, place.name))
        else:
            self._awake.pop(path, None)
            place.project.runs[place.name] = UNKNOWN
            self.problems[path] = error.strerror or str(error)

    def _let_go(self, run: Run) -> None:
        self._awake.pop(run.path, None)
        self._gone.append(run)
