"""The calls about runs: which are held, and what is held of one."""

from aiohttp import web

from tidelog.syncd.hub.guard.guard import CALLER
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.web.address import RUN_ROUTE, run_of
from tidelog.syncd.hub.web.answers import json_answer, nothing_at
from tidelog.syncd.protocol import HEALTH_PATH, RUNS_PATH


class RunCalls:
    """GET of the runs, of one run, and of the hub's own health."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [
            web.get(HEALTH_PATH, self.health),
            web.get(RUNS_PATH, self.runs),
            web.get(RUN_ROUTE, self.run),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Tell that the hub answers; the one call that needs no key."""
        del request
        return json_answer({"status": "ok"})

    async def runs(self, request: web.Request) -> web.Response:
        """List the runs in the projects that the key is for."""
        caller = request[CALLER]
        runs = await self._store.runs()
        return json_answer({"runs": [run._asdict() for run in runs if caller.covers(run.project)]})

    async def run(self, request: web.Request) -> web.Response:
        """List what is held of a run, read again from the disk now."""
        address = run_of(request.rel_url.raw_path)
        listing = await self._store.listing(address)
        if listing is None:
            raise nothing_at(request)
        return json_answer(listing.document())
