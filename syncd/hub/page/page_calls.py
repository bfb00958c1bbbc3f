"""The calls of the page: where each address leads, and through which door."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from tidelog.syncd.errors import NOT_FOUND, ProblemError
from tidelog.syncd.hub.guard.grants import READ, WRITE
from tidelog.syncd.hub.guard.guard import CALLER, actor_of
from tidelog.syncd.hub.limits import DAY_S, HubLimits
from tidelog.syncd.hub.page.place import (
    FILES,
    ONE_SHARE,
    RUN_PAGE,
    SHARED_PAGE,
    SHARES,
    file_of_page,
    run_of_page,
    run_page,
    shared_file,
    shared_page,
)
from tidelog.syncd.hub.page.rendering import see_other
from tidelog.syncd.hub.page.run_pages import RunPages, Sharing
from tidelog.syncd.hub.read.question import Reach, reach_of
from tidelog.syncd.hub.shares.share import Share
from tidelog.syncd.hub.shares.shares import Shares
from tidelog.syncd.hub.signin.door import Door, demand_on
from tidelog.syncd.hub.signin.form import FORM, days_in
from tidelog.syncd.hub.signin.way_back import HOME
from tidelog.syncd.hub.web.address import RunAddress
from tidelog.syncd.hub.web.answers import nothing_at
from tidelog.syncd.hub.web.own_door import page_route
from tidelog.syncd.hub.web.standing import STANDING
from tidelog.syncd.protocol import run_path

HistoryOf = Callable[[web.Request, RunAddress, str], Awaitable[web.StreamResponse]]


class PageCalls:
    """GET of the pages for those who signed in, POST of share links."""

    def __init__(
        self,
        pages: RunPages,
        door: Door,
        shares: Shares,
        limits: HubLimits,
        address: Callable[[web.Request], str],
    ) -> None:
        self._pages = pages
        self._door = door
        self._shares = shares
        self._days_max = int(limits.share_life_s_max / DAY_S)
        self._address = address

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        look, form = self._door.signed_in, self._door.form
        return [
            page_route("GET", "/page.css", self._pages.style, "style"),
            page_route("GET", "/icon.svg", self._pages.icon, "icon"),
            page_route("GET", HOME, look(self.runs), "runs"),
            page_route("GET", RUN_PAGE, look(self.run), "run"),
            page_route("GET", RUN_PAGE + FILES, look(self.file), "file"),
            page_route("POST", RUN_PAGE + SHARES, form(self.share), "share"),
            page_route("POST", RUN_PAGE + ONE_SHARE, form(self.revoke), "revoke-share"),
        ]

    async def runs(self, request: web.Request) -> web.StreamResponse:
        """Show the runs that the visitor may see."""
        return await self._pages.list(request, reach_of(request), self._door.visitor(request))

    async def run(self, request: web.Request) -> web.StreamResponse:
        """Show one run."""
        run = run_of_page(request.rel_url.raw_path)
        demand_on(request, run.project, READ)
        return await self._page(request, run)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Send a file of a run."""
        address = file_of_page(request.rel_url.raw_path)
        demand_on(request, address.project, READ)
        return await self._pages.file(request, address)

    async def share(self, request: web.Request) -> web.StreamResponse:
        """Make a link to a run and show it, this one time."""
        run = run_of_page(request.rel_url.raw_path)
        caller = demand_on(request, run.project, WRITE)
        life_s = days_in(request[FORM], self._days_max, of="a link") * DAY_S
        if not await self._pages.is_there(run, reach_of(request)):
            raise nothing_at(request)
        secret, _ = await asyncio.to_thread(
            lambda: self._shares.make(run, life_s, caller=caller, by=actor_of(request))
        )
        return await self._page(request, run, fresh=self._address(request) + shared_page(secret))

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """Let a link open nothing from now on."""
        run = run_of_page(request.rel_url.raw_path)
        demand_on(request, run.project, WRITE)
        share_id = request.match_info["share"]
        await asyncio.to_thread(lambda: self._shares.revoke(run, share_id, by=actor_of(request)))
        return see_other(run_page(run))

    async def _page(
        self, request: web.Request, run: RunAddress, *, fresh: str | None = None
    ) -> web.Response:
        sharing = None
        if request[CALLER].may(WRITE, run.project):
            sharing = Sharing(self._shares.of(run), self._days_max, fresh)
        return await self._pages.one(
            request,
            run,
            reach_of(request),
            page=run_page(run),
            history=f"{run_path(*run)}/history",
            visitor=self._door.visitor(request),
            sharing=sharing,
        )


class SharedPageCalls:
    """GET of what a share link opens: the page of one run, and its files."""

    def __init__(self, pages: RunPages, shares: Shares, history: HistoryOf) -> None:
        self._pages = pages
        self._shares = shares
        self._history = history

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [
            page_route("GET", SHARED_PAGE, self.run, "shared-run"),
            page_route("GET", SHARED_PAGE + "/history", self.history, "shared-history"),
            page_route("GET", SHARED_PAGE + FILES, self.file, "shared-file"),
        ]

    async def run(self, request: web.Request) -> web.StreamResponse:
        """Show the run of the link."""
        share, secret = self._open(request), request.match_info["secret"]
        page = shared_page(secret)
        return await self._pages.one(
            request,
            share.address,
            _reach_of_share(share),
            page=page,
            history=f"{page}/history",
            shared_until=share.expires,
        )

    async def history(self, request: web.Request) -> web.StreamResponse:
        """Send the points of the run of the link, as the API does."""
        share = self._open(request)
        return await self._history(request, share.address, _reach_of_share(share).who)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Send a file of the run of the link."""
        share = self._open(request)
        return await self._pages.file(request, shared_file(request.rel_url.raw_path, share.address))

    def _open(self, request: web.Request) -> Share:
        """Return the link; one that has ended is told from none by nothing."""
        share = self._shares.open(request.match_info["secret"])
        if share is None:
            raise ProblemError(NOT_FOUND, "this link opens nothing: it has ended, or was never made")
        request[STANDING] = lambda: self._check(request)
        return share

    def _check(self, request: web.Request) -> None:
        """Raise where the link has ended while a file was sent."""
        self._open(request)


def _reach_of_share(share: Share) -> Reach:
    return Reach(f"share {share.id}", lambda project: project == share.project)
