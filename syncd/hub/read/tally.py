"""Counts the answers of a hub, by method, route and status: a fixed number of series."""

from collections import Counter
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

NOWHERE = "none"
OTHER = "other"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Answered(NamedTuple):
    """What is counted together."""

    method: str
    route: str
    status: int


class Tally:
    """How often a hub answered what since its start, and how many bytes it took in."""

    def __init__(self) -> None:
        self.answers: Counter[Answered] = Counter()
        self.received_bytes = 0

    def middleware(self) -> Middleware:
        """Return what stands in front of all others and counts what comes out."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            answer = await handler(request)
            resource = request.match_info.route.resource
            route = NOWHERE if resource is None else resource.canonical
            method = request.method if request.method in METHODS else OTHER
            self.answers[Answered(method, route, answer.status)] += 1
            return answer

        return count
