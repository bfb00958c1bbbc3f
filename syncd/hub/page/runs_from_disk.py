"""The runs of a hub as the page shows them, read from their directories, so many at a time.

Holds nothing between two questions: what a page shows is what the disk has.
"""

from collections.abc import Iterator

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.places import Places
from tidelog.datastore.reader import Reader
from tidelog.syncd.errors import ProtocolError
from tidelog.syncd.hub.guard.grants import matches
from tidelog.syncd.hub.page.shown import MediaPage, Reach, RunDetails, RunList, ShownMedia, ShownRun
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.web.address import RunAddress

UNREADABLE = "unreadable"


class RunsFromDisk:
    """A `RunSource` that opens the logs of each run that is asked for."""

    def __init__(self, data: StrPath, store: Store, *, disk: Disk, clock: Clock) -> None:
        self._places = Places(data, disk=disk)
        self._store = store
        self._disk = disk
        self._clock = clock

    def __repr__(self) -> str:
        return f"<RunsFromDisk of {self._store!r}>"

    async def runs(self, reach: Reach, *, project: str | None, after: str | None, limit: int) -> RunList:
        """Return runs in the order of their ids, which begin with the time; the newest first."""
        place = None if after is None else _place_of(after)
        held = [name for name in await self._store.runs() if reach.covers(name.project)]
        asked = [name for name in held if project is None or matches(project, name.project)]
        names = sorted((RunAddress(*name) for name in asked), key=_order, reverse=True)
        rest = [name for name in names if place is None or _order(name) < _order(place)]
        shown = await self._store.blocking(lambda: list(self._shown(rest[:limit])))
        last = rest[limit - 1] if len(rest) > limit else None
        return RunList(shown, None if last is None else "/".join(last))

    async def run(self, address: RunAddress, reach: Reach) -> RunDetails | None:
        """Return one run with its facts."""
        del reach
        return await self._store.blocking(lambda: self._details(address))

    async def media(
        self, address: RunAddress, reach: Reach, *, after: str | None, limit: int
    ) -> MediaPage | None:
        """Return a page of its media."""
        del reach
        if after is not None and not (after.isascii() and after.isdigit() and len(after) < 10):
            raise ProtocolError("the query's after is no `next` of an answer")
        return await self._store.blocking(lambda: self._media(address, int(after or 0), limit))

    def _shown(self, names: list[RunAddress]) -> Iterator[ShownRun]:
        for name in names:
            details = self._details(name)
            if details is not None:
                yield details.run

    def _details(self, address: RunAddress) -> RunDetails | None:
        try:
            with Reader(self._places.run(*address), disk=self._disk, clock=self._clock) as run:
                started, updated = run.times or (None, None)
                user = run.metadata.get("username")
                shown = ShownRun(
                    *address,
                    run.name,
                    run.state,
                    run.last_step,
                    run.summary,
                    started,
                    updated,
                    None if user is None else str(user),
                )
                return RunDetails(shown, run.exit_code, run.exit_reason, run.config, run.metadata)
        except FileNotFoundError:
            return None
        except (DatastoreError, OSError):
            if not self._disk.is_directory(self._places.run(*address)):
                return None
            nothing = ShownRun(*address, address.run, UNREADABLE, None, {}, None, None, None)
            return RunDetails(nothing, None, "", {}, {})

    def _media(self, address: RunAddress, first: int, limit: int) -> MediaPage | None:
        try:
            with Reader(self._places.run(*address), disk=self._disk, clock=self._clock) as run:
                found = run.media()
        except (DatastoreError, OSError):
            return None
        page = [
            ShownMedia(one.key, one.step, one.path, one.size, one.caption)
            for one in found[first : first + limit]
        ]
        return MediaPage(page, str(first + limit) if len(found) > first + limit else None)


def _order(name: RunAddress) -> tuple[str, str]:
    return name.run, name.project


def _place_of(after: str) -> RunAddress:
    project, slash, run = after.partition("/")
    if not slash:
        raise ProtocolError("the query's after is no `next` of an answer")
    return RunAddress(project, run)
