"""A TCP proxy between agent and hub that breaks connections on order, one order per request.

An order is taken by the next request whose method it names; requests without one pass untouched.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """What happens to one request."""

    REFUSE = "the connection ends before the request is read"
    RESET_BODY = "half of the request reaches the hub, then both connections break"
    UNAVAILABLE = "the proxy answers 503 with Retry-After"
    PORTAL = "the proxy answers 200 with a page"
    DELAY = "the answer comes later than the agent waits"
    CUT_ANSWER = "the hub commits, and its answer is cut in the middle"
    TWICE = "the hub gets the same request twice, the agent the second answer"
    GARBLE_BODY = "one bit of the body is flipped on the way"


UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 3\r\n"
    b"Connection: close\r\n\r\nno\n"
)
PAGE = b"<html>please sign in</html>"
PORTAL = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    % len(PAGE)
    + PAGE
)


@dataclass(slots=True)
class Order:
    method: str
    fault: Fault


class FaultProxy:
    """Forwards requests one by one; `orders` says which of them to break, `broken` which it was."""

    def __init__(self, host: str, port: int, *, delay_s: float) -> None:
        self.orders: deque[Order] = deque()
        self.broken: list[Fault] = []
        self.seen: list[str] = []
        self._hub = (host, port)
        self._delay_s = delay_s
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["FaultProxy"]:
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                while await self._forward(reader, writer):
                    pass
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                tasks.discard(task)
                writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            await server.wait_closed()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        method = head.split(b" ", 1)[0].decode()
        self.seen.append(method)
        fault = self._take_order(method)
        if fault is not None:
            self.broken.append(fault)
        if fault is Fault.REFUSE:
            return False
        if fault in (Fault.UNAVAILABLE, Fault.PORTAL):
            writer.write(UNAVAILABLE if fault is Fault.UNAVAILABLE else PORTAL)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return False
        if fault is Fault.RESET_BODY:
            await self._send_half(head + body)
            return False
        if fault is Fault.GARBLE_BODY:
            body = bytes([body[0] ^ 1]) + body[1:]
        answer = await self._exchange(method, head + body)
        if fault is Fault.TWICE:
            answer = await self._exchange(method, head + body)
        if fault is Fault.DELAY:
            await asyncio.sleep(self._delay_s)
        if fault is Fault.CUT_ANSWER:
            writer.write(answer[: len(answer) // 2])
            await writer.drain()
            return False
        writer.write(answer)
        await writer.drain()
        return True

    def _take_order(self, method: str) -> Fault | None:
        if self.orders and self.orders[0].method in (method, "*"):
            return self.orders.popleft().fault
        return None

    async def _send_half(self, request: bytes) -> None:
        _, hub = await asyncio.open_connection(*self._hub)
        hub.write(request[: len(request) // 2])
        await hub.drain()
        hub.transport.abort()

    async def _exchange(self, method: str, request: bytes) -> bytes:
        reader, hub = await asyncio.open_connection(*self._hub, limit=1 << 20)
        try:
            hub.write(request)
            await hub.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            return head + (b"" if method == "HEAD" else await reader.readexactly(_length(head)))
        finally:
            hub.close()
            await hub.wait_closed()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
