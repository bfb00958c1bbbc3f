"""The calls about runs: which are held, one in short, and what is held of one, byte by byte."""

from aiohttp import web

from tidelog.syncd.hub.guard.guard import account_of
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.read.documents import encoded, overview_of
from tidelog.syncd.hub.read.question import Question, reach_of
from tidelog.syncd.hub.read.reading import NEWEST, Listed, Reading, cursor_of
from tidelog.syncd.hub.read.reply import document, etag_of, is_known, unchanged
from tidelog.syncd.hub.read.run_state import STATES
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.web.address import OVERVIEW_ROUTE, RUN_ROUTE, run_of
from tidelog.syncd.hub.web.answers import json_answer, nothing_at
from tidelog.syncd.protocol import RUNS_PATH

ORDERS = ("name", NEWEST)
INCLUDED = ("config", "summary")


class RunCalls:
    """GET of the runs, of a run's overview, and of all that is held of a run."""

    def __init__(self, store: Store, reading: Reading, limits: HubLimits) -> None:
        self._store = store
        self._reading = reading
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [
            web.get(RUNS_PATH, self.runs),
            web.get(RUN_ROUTE, self.run),
            web.get(OVERVIEW_ROUTE, self.overview),
        ]

    async def runs(self, request: web.Request) -> web.Response:
        """List the runs in the projects that the key is for."""
        listed = self._listed(Question(request, *_QUERY))
        reach = reach_of(request)
        await self._reading.upkeep.see_new()
        etag = etag_of(self._version(), listed, reach.etag)
        if is_known(request, etag):
            return unchanged(etag)
        body = await self._reading.index_desk.do(
            reach.who, lambda: encoded(self._reading.runs(listed, reach))
        )
        return document(body, etag=etag)

    async def run(self, request: web.Request) -> web.Response:
        """List what is held of a run, read again from the disk now."""
        address = run_of(request.rel_url.raw_path)
        listing = await self._store.listing(address, by=account_of(request))
        if listing is None:
            raise nothing_at(request)
        return json_answer(listing.document())

    async def overview(self, request: web.Request) -> web.Response:
        """Tell a run in short, with config and summary, from the index."""
        address = run_of(request.rel_url.raw_path)
        Question(request)
        await self._reading.upkeep.see_new()
        known = await self._reading.index_desk.do(
            reach_of(request).who, lambda: self._reading.known(address)
        )
        if known is None:
            raise nothing_at(request)
        etag = etag_of(known.entry)
        if is_known(request, etag):
            return unchanged(etag)
        return document(encoded(overview_of(known.entry, known.facts)), etag=etag)

    def _version(self) -> tuple[str, bool]:
        return self._reading.index.version, self._reading.upkeep.is_complete

    def _listed(self, question: Question) -> Listed:
        is_whole = bool(question.choices("include", INCLUDED))
        most = self._limits.page_runs_max if is_whole else self._limits.runs_listed_max
        after = question.text("after")
        return Listed(
            project=question.text("project"),
            states=question.choices("state", STATES),
            order=question.choice("order", ORDERS[0], ORDERS),
            limit=question.number("limit", most, least=1, most=most),
            after=None if after is None else cursor_of(after),
            is_whole=is_whole,
        )


_QUERY = ("project", "state", "order", "limit", "after", "include")
