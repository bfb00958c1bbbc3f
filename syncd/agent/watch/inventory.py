"""What is on the disk: finds the runs of the watched roots and how far their logs have grown.

Never trusts an event. Three looks, from cheap to thorough: the logs that may be growing and the
lists of runs; every run directory whose time has changed; every run directory.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import InvalidNameError
from tidelog.datastore.layout import LogName
from tidelog.datastore.names import check_name
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.task import Run


class Look(IntEnum):
    """How thorough a look is."""

    TAIL = 0
    RUNS = 1
    SWEEP = 2


class FoundLog(NamedTuple):
    """A log that is new or has another size than at the last look."""

    run: Run
    name: str
    size: int
    is_live: bool


@dataclass(slots=True)
class _Directory:
    """A directory's time when it was last listed, and when that was."""

    mtime_ns: int = -1
    is_settled: bool = False


@dataclass(slots=True)
class _Log:
    size: int
    is_live: bool


@dataclass(slots=True)
class _Run(_Directory):
    logs: dict[str, _Log] = field(default_factory=dict)


class Inventory:
    """The runs below some roots, and the sizes of their logs."""

    def __init__(self, *, disk: Disk, clock: Clock, settings: AgentSettings) -> None:
        self.problems: dict[str, str] = {}
        self._disk = disk
        self._clock = clock
        self._settings = settings
        self._roots: dict[str, _Directory] = {}
        self._projects: dict[str, _Directory] = {}
        self._runs: dict[Run, _Run] = {}
        self._live: set[tuple[Run, str]] = set()
        self._final: set[tuple[Run, str]] = set()
        # Notes come from the loop's thread while `look` may run in another: `look` alone takes them in.
        self._notes: deque[tuple[Run, str]] = deque()
        self._unsettled: set[Run] = set()

    def __repr__(self) -> str:
        return f"<Inventory of {len(self._roots)} roots, {len(self._runs)} runs>"

    @property
    def roots(self) -> list[str]:
        """The roots that are watched."""
        return list(self._roots)

    @property
    def projects(self) -> list[str]:
        """The directories in which runs appear."""
        return list(self._projects)

    @property
    def runs(self) -> list[Run]:
        """The runs that are known."""
        return list(self._runs)

    @property
    def live(self) -> list[tuple[Run, str]]:
        """The logs that may be growing. A copy: looking goes on meanwhile."""
        return list(self._live)

    def add_root(self, path: str) -> bool:
        """Watch a root from the next look on. Returns False where it is watched already."""
        if path in self._roots:
            return False
        self._roots[path] = _Directory()
        return True

    def note_final(self, run: Run, log: str) -> None:
        """Stop looking at the end of a log: nothing can follow its final chunk."""
        self._notes.append((run, log))

    def report_all(self) -> None:
        """Let the next sweep tell of every log as if it were new. Not while `look` runs."""
        for run in self._runs.values():
            run.logs.clear()

    def look(self, how: Look) -> list[FoundLog]:
        """Return the logs that are new or have another size than before."""
        while self._notes:
            key = self._notes.popleft()
            self._final.add(key)
            self._live.discard(key)
        has_news = self._list_roots(how)
        found: list[FoundLog] = []
        if how is Look.TAIL and not has_news:
            due = {run for run, _ in self._live} | self._unsettled
        else:
            due = set(self._runs)
        for run in due:
            found += self._look_at_run(run, how)
        for run, name in list(self._live):
            found += self._look_at_log(run, name)
        return found

    # -- roots and projects ----------------------------------------------------------------------

    def _list_roots(self, how: Look) -> bool:
        """Note new projects and runs; tell whether anything changed in a root itself."""
        has_news = False
        for root, seen in list(self._roots.items()):
            if not self._has_changed(root, seen, how):
                continue
            # A resumed run touches the root's link to the latest run, and maybe nothing else here.
            has_news = True
            for name in self._directories(root):
                self._projects.setdefault(os.path.join(root, name), _Directory())
        for project, seen in list(self._projects.items()):
            if not self._has_changed(project, seen, how):
                continue
            for name in self._directories(project):
                run = Run(os.path.join(project, name), os.path.basename(project), name)
                if run not in self._runs:
                    self._runs[run] = _Run()
                    self._unsettled.add(run)
        return has_news

    def _has_changed(self, path: str, seen: _Directory, how: Look) -> bool:
        """Tell whether a directory must be listed again, and note its time."""
        try:
            mtime_ns = self._disk.stat(path).st_mtime_ns
        except OSError as error:
            self.problems[path] = f"{error.strerror}"
            seen.mtime_ns = -1
            return False
        self.problems.pop(path, None)
        is_due = how is Look.SWEEP or not seen.is_settled or mtime_ns != seen.mtime_ns
        age_s = self._clock.now() - mtime_ns / 1e9
        seen.mtime_ns, seen.is_settled = mtime_ns, age_s > self._settings.settle_s
        return is_due

    def _directories(self, path: str) -> Iterator[str]:
        try:
            entries = self._disk.list(path)
        except OSError as error:
            self.problems[path] = f"{error.strerror}"
            return
        for entry in entries:
            if not entry.is_directory or entry.name.startswith("."):
                continue
            try:
                yield check_name("directory", entry.name)
            except InvalidNameError as error:
                self.problems[os.path.join(path, entry.name)] = str(error)

    # -- runs and logs ---------------------------------------------------------------------------

    def _look_at_run(self, run: Run, how: Look) -> Iterable[FoundLog]:
        seen = self._runs[run]
        has_changed = self._has_changed(run.path, seen, how)
        (self._unsettled.discard if seen.is_settled else self._unsettled.add)(run)
        if not has_changed:
            if run.path in self.problems and not self._disk.is_directory(run.path):
                self._forget(run)
            return
        try:
            names = [entry.name for entry in self._disk.list(run.path) if entry.is_file]
        except OSError as error:
            self.problems[run.path] = f"{error.strerror}"
            return
        for name in names:
            if LogName.parse(name) is not None and (run, name) not in self._live:
                yield from self._look_at_log(run, name)

    def _look_at_log(self, run: Run, name: str) -> Iterable[FoundLog]:
        seen = self._runs.get(run)
        if seen is None:
            return
        try:
            status = self._disk.stat(os.path.join(run.path, name))
        except OSError:
            self._live.discard((run, name))
            seen.logs.pop(name, None)
            return
        is_young = self._clock.now() - status.st_mtime < self._settings.live_s
        is_live = is_young and (run, name) not in self._final
        (self._live.add if is_live else self._live.discard)((run, name))
        before = seen.logs.get(name)
        if before is None or before.size != status.st_size:
            seen.logs[name] = _Log(status.st_size, is_live)
            yield FoundLog(run, name, status.st_size, is_live)

    def _forget(self, run: Run) -> None:
        del self._runs[run]
        self._unsettled.discard(run)
        self.problems.pop(run.path, None)
        self._live = {key for key in self._live if key[0] != run}
        self._final = {key for key in self._final if key[0] != run}
