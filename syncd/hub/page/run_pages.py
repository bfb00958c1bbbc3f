"""The pages of runs: their list, one run, and its files. Who may look was asked before."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.page.headers import STYLE_HEADERS
from tidelog.syncd.hub.page.media_kind import START_BYTES, kind_of
from tidelog.syncd.hub.page.rendering import Rendering
from tidelog.syncd.hub.page.run_view import facts_of, lines_of, media_lines, run_lines
from tidelog.syncd.hub.page.shown import RunSource
from tidelog.syncd.hub.read.question import Reach
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.shares.share import Share
from tidelog.syncd.hub.signin.door import Visitor
from tidelog.syncd.hub.web.address import FileAddress, RunAddress
from tidelog.syncd.hub.web.answers import nothing_at
from tidelog.syncd.hub.web.download import send


class Sharing(NamedTuple):
    """The links to a run, for who may make some; `fresh` is the one that was made just now."""

    shares: Sequence[Share]
    days_max: int
    fresh: str | None = None


class RunPages:
    """Answers with pages about runs."""

    def __init__(self, source: RunSource, store: Store, rendering: Rendering, limits: HubLimits) -> None:
        self._source = source
        self._store = store
        self._rendering = rendering
        self._limits = limits

    async def list(self, request: web.Request, reach: Reach, visitor: Visitor) -> web.Response:
        """Return the list of runs."""
        project = request.query.get("project") or None
        found = await self._source.runs(
            reach,
            project=project,
            after=request.query.get("after"),
            limit=self._limits.shown_runs_max,
        )
        more = {} if project is None else {"project": project}
        following = None if found.following is None else {**more, "after": found.following}
        return self._rendering.answer(
            "runs.html",
            runs=run_lines(found.runs, self._limits.shown_summary_max),
            is_complete=found.is_complete,
            project=project,
            next_page=None if following is None else f"/?{urlencode(following)}",
            visitor=visitor,
        )

    async def is_there(self, run: RunAddress, reach: Reach) -> bool:
        """Tell whether there is such a run."""
        return await self._source.run(run, reach) is not None

    async def one(
        self,
        request: web.Request,
        run: RunAddress,
        reach: Reach,
        *,
        page: str,
        history: str,
        **more: Any,
    ) -> web.Response:
        """Return the page of one run; `page` is its address, `history` that of its points."""
        after = request.query.get("after") if request.method == "GET" else None
        limit = self._limits.shown_media_max
        details = await self._source.run(run, reach)
        if details is None:
            raise nothing_at(request)
        media = await self._source.media(run, reach, after=after, limit=limit)
        if media is None:
            raise nothing_at(request)
        facts_max = self._limits.shown_facts_max
        return self._rendering.answer(
            "run.html",
            run=details.run,
            lines=facts_of(details),
            metrics=lines_of(details.run.summary, facts_max),
            config=lines_of(details.config, facts_max),
            metadata=lines_of(details.metadata, facts_max),
            media=media_lines(page, media.media),
            next_page=None
            if media.following is None
            else f"{page}?{urlencode({'after': media.following})}",
            page=page,
            history_address=history,
            **{"visitor": None, "sharing": None, "shared_until": None, **more},
        )

    async def file(self, request: web.Request, address: FileAddress) -> web.StreamResponse:
        """Send a file as what its first bytes are; it can do nothing in the name of this hub."""
        size = await self._store.file_size(address)
        if size is None:
            raise nothing_at(request)
        blocks = self._store.read_file(address)
        first = await anext(blocks, b"")
        kind = kind_of(address.path, first[:START_BYTES])
        return await send(
            request,
            _chained(first, blocks),
            size=size,
            headers=kind.headers,
            content_type=kind.content_type,
        )

    async def style(self, request: web.Request) -> web.Response:
        """Return the style sheet."""
        del request
        return web.Response(
            body=self._rendering.style, content_type="text/css", charset="utf-8", headers=STYLE_HEADERS
        )

    async def icon(self, request: web.Request) -> web.Response:
        """Return the picture that a browser shows beside the title."""
        del request
        return web.Response(
            body=self._rendering.icon, content_type="image/svg+xml", headers=STYLE_HEADERS
        )


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for block in rest:
        yield block
