"""Which calls the guard of the API lets pass, since they have a door of their own: the page's.

By the name of the route that was found, never by the address: what is routed there is what is meant.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

PAGE: str = "page"
Call = Callable[[web.Request], Awaitable[web.StreamResponse]]


def page_route(method: str, path: str, call: Call, name: str) -> web.RouteDef:
    """Return a route of the page."""
    return web.route(method, path, call, name=f"{PAGE}:{name}")


def has_own_door(request: web.Request) -> bool:
    """Tell whether this request is for the page."""
    name = request.match_info.route.name
    return name is not None and name.startswith(f"{PAGE}:")
