"""The calls that delete a run and take that back."""

from aiohttp import web

from tidelog.syncd.hub.guard.grants import ADMIN
from tidelog.syncd.hub.guard.guard import actor_of, demand
from tidelog.syncd.hub.remove.deletion import Deletion
from tidelog.syncd.hub.web.address import RESTORE_ROUTE, RUN_ROUTE, run_of
from tidelog.syncd.hub.web.answers import json_answer, nothing_at


class DeleteCalls:
    """DELETE of a run, POST of its restoration; both for admins of the project."""

    def __init__(self, deletion: Deletion) -> None:
        self._deletion = deletion

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [web.delete(RUN_ROUTE, self.delete), web.post(RESTORE_ROUTE, self.restore)]

    async def delete(self, request: web.Request) -> web.Response:
        """Move a run to the trash; until it is restored, nobody can write to it."""
        demand(request, ADMIN)
        run = run_of(request.rel_url.raw_path)
        stone = await self._deletion.delete(run, actor_of(request))
        if stone is None:
            raise nothing_at(request)
        return json_answer({**run._asdict(), "deleted": stone.deleted})

    async def restore(self, request: web.Request) -> web.Response:
        """Let a run be written to again, and bring it back where it is still in the trash."""
        demand(request, ADMIN)
        run = run_of(request.rel_url.raw_path)
        is_back = await self._deletion.restore(run, actor_of(request))
        if is_back is None:
            raise nothing_at(request)
        return json_answer({**run._asdict(), "restored": is_back})
