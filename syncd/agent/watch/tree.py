"""Which folders, projects and run directories there are below the roots; what is in a run is not asked.

Roots may be added and removed from another thread than the one that refreshes.
"""

import os
from collections.abc import Container, Iterator
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


@dataclass(slots=True)
class _Root(Place):
    """A root as it was given; its place is the folder in front of the pattern, or the root itself."""

    is_pattern: bool = False
    folders: list[str] | None = None


class RunPlace(NamedTuple):
    """A run directory by its project and its name."""

    project: Project
    name: str


class Tree:
    """The roots and what lies below them."""

    def __init__(self, *, disk: Disk, clock: Clock, settings: AgentSettings) -> None:
        self.problems: dict[str, str] = {}
        self.folders: dict[str, Folder] = {}
        self.changed: set[str] = set()
        """Folders with another time than before, for those who trust in events: did they come?"""
        self._disk = disk
        self._clock = clock
        self._settings = settings
        self._roots: dict[str, _Root] = {}
        self._noted: set[str] = set()
        self._gone: list[Run] = []

    def __repr__(self) -> str:
        return f"<Tree of {len(self._roots)} roots, {len(self.projects)} projects>"

    @property
    def roots(self) -> dict[str, list[str]]:
        """The roots as they were given, each with the folders that it means."""
        return {name: list(root.folders or ()) for name, root in list(self._roots.items())}

    @property
    def projects(self) -> list[Project]:
        """The projects in all folders."""
        return [project for f in list(self.folders.values()) for project in list(f.projects.values())]

    @property
    def places(self) -> list[Place]:
        """Every folder in which something may appear that is looked for."""
        patterns = [root for root in list(self._roots.values()) if root.is_pattern]
        return [*patterns, *list(self.folders.values()), *self.projects]

    def add_root(self, root: str) -> bool:
        """Mean a root from the next refresh on. Returns False where it is meant already."""
        if root in self._roots:
            return False
        may_match = is_pattern(root)
        self._roots[root] = _Root(start_of(root) if may_match else root, is_pattern=may_match)
        return True

    def remove_root(self, root: str) -> bool:
        """Mean a root no more from the next refresh on. Returns False where it was not meant."""
        return self._roots.pop(root, None) is not None

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

    # -- roots -----------------------------------------------------------------------------------

    def _expand(self, look: Look, quiet: Container[str]) -> None:
        """Find the folders that the roots mean, patterns again and again, and let others go."""
        for name, root in list(self._roots.items()):
            if root.folders is not None and not root.is_pattern:
                continue
            has_news = self._is_due(root, look, quiet) if root.is_pattern else False
            if root.folders is None or look is not Look.TAIL or has_news:
                root.folders, problem = expand(name, self._disk)
                self._note(name, problem or ("" if root.folders else "nothing matches it yet"))
        for name in self._noted - self._roots.keys():
            self._note(name, "")
        meant = {path for root in list(self._roots.values()) for path in root.folders or ()}
        for path in self.folders.keys() - meant:
            del self.folders[path]
            self._forget_problems(path)
        for path in meant - self.folders.keys():
            self.folders[path] = Folder(path)

    def _note(self, name: str, problem: str) -> None:
        if problem:
            self.problems[name] = problem
            self._noted.add(name)
        else:
            self.problems.pop(name, None)
            self._noted.discard(name)

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
