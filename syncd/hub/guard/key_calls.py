"""The call about keys: what a hub knows of the one that came with the request."""

from aiohttp import web

from tidelog.syncd.hub.guard.guard import KEY
from tidelog.syncd.hub.web.answers import json_answer
from tidelog.syncd.protocol import OWN_KEY_PATH


class KeyCalls:
    """GET of one's own key: who may do what with it, until when."""

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [web.get(OWN_KEY_PATH, self.own)]

    async def own(self, request: web.Request) -> web.Response:
        """Tell name, role, projects and end (seconds since the epoch, null for none) of the key."""
        key = request[KEY]
        facts = {"name": key.name, "role": key.role, "project": key.project, "expires": key.expires}
        return json_answer(facts)
