"""A hub behind a proxy: who asks is whom the proxy names, where the proxy is on this machine.

Anybody can write these headers; only from the loopback address, where the proxy is, do they count.
"""

import ipaddress
from collections.abc import Sequence
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

FORWARDED_FOR: Final = "X-Forwarded-For"


@web.middleware
async def behind_proxy(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the request be of the one whom the proxy names."""
    client = forwarded_for(request.remote, request.headers.getall(FORWARDED_FOR, ()))
    return await handler(request if client is None else request.clone(remote=client))


def forwarded_for(peer: str | None, lines: Sequence[str]) -> str | None:
    """Return the address that a proxy on this machine added last; None where nobody trustworthy did.

    Those before it came from outside and may say anything. Some proxies add to the line that came,
    others a line of their own behind it.
    """
    if peer is None or not lines or not _is_loopback(peer):
        return None
    last = lines[-1].rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(last))
    except ValueError:
        return None


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
