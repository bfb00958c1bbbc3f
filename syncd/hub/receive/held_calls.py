"""The call by which an agent finds out whether what was acknowledged is held still."""

from aiohttp import web

from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.web.address import HELD_ROUTE, project_of
from tidelog.syncd.hub.web.answers import json_answer
from tidelog.syncd.hub.web.body import BodyMemory


class HeldCalls:
    """POST of a list of runs."""

    def __init__(self, store: Store, memory: BodyMemory) -> None:
        self._store = store
        self._memory = memory

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [web.post(HELD_ROUTE, self.held)]

    async def held(self, request: web.Request) -> web.Response:
        """Tell which logs of some runs are not held, or not as far, as the caller knows them."""
        project = project_of(request.rel_url.raw_path) or ""
        async with self._memory.receive(request) as body:
            runs = await self._store.held_runs(project, body)
        return json_answer(
            {
                "runs": [
                    {
                        "run": run.run,
                        "missing": run.missing,
                        "files": run.files,
                        "deleted": run.is_deleted,
                    }
                    for run in runs
                ]
            }
        )
