"""A lookout for each root: a disk that does not answer keeps its own lookout, and no other.

A folder that several roots mean is looked at for one of them alone: for the root that it is itself, else
for the first pattern that it matches.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING, NamedTuple

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.watch.hints import Hints, open_inotify
from tidelog.syncd.agent.watch.inventory import FoundLog, Inventory
from tidelog.syncd.agent.watch.lookout import Lookout
from tidelog.syncd.agent.watch.roots import is_pattern

if TYPE_CHECKING:
    from tidelog.syncd.agent.watch.inotify import Inotify


class WatchedFolder(NamedTuple):
    """A folder, the root that means it, and how a change in it is noticed, for people."""

    path: str
    root: str
    way: str


class Lookouts:
    """Calls `found` with logs that are new and `gone` with each run that was deleted, of all roots."""

    def __init__(
        self,
        found: Callable[[list[FoundLog]], None],
        gone: Callable[[Run], None],
        *,
        disk: Disk,
        clock: Clock,
        settings: AgentSettings,
        tell: Callable[[str], None],
        threads: Executor,
    ) -> None:
        """`threads` make the calls on the disks, each of which may never return."""
        self._found = found
        self._gone = gone
        self._disk = disk
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._threads = threads
        self._inotify: Inotify | None = None
        self._lookouts: dict[str, Lookout] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def __repr__(self) -> str:
        return f"<Lookouts at {len(self._lookouts)} roots, {self.run_count} runs>"

    def add_root(self, root: str) -> bool:
        """Look at a path or a pattern as well. Returns False where that is done already."""
        if root in self._lookouts:
            return False
        self._lookouts[root] = self._make(root)
        if self._group is not None:
            self._begin(self._group, root)
        return True

    def remove_root(self, root: str) -> bool:
        """Look at a root no more. Returns False where it was not looked at."""
        if self._lookouts.pop(root, None) is None:
            return False
        looking = self._looking.pop(root, None)
        if looking is not None:
            looking.cancel()
        return True

    def note_final(self, run: Run, log: str) -> None:
        """Stop looking at the end of a log: nothing can follow its final chunk."""
        lookout = self._lookouts.get(run.root)
        for each in self._lookouts.values() if lookout is None else [lookout]:
            if each.inventory.has_folder(run.root):
                each.inventory.note_final(run, log)

    def sweep_now(self) -> None:
        """Let the next sweep come at once: a person asked."""
        for lookout in self._lookouts.values():
            lookout.sweep_now()

    def tell_all(self) -> None:
        """Tell of every log again: somebody new listens."""
        for lookout in self._lookouts.values():
            lookout.tell_all()

    async def run(self) -> None:
        """Look until cancelled."""
        self._inotify = open_inotify(self._tell)
        try:
            async with asyncio.TaskGroup() as self._group:
                for root in self._lookouts:
                    self._begin(self._group, root)
                await asyncio.Event().wait()  # The group ends with us alone.
        finally:
            self._group = None
            if self._inotify is not None:
                self._inotify.close()

    # -- what there is ---------------------------------------------------------------------------

    @property
    def roots(self) -> list[str]:
        """The roots as they were given."""
        return list(self._lookouts)

    @property
    def folders(self) -> Iterator[WatchedFolder]:
        """The folders that the roots mean at this time."""
        for root, lookout in self._lookouts.items():
            for place in lookout.inventory.folders:
                yield WatchedFolder(place.path, root, lookout.way_to(place))

    @property
    def problems(self) -> dict[str, str]:
        """What cannot be looked at, by its path, and why."""
        problems: dict[str, str] = {}
        for lookout in self._lookouts.values():
            problems |= lookout.inventory.problems
        return problems

    def unanswered(self, *, for_s: float) -> dict[str, float]:
        """Return the roots whose disks have not answered for so long, and for how long, in seconds."""
        now = self._clock.monotonic()
        asked = {root: lookout.asked_at for root, lookout in self._lookouts.items()}
        return {root: now - at for root, at in asked.items() if at is not None and now - at >= for_s}

    def silent_folders(self, *, for_s: float) -> set[str]:
        """Return the folders of the roots whose disks have not answered for so long."""
        silent = [self._lookouts[root] for root in self.unanswered(for_s=for_s)]
        return {place.path for lookout in silent for place in lookout.inventory.folders}

    @property
    def run_count(self) -> int:
        """How many runs are known."""
        return sum(lookout.inventory.run_count for lookout in self._lookouts.values())

    @property
    def awake_count(self) -> int:
        """How many of them are looked at twice a second."""
        return sum(lookout.inventory.awake_count for lookout in self._lookouts.values())

    @property
    def live(self) -> list[tuple[Run, str]]:
        """The logs that may be growing."""
        return [log for lookout in self._lookouts.values() for log in lookout.inventory.live]

    @property
    def sweeps(self) -> int:
        """How many sweeps came to their end."""
        return sum(lookout.sweeps for lookout in self._lookouts.values())

    def has_swept(self, folder: str) -> bool:
        """Tell whether all runs in a folder that a root means were looked at since the start."""
        lookouts = self._lookouts.items()
        return all(each.sweeps for root, each in lookouts if root == folder or is_pattern(root))

    @property
    def sweep_s(self) -> float:
        """How long the last sweep of the largest root worked, in seconds."""
        return max((lookout.sweep_s for lookout in self._lookouts.values()), default=0.0)

    @property
    def overflows(self) -> int:
        """How often events came faster than they were read, and were dropped by the kernel."""
        return max((lookout.overflows for lookout in self._lookouts.values()), default=0)

    def runs_after(self, folder: str, name: str, limit: int) -> list[Run]:
        """Return the next runs of one project in the order of paths, behind a run of a project's folder.

        None where no run follows. Called from any thread.
        """
        lookouts = list(self._lookouts.values())
        found = [lookout.inventory.runs_after(folder, name, limit) for lookout in lookouts]
        return min(filter(None, found), key=lambda runs: os.path.dirname(runs[0].path), default=[])

    # -- one root --------------------------------------------------------------------------------

    def _make(self, root: str) -> Lookout:
        disk, clock, settings = self._disk, self._clock, self._settings
        return Lookout(
            Inventory(
                root,
                disk=disk,
                clock=clock,
                settings=settings,
                is_taken=lambda folder: self._is_taken(folder, root),
            ),
            self._found,
            self._gone,
            clock=clock,
            settings=settings,
            tell=self._tell,
            open_hints=lambda on_hint, tell: Hints(
                on_hint, inotify=self._inotify, disk=disk, clock=clock, settings=settings, tell=tell
            ),
            threads=self._threads,
        )

    def _begin(self, group: asyncio.TaskGroup, root: str) -> None:
        self._looking[root] = group.create_task(self._lookouts[root].run())

    def _is_taken(self, folder: str, root: str) -> bool:
        """Tell whether another root comes before this one for a folder. Called from any thread."""
        if folder in self._lookouts:
            return folder != root
        for other, lookout in list(self._lookouts.items()):
            if other == root:
                return False
            if lookout.inventory.has_folder(folder):
                return True
        return False
