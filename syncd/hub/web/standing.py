"""Whether the one who asked may still: asked again where a request lasts longer than a moment.

The guard puts the question with each request; bodies, downloads and streams of events ask it, so that
a key that is revoked meanwhile opens nothing more within a second.
"""

from collections.abc import Callable

from aiohttp import web

STANDING: web.RequestKey[Callable[[], object]] = web.RequestKey("standing")


def check_standing(request: web.Request) -> None:
    """Raise what the guard would say of this request if it came now."""
    check = request.get(STANDING)
    if check is not None:
        check()
