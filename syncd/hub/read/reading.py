"""All that a hub reads from its runs: the index and its upkeep, events, series, media. Start and stop.

Never decides who may ask: the calls do, with what the guard found.
"""

import contextlib
import heapq
import math
import os
import re
from collections.abc import Callable, Iterator
from fnmatch import translate
from functools import partial
from typing import NamedTuple

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import NotARunError
from tidelog.datastore.places import Places
from tidelog.syncd.errors import ProtocolError
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.own_folder import HUB_DIRECTORY, REINDEX_REQUEST
from tidelog.syncd.hub.read.changes import Changes
from tidelog.syncd.hub.read.desk import Desk
from tidelog.syncd.hub.read.documents import History, MediaList, Run, Runs, brief_of
from tidelog.syncd.hub.read.entry import Entry, Known, LogSize
from tidelog.syncd.hub.read.history import Wanted, read_history
from tidelog.syncd.hub.read.index import Index
from tidelog.syncd.hub.read.look import Look
from tidelog.syncd.hub.read.media import MediaShelf, Place
from tidelog.syncd.hub.read.question import Reach
from tidelog.syncd.hub.read.upkeep import Upkeep
from tidelog.syncd.hub.web.address import RunAddress

NEWEST = "newest"
NO_NEXT = "the query's after is no `next` of an answer"


class Listed(NamedTuple):
    """Which runs a list is to hold. `after` is where it begins, in its order."""

    project: str | None
    states: frozenset[str]
    order: str
    limit: int
    after: tuple[float, str, str] | None
    is_whole: bool


class Reading:
    """The reading side of one data folder."""

    def __init__(self, data: StrPath, *, disk: Disk, clock: Clock, limits: HubLimits) -> None:
        self._directory = os.path.join(os.path.abspath(data), HUB_DIRECTORY)
        self._disk = disk
        self._clock = clock
        self._limits = limits
        self._places = Places(data, disk=disk)
        self._look = Look(data, disk=disk, facts_bytes_max=limits.facts_bytes_max)
        self._shelf = MediaShelf(disk=disk, limits=limits)
        self.index = Index(self._directory, disk=disk)
        self.changes = Changes(limits)
        # Who asks for a list does not wait for those who read gigabytes.
        self.index_desk, self.log_desk = Desk(limits), Desk(limits)
        request = os.path.join(self._directory, REINDEX_REQUEST)
        self.upkeep = Upkeep(
            self.index,
            self._look,
            self.changes,
            clock=clock,
            limits=limits,
            is_wanted=partial(disk.is_there, request),
            is_done=partial(disk.remove, request),
        )

    async def start(self) -> None:
        """Take up the index, and keep it from now on."""
        await self.upkeep.start()

    async def stop(self) -> None:
        """End all work; the index is closed."""
        await self.upkeep.stop()
        self.index_desk.close()
        self.log_desk.close()
        self.index.close()

    # -- answers: each blocks, for the desk's threads ------------------------------------------------

    def runs(self, listed: Listed, reach: Reach) -> Runs:
        """Return a page of the runs that somebody may see."""
        chosen = self._chosen(listed, reach)
        if listed.order == NEWEST:
            entries = heapq.nsmallest(listed.limit + 1, chosen, key=lambda entry: entry.order)
        else:
            entries = []
            # The whole of it, even where less is wanted: the index is read in one go.
            for entry in chosen:
                if len(entries) <= listed.limit:
                    entries.append(entry)
        runs = self._documents(entries[: listed.limit], is_whole=listed.is_whole)
        shown = entries[: len(runs)]
        following = _cursor(shown[-1], listed.order) if shown and len(entries) > len(runs) else None
        return Runs(runs, following, self.upkeep.is_complete)

    def known(self, run: RunAddress) -> Known | None:
        """Return what the index has of a run that is there."""
        return self.index.known(run) if self._look.sizes(run) else None

    def sizes(self, run: RunAddress) -> tuple[LogSize, ...]:
        """Return the logs of a run as the disk has them now; none where there is no such run."""
        return self._look.sizes(run)

    def history(self, run: RunAddress, wanted: Wanted) -> History | None:
        """Return sampled series; None where there is no such run."""
        with _no_run():
            return read_history(
                self._places.run(*run), run, wanted, disk=self._disk, is_late=self._deadline()
            )
        return None

    def media(
        self, run: RunAddress, *, key: str | None, after: Place | None, limit: int
    ) -> MediaList | None:
        """Return a page of media; None where there is no such run."""
        with _no_run():
            return self._shelf.list(
                self._places.run(*run),
                run,
                key=key,
                after=after,
                limit=limit,
                is_late=self._deadline(),
            )
        return None

    def states(self) -> dict[tuple[str, str], int]:
        """Return what is held, summed up for those who watch the hub: by state, runs and bytes."""
        sums: dict[tuple[str, str], int] = {}
        for entry in self.index.entries():
            for what, amount in (
                ("runs", 1),
                ("log_bytes", entry.log_bytes),
                ("file_bytes", entry.files_bytes),
            ):
                sums[what, entry.state] = sums.get((what, entry.state), 0) + amount
        return sums

    def _chosen(self, listed: Listed, reach: Reach) -> Iterator[Entry]:
        is_newest = listed.order == NEWEST
        start = None if is_newest or listed.after is None else RunAddress(*listed.after[1:])
        asked = None if listed.project is None else _pattern(listed.project)

        def is_wanted(project: str) -> bool:
            return (asked is None or asked.match(project) is not None) and reach.covers(project)

        for entry in self.index.entries(after=start, is_wanted=is_wanted):
            if listed.states and entry.state not in listed.states:
                continue
            if is_newest and listed.after is not None and entry.order <= listed.after:
                continue
            yield entry

    def _documents(self, entries: list[Entry], *, is_whole: bool) -> list[Run]:
        """Return as many as one answer holds."""
        if not is_whole:
            return [brief_of(entry) for entry in entries]
        runs, size = [], 0
        facts = self.index.facts(entry.address for entry in entries)
        for entry, own in zip(entries, list(facts), strict=True):
            runs.append(brief_of(entry, own))
            size += len(own.config) + len(own.summary)
            if size > self._limits.page_bytes_max:
                break
        return runs

    def _deadline(self) -> Callable[[], bool]:
        end = self._clock.monotonic() + self._limits.answer_s
        return lambda: self._clock.monotonic() > end


@contextlib.contextmanager
def _no_run() -> Iterator[None]:
    """Let what is said of a run that is not there be nothing."""
    with contextlib.suppress(NotARunError, FileNotFoundError, NotADirectoryError):
        yield


def _pattern(project: str) -> re.Pattern[str]:
    """Return what finds the projects that are meant: by `*` and `?`, brackets are letters."""
    return re.compile(translate(project.replace("[", "[[]")))


def cursor_of(text: str) -> tuple[float, str, str]:
    """Return the place behind which a page begins. Raises ProtocolError where the text is no `next`."""
    try:
        started, project, run = text.split("/")
        place = -float(started or 0), project, run
    except ValueError as error:
        raise ProtocolError(NO_NEXT) from error
    if not math.isfinite(place[0]):
        raise ProtocolError(NO_NEXT)
    return place


def _cursor(entry: Entry, order: str) -> str:
    started = repr(-entry.order[0]) if order == NEWEST else ""
    return f"{started}/{entry.project}/{entry.run}"
