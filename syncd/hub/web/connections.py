"""Who is connected: how long a connection may be silent or slow, and who goes when the room is full.

A connection is *proven* once a good key came over it. Strangers have places of their own, a few for each
address: when those are taken, the one goes that came first. So whoever opens a thousand connections and
says nothing closes his own, and a client with a key, from whatever address, is let in, shows it, and
stays.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tidelog.syncd.hub.guard.guard import CALLER
from tidelog.syncd.hub.guard.refusals import group_of
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.web.pace import Pace

UNSENT_BYTES_MAX = 128 * 1024
"""So much of an answer waits in the system for a slow reader: how he gets on shows soon."""


class Connection(asyncio.Protocol):
    """One connection: passes everything on to the protocol that speaks HTTP, and notes the times."""

    def __init__(self, inner: asyncio.Protocol, others: "Connections") -> None:
        self._inner = inner
        self._others = others
        self._transport: asyncio.Transport | None = None
        self._pace: Pace | None = None
        self._unsent = 0
        self._requests = 0
        self._deadline = 0.0
        self._is_idle = False
        self.group = ""

    def __repr__(self) -> str:
        state = "in a request" if self._requests else "idle" if self._is_idle else "silent"
        return f"<Connection from {self.group}, {state}>"

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self._requests > 0 or self._pace is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, unless there is no place."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.group = group_of(str(peer[0]) if peer else "")
        _limit_unsent(self._transport)
        self._deadline = self._others.headers_until()
        self._inner.connection_made(transport)
        self._others.admit(self)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on; the first ones of a request start the time for its headers."""
        if self._is_idle and not self._requests:
            self._is_idle = False
            self._deadline = self._others.headers_until()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass the end on."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._others.leave(self)
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """From now on the other end owes us some reading."""
        self._unsent = self._buffered()
        self._pace = self._others.new_pace()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The other end has read."""
        self._pace = None
        self.rest()
        self._inner.resume_writing()

    def begin(self) -> None:
        """A request is whole so far that somebody answers it."""
        self._requests += 1
        self._is_idle = False

    def end(self) -> None:
        """An answer is ready."""
        self._requests -= 1
        self.rest()

    def rest(self) -> None:
        """Wait for another request, for as long as an idle connection may."""
        self._is_idle = True
        self._deadline = self._others.idle_until()

    def is_late(self, now: float) -> bool:
        """Tell whether it is too slow: with headers, with a next request, or with reading an answer."""
        if self._pace is None:
            return not self._requests and now >= self._deadline
        unsent = self._buffered()
        read, self._unsent = max(0, self._unsent - unsent), unsent
        self._pace.moved(read, now)
        return now >= self._pace.deadline

    def abort(self) -> None:
        """Close it now, whatever waits to be sent."""
        if self._transport is not None:
            self._transport.abort()

    def _buffered(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()


class Connections:
    """All connections of a hub, in the order in which they came."""

    def __init__(self, limits: HubLimits) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._proven: dict[Connection, None] = {}
        self._strangers: dict[Connection, None] = {}
        self._of_group: dict[str, dict[Connection, None]] = {}

    def __repr__(self) -> str:
        return f"<Connections, {len(self._proven)} with a key, {len(self._strangers)} without>"

    def __len__(self) -> int:
        return len(self._proven) + len(self._strangers)

    def all(self) -> list[Connection]:
        """Return them all, strangers first."""
        return [*self._strangers, *self._proven]

    def protocol_of(self, make_inner: Callable[[], asyncio.Protocol]) -> Callable[[], Connection]:
        """Return what makes the protocol of a new connection."""
        return lambda: Connection(make_inner(), self)

    def headers_until(self) -> float:
        """Return when headers that begin now must have arrived."""
        return self._loop.time() + self._limits.headers_s

    def idle_until(self) -> float:
        """Return until when a connection that is idle from now on is kept."""
        return self._loop.time() + self._limits.idle_s

    def new_pace(self) -> Pace:
        """Return the pace of somebody who reads an answer from now on."""
        limits = self._limits
        return Pace(self._loop.time(), rate_bytes_min=limits.rate_bytes_min, stall_s=limits.stall_s)

    def admit(self, connection: Connection) -> None:
        """Give a new connection a place; another goes, or this one, where all are taken."""
        limits = self._limits
        group = self._of_group.setdefault(connection.group, {})
        self._strangers[connection] = group[connection] = None
        if len(group) > limits.strangers_per_address_max:
            self._send_away(group, connection)
        if len(self._strangers) > limits.strangers_max:
            self._send_away(self._strangers, connection)
        if len(self) > limits.connections_max:
            self._send_away(self._strangers, connection)

    def prove(self, connection: Connection) -> None:
        """A good key came over this connection: it counts as a stranger's no more."""
        if connection in self._strangers:
            self.leave(connection)
            self._proven[connection] = None

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self._proven.pop(connection, None)
        self._strangers.pop(connection, None)
        group = self._of_group.get(connection.group)
        if group is not None:
            group.pop(connection, None)
            if not group:
                del self._of_group[connection.group]

    async def look_after(self) -> None:
        """Close, again and again, whatever is too slow."""
        while True:
            await asyncio.sleep(self._limits.connections_look_s)
            now = self._loop.time()
            for connection in self.all():
                if connection.is_late(now):
                    connection.abort()

    def counting(self) -> Middleware:
        """Return what notes that a request is being answered; it stands before everything else."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = _connection_of(request)
            if connection is None:
                return await handler(request)
            connection.begin()
            try:
                return await handler(request)
            finally:
                connection.end()

        return count

    def proving(self) -> Middleware:
        """Return what notes that a good key came with a request; it stands behind the guard.

        Before the body and the answer, which may take long: meanwhile this is nobody's stranger. Of a
        page it is known behind it, for pages have a door of their own.
        """

        @web.middleware
        async def prove(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._prove_sender(request)
            try:
                return await handler(request)
            finally:
                self._prove_sender(request)

        return prove

    def _prove_sender(self, request: web.Request) -> None:
        connection = _connection_of(request)
        if connection is not None and CALLER in request:
            self.prove(connection)

    def _send_away(self, among: dict[Connection, None], new: Connection) -> None:
        """Close who came first of those that are not in a request; the new one where all are."""
        gone = next((one for one in among if not one.is_busy), new)
        self.leave(gone)
        gone.abort()


def _connection_of(request: web.Request) -> Connection | None:
    transport = request.transport
    connection = None if transport is None else transport.get_protocol()
    return connection if isinstance(connection, Connection) else None


def _limit_unsent(transport: asyncio.Transport) -> None:
    """Keep the system from taking megabytes of an answer that nobody reads."""
    sock = transport.get_extra_info("socket")
    if sock is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
