"""Which folders, projects and run directories there are below a root; what is in a run is not asked."""

import os
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import InvalidNameError
from tidelog.datastore.layout import LATEST
from tidelog.datastore.names import check_name
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.watch.roots import expand, is_pattern, start_of
from tidelog.syncd.agent.watch.seen import SeenFolder

Identity = tuple[int, int]
"""Device and inode: what tells a folder from another one that took its place."""

UNKNOWN = -1
"""What is remembered of a run that was never looked at."""


class Look(IntEnum):
    """How thorough a look is: growing logs and lists of runs; every run's time; every run's logs."""

    TAIL = 0
    RUNS = 1
    SWEEP = 2


@dataclass(slots=True)
class Place:
    """A folder that is listed when it changes."""

    path: str
    seen: SeenFolder = field(default_factory=SeenFolder)
    identity: Identity | None = None


@dataclass(slots=True)
class Project(Place):
    """A project, and what is remembered of each of its runs by the run's name."""

    name: str = ""
    runs: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Folder(Place):
    """A folder that a root means, and the projects in it by their paths."""

    projects: dict[str, Project] = field(default_factory=dict)


class RunPlace(NamedTuple):
    """A run directory by its project and its name."""

    project: Project
    name: str


class Tree:
    """A root, a path or a pattern, and what lies below it.

    What `is_taken` of the folders that it means is looked at by another tree.
    """

    def __init__(
        self,
        root: str,
        *,
        disk: Disk,
        clock: Clock,
        settings: AgentSettings,
        is_taken: Callable[[str], bool],
    ) -> None:
        self.root = root
        self.problems: dict[str, str] = {}
        self.folders: dict[str, Folder] = {}
        self.changed: set[str] = set()
        """Folders with another time than before, for those who trust in events: did they come?"""
        self._disk = disk
        self._clock = clock
        self._settings = settings
        self._is_taken = is_taken
        self._before_pattern = Place(start_of(root)) if is_pattern(root) else None
        self._is_expanded = False
        self._gone: list[Run] = []

    def __repr__(self) -> str:
        return f"<Tree of {self.root}, {len(self.projects)} projects>"

    @property
    def projects(self) -> list[Project]:
        """The projects in all folders."""
        return [project for f in list(self.folders.values()) for project in list(f.projects.values())]

    @property
    def places(self) -> list[Place]:
        """Every folder in which something may appear that is looked for."""
        before = [] if self._before_pattern is None else [self._before_pattern]
        return [*before, *list(self.folders.values()), *self.projects]

    def is_at_rest(self, quiet: Container[str]) -> bool:
        """Tell whether a refresh at the tails would ask the disk nothing."""
        places = self.places
        return self._is_expanded and all(p.seen.is_settled and p.path in quiet for p in places)

    def forget(self) -> None:
        """Let all that there is be new to the next refresh."""
        self.folders.clear()
        self._is_expanded = False

    def refresh(self, look: Look, quiet: Container[str]) -> list[RunPlace]:
        """Note what appeared and what is gone; return the runs that are new or were resumed.

        The folders in `quiet` did not change for sure, unless the look is thorough.
        """
        self._expand(look, quiet)
        fresh: list[RunPlace] = []
        for folder in list(self.folders.values()):
            if self._is_due(folder, look, quiet):
                self._list_projects(folder)
                fresh += self._resumed(folder)
        for folder in list(self.folders.values()):
            for project in list(folder.projects.values()):
                if self._is_due(project, look, quiet):
                    fresh += self._list_runs(project)
        return fresh

    def take_gone(self) -> list[Run]:
        """Return the runs that were deleted since the last call; not those of a folder that is away."""
        gone, self._gone = self._gone, []
        return gone

    def holds(self, project: Project) -> bool:
        """Tell whether a project is still one of ours."""
        folder = self.folders.get(os.path.dirname(project.path))
        return folder is not None and folder.projects.get(project.path) is project

    # -- the root --------------------------------------------------------------------------------

    def _expand(self, look: Look, quiet: Container[str]) -> None:
        """Find the folders that the root means, a pattern's again and again, and let others go."""
        before = self._before_pattern
        has_news = before is not None and self._is_due(before, look, quiet)
        if self._is_expanded and (before is None or (look is Look.TAIL and not has_news)):
            return
        found, problem = expand(self.root, self._disk)
        self._is_expanded = True
        self._note(problem or ("" if found else "nothing matches it yet"))
        meant = [path for path in found if not self._is_taken(path)]
        for path in self.folders.keys() - dict.fromkeys(meant).keys():
            del self.folders[path]
            self._forget_problems(path)
        for path in meant:
            self.folders.setdefault(path, Folder(path))

    def _note(self, problem: str) -> None:
        if problem:
            self.problems[self.root] = problem
        else:
            self.problems.pop(self.root, None)

    def _forget_problems(self, path: str) -> None:
        below = os.path.join(path, "")
        for name in [name for name in self.problems if name == path or name.startswith(below)]:
            del self.problems[name]

    # -- projects and runs -----------------------------------------------------------------------

    def _list_projects(self, folder: Folder) -> None:
        names = self._folders_in(folder)
        if names is None:
            return
        paths = {os.path.join(folder.path, name): name for name in names}
        for project in [p for path, p in folder.projects.items() if path not in paths]:
            self._drop(project)
        for path in paths.keys() - folder.projects.keys():
            folder.projects[path] = Project(path, name=paths[path])

    def _list_runs(self, project: Project) -> list[RunPlace]:
        names = self._folders_in(project)
        if names is None:
            return []

        for name in project.runs.keys() - dict.fromkeys(names).keys():
            del project.runs[name]
            path = os.path.join(project.path, name)
            self._gone.append(Run(path, project.name, name))
            if self.problems:
                self._forget_problems(path)
        new = [name for name in names if name not in project.runs]
        project.runs.update(dict.fromkeys(new, UNKNOWN))
        return [RunPlace(project, name) for name in new]

    def _resumed(self, folder: Folder) -> list[RunPlace]:
        """A run that is resumed is what the root's link leads to; its project has not changed."""
        path = self._disk.real_path(os.path.join(folder.path, LATEST))
        project = folder.projects.get(os.path.dirname(path))
        name = os.path.basename(path)
        return [RunPlace(project, name)] if project is not None and name in project.runs else []

    def _is_due(self, place: Place, look: Look, quiet: Container[str]) -> bool:
        """Tell whether a folder must be listed again, and note its time."""
        if look is Look.TAIL and place.path in quiet and place.seen.is_settled:
            return False
        try:
            status = self._disk.stat(place.path)
        except OSError as error:
            self._lose(place, error)
            return False
        self.problems.pop(place.path, None)
        before, now = place.seen.mtime_ns, self._clock.monotonic()
        age_s = self._clock.now() - status.st_mtime
        identity = (status.st_dev, status.st_ino)
        if identity != place.identity:
            place.identity, place.seen = identity, SeenFolder()
            if isinstance(place, Folder):
                place.projects.clear()  # Another disk, or none where one was: nothing was deleted.
        elif before not in (-1, status.st_mtime_ns):
            self.changed.add(place.path)
        is_due = place.seen.is_due(
            status.st_mtime_ns,
            now,
            is_old=age_s > self._settings.old_s,
            settle_s=self._settings.settle_s,
        )
        return is_due or look is Look.SWEEP

    def _lose(self, place: Place, error: OSError) -> None:
        self.problems[place.path] = error.strerror or str(error)
        place.seen.forget()
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return
        if isinstance(place, Folder):
            place.projects.clear()
        elif isinstance(place, Project):
            self._drop(place)

    def _drop(self, project: Project) -> None:
        """Forget a project that was deleted or renamed."""
        self._forget_problems(project.path)
        folder = self.folders.get(os.path.dirname(project.path))
        if folder is not None and folder.projects.pop(project.path, None) is not None:
            self._gone += [
                Run(os.path.join(project.path, name), project.name, name) for name in project.runs
            ]

    def _folders_in(self, place: Place) -> list[str] | None:
        """Return the names of the folders in one that may be projects or runs, None where it is shut."""
        try:
            entries = self._disk.list(place.path)
        except OSError as error:
            self._lose(place, error)
            return None
        names = [entry.name for entry in entries if entry.is_directory and entry.name[0] != "."]
        return list(self._allowed(place.path, names))

    def _allowed(self, path: str, names: list[str]) -> Iterator[str]:
        for name in names:
            try:
                yield check_name("directory", name)
            except InvalidNameError as error:
                self.problems[os.path.join(path, name)] = str(error)
