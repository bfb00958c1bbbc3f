"""The runs of a hub as the page shows them: by the same reading that the API answers with."""

from typing import Any

import msgspec

from tidelog.syncd.hub.page.shown import MediaPage, RunDetails, RunList, ShownMedia, ShownRun
from tidelog.syncd.hub.read.documents import Run, overview_of
from tidelog.syncd.hub.read.question import Reach
from tidelog.syncd.hub.read.reading import NEWEST, Listed, Reading, cursor_of
from tidelog.syncd.hub.read.row_calls import place_of
from tidelog.syncd.hub.web.address import RunAddress


class RunsFromIndex:
    """A `RunSource` over the index; media are read from the logs."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def __repr__(self) -> str:
        return f"<RunsFromIndex of {self._reading!r}>"

    async def runs(self, reach: Reach, *, project: str | None, after: str | None, limit: int) -> RunList:
        """Return runs, those that were started last first."""
        listed = Listed(
            project=project,
            states=frozenset(),
            order=NEWEST,
            limit=limit,
            after=None if after is None else cursor_of(after),
            is_whole=True,
        )
        found = await self._reading.index_desk.do(reach.who, lambda: self._reading.runs(listed, reach))
        return RunList([_shown(run) for run in found.runs], found.next, found.complete)

    async def run(self, address: RunAddress, reach: Reach) -> RunDetails | None:
        """Return one run with its facts."""
        known = await self._reading.index_desk.do(reach.who, lambda: self._reading.known(address))
        if known is None:
            return None
        overview = overview_of(known.entry, known.facts)
        return RunDetails(
            _shown(overview),
            overview.exit_code,
            overview.exit_reason,
            _object(overview.config),
            _object(overview.metadata),
        )

    async def media(
        self, address: RunAddress, reach: Reach, *, after: str | None, limit: int
    ) -> MediaPage | None:
        """Return a page of its media."""
        place = place_of(after)
        found = await self._reading.log_desk.do(
            reach.who,
            lambda: self._reading.media(address, key=None, after=place, limit=limit),
        )
        if found is None:
            return None
        shown = [ShownMedia(one.key, one.step, one.path, one.size, one.caption) for one in found.media]
        return MediaPage(shown, found.next)


def _shown(run: Run) -> ShownRun:
    return ShownRun(
        run.project,
        run.run,
        run.name,
        run.state,
        run.last_step,
        _object(run.summary),
        run.started,
        run.heard,
        run.user,
    )


def _object(facts: Any) -> dict[str, Any]:
    """Return facts that lie in the index as JSON; nothing where they were too long for it."""
    if not isinstance(facts, msgspec.Raw):
        return {}
    found = msgspec.json.decode(facts)
    return found if isinstance(found, dict) else {}
