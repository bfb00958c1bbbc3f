"""The hub's door: the socket that it listens on, and the room for those who come in.

Never speaks HTTP; that is the protocol's business that is made for each connection.
"""

import asyncio
import contextlib
import resource
import ssl
from collections.abc import Callable
from dataclasses import replace

from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.web.connections import Connections
from tidelog.syncd.listen import Listen

OWN_DESCRIPTORS = 256
"""Descriptors that are kept for files, beside those of connections."""


class Door:
    """Accepts connections between `open` and `close`; the slow ones are closed meanwhile."""

    def __init__(self, connections: Connections, *, limits: HubLimits) -> None:
        self._connections = connections
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._looking: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Door, {'shut' if self._server is None else 'open'}>"

    async def open(
        self,
        make_protocol: Callable[[], asyncio.Protocol],
        listen: Listen,
        *,
        ssl_context: ssl.SSLContext | None = None,
    ) -> int:
        """Listen, and return the port. Raises OSError where the address cannot be had."""
        self._server = await asyncio.get_running_loop().create_server(
            self._connections.protocol_of(make_protocol),
            listen.host,
            listen.port,
            ssl=ssl_context,
            ssl_handshake_timeout=None if ssl_context is None else self._limits.headers_s,
            backlog=self._limits.backlog,
        )
        self._looking = asyncio.create_task(self._connections.look_after())
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Accept nobody any more; who is inside may end what he asked for."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None


def within_descriptors(limits: HubLimits) -> HubLimits:
    """Return the limits with no more connections than this process may have descriptors for.

    What the system lets us have is asked for first: many give 1,024 to a process that says nothing.
    """
    wanted = limits.connections_max + OWN_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        more = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return limits
    room = max(soft - OWN_DESCRIPTORS, soft // 2)
    return replace(limits, connections_max=min(limits.connections_max, room))
