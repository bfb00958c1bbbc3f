"""The guard before every call: a valid key, and one that allows this on this project."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tidelog.datastore.clock import Clock
from tidelog.syncd.errors import ProtocolError
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.guard.keys import READ, WRITE, Key, authenticate, authorize
from tidelog.syncd.hub.web.address import PREFIX, project_of
from tidelog.syncd.protocol import AUTHORIZATION, HEALTH_PATH

KEY: web.RequestKey[Key] = web.RequestKey("key", Key)
_READING = ("GET", "HEAD")


def guard(keys: KeyFile, *, clock: Clock) -> Middleware:
    """Return the middleware that lets a request through, or raises why not.

    It stands before the router, so that nobody without a key learns what is there.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path == HEALTH_PATH:
            return await handler(request)
        offered = request.headers.get(AUTHORIZATION)
        key = authenticate(offered, keys.keys(), now=clock.now())
        # Routes match the decoded path, names come from the raw one: both must be about a project.
        project = project_of(path)
        if project is None and "project" in request.match_info:
            raise ProtocolError(f"the address {path!r} does not begin with {PREFIX}, letter by letter")
        authorize(key, READ if request.method in _READING else WRITE, project)
        request[KEY] = key
        return await handler(request)

    return check
