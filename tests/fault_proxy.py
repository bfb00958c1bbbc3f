"""A TCP proxy between agent and hub that breaks connections on order, one order per request.

An order is taken by the next request of its kind; requests without one pass untouched.
"""

import asyncio
import contextlib
import os
import re
import signal
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from random import Random


class Call(Enum):
    """The kinds of requests that an agent sends; `HEAD` also stands for what comes first of all."""

    ANY = "any"
    HEAD_LOG = "HEAD log"
    PATCH_LOG = "PATCH log"
    MISSING = "files:missing"
    BATCH = "files:batch"
    HEAD_FILE = "HEAD file"
    PATCH_FILE = "PATCH file"


class Fault(Enum):
    """What happens to one request as a whole."""

    REFUSE = "the connection ends before the request is read"
    UNAVAILABLE = "the proxy answers 503 with Retry-After"
    PORTAL = "the proxy answers 200 with a page"
    DELAY = "the answer comes later than the agent waits"
    TWICE = "the hub gets the same request twice, the agent the second answer"
    KILL = "the hub is killed once it has answered; nobody gets the answer"


class Action(Enum):
    """What happens at one byte."""

    CUT = "the connection is closed in front of it"
    RESET = "the connection is reset in front of it"
    HALF_CLOSE = "nothing follows it in this direction, the other stays open"
    STALL = "it comes later than the other end waits"
    CORRUPT = "it becomes another byte"
    DUPLICATE = "it comes twice"
    TRUNCATE = "the line or the rest of the body is left out, and the length says nothing of it"


class Place(Enum):
    """The classes of bytes of a request and its answer."""

    REQUEST_LINE = 0
    REQUEST_HEADERS = 1
    REQUEST_GAP = 2
    BODY_FIRST = 3
    BODY_MIDDLE = 4
    BODY_LAST = 5
    STATUS_LINE = 6
    ANSWER_HEADERS = 7
    ANSWER_GAP = 8
    ANSWER_BODY = 9

    @property
    def is_answer(self) -> bool:
        return self.value >= Place.STATUS_LINE.value

    @property
    def is_body(self) -> bool:
        return self in (Place.BODY_FIRST, Place.BODY_MIDDLE, Place.BODY_LAST, Place.ANSWER_BODY)


@dataclass(frozen=True, slots=True)
class Break:
    """An action at a byte of a class; `seed` chooses which of them."""

    action: Action
    place: Place
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Misquote:
    """The first request, or answer, that holds `pattern` has `instead` there; others pass untouched."""

    pattern: bytes
    instead: bytes
    is_answer: bool = True

    def said_of(self, message: bytes) -> bytes:
        return re.sub(self.pattern, self.instead, message, count=1)


@dataclass(frozen=True, slots=True)
class Order:
    call: Call
    fault: Fault | Break | Misquote


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


class FaultProxy:
    """Forwards requests one by one; `orders` says which of them to break, `broken` which it was.

    `hub_pid` is the process that `Fault.KILL` ends.
    """

    def __init__(self, host: str, port: int, *, delay_s: float, hub_pid: int = 0) -> None:
        self.orders: deque[Order] = deque()
        self.broken: list[Order] = []
        self.seen: list[Call] = []
        self.bytes_seen = 0
        self._hub = (host, port)
        self._delay_s = delay_s
        self.hub_pid = hub_pid
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
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
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

    async def _forward(self, reader: asyncio.StreamReader, agent: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        request = head + await reader.readexactly(_length(head))
        call = _call_of(head)
        self.seen.append(call)
        self.bytes_seen += len(request)
        fault = self._take_order(call)
        if isinstance(fault, Break):
            return await self._break(fault, request, agent)
        if isinstance(fault, Misquote):
            return await self._misquote(fault, request, agent)
        if fault is Fault.REFUSE:
            return False
        if fault in (Fault.UNAVAILABLE, Fault.PORTAL):
            await _send_last(agent, UNAVAILABLE if fault is Fault.UNAVAILABLE else PORTAL)
            return False
        answer = await self._exchange(request)
        if fault is Fault.KILL:
            os.kill(self.hub_pid, signal.SIGKILL)
            return False
        if fault is Fault.TWICE:
            answer = await self._exchange(request)
        if fault is Fault.DELAY:
            await asyncio.sleep(self._delay_s)
        agent.write(answer)
        await agent.drain()
        return True

    def _take_order(self, call: Call) -> Fault | Break | Misquote | None:
        if self.orders and self.orders[0].call in (call, Call.ANY):
            self.broken.append(self.orders.popleft())
            return self.broken[-1].fault
        return None

    async def _misquote(self, fault: Misquote, request: bytes, agent: asyncio.StreamWriter) -> bool:
        sent = request if fault.is_answer else fault.said_of(request)
        answer = await self._exchange(sent)
        given = fault.said_of(answer) if fault.is_answer else answer
        if (sent, given) == (request, answer):
            self.orders.appendleft(self.broken.pop())
        agent.write(given)
        await agent.drain()
        return True

    # -- one byte --------------------------------------------------------------------------------

    async def _break(self, fault: Break, request: bytes, agent: asyncio.StreamWriter) -> bool:
        if fault.place.is_answer:
            await self._pass_on(fault, await self._exchange(request), agent)
            return False
        reader, hub = await asyncio.open_connection(*self._hub, limit=1 << 20)
        try:
            await self._pass_on(fault, request, hub)
            if fault.action in (Action.CUT, Action.RESET):
                return False
            # Whatever the hub makes of it, the agent gets to see, as long as it waits.
            with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(self._delay_s):
                    agent.write(await _read_answer(reader, request))
                    await agent.drain()
        finally:
            hub.transport.abort()
        return False

    async def _pass_on(self, fault: Break, message: bytes, to: asyncio.StreamWriter) -> None:
        random = Random(fault.seed)
        at = _position(fault.place, message, random)
        before, byte, after = message[:at], message[at : at + 1], message[at + 1 :]
        if fault.action is Action.CORRUPT:
            to.write(before + bytes([byte[0] ^ random.randrange(1, 256)]) + after)
        elif fault.action is Action.DUPLICATE:
            to.write(before + byte + byte + after)
        elif fault.action is Action.TRUNCATE:
            to.write(_without(message, at))
        else:
            to.write(before)
        await to.drain()
        if fault.action is Action.STALL:
            await asyncio.sleep(self._delay_s)
            to.write(byte + after)
        elif fault.action is Action.HALF_CLOSE:
            to.write_eof()
        elif fault.action is Action.RESET:
            to.transport.abort()
        elif fault.action is Action.CUT:
            to.close()
            await to.wait_closed()

    async def _exchange(self, request: bytes) -> bytes:
        reader, hub = await asyncio.open_connection(*self._hub, limit=1 << 20)
        try:
            hub.write(request)
            await hub.drain()
            answer = await _read_answer(reader, request)
            self.bytes_seen += len(answer)
            return answer
        finally:
            hub.close()
            with contextlib.suppress(OSError):
                await hub.wait_closed()


async def _read_answer(reader: asyncio.StreamReader, request: bytes) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    is_bare = request.startswith(b"HEAD ")
    return head + (b"" if is_bare else await reader.readexactly(_length(head)))


async def _send_last(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(answer)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def _call_of(head: bytes) -> Call:
    method, _, rest = head.partition(b" ")
    path = rest.split(b" ", 1)[0]
    if path.endswith(b"/files:missing"):
        return Call.MISSING
    if path.endswith(b"/files:batch"):
        return Call.BATCH
    what = "log" if b"/logs/" in path else "file"
    name = f"{method.decode()} {what}"
    return Call(name) if name in {call.value for call in Call} else Call.ANY


def _position(place: Place, message: bytes, random: Random) -> int:
    """Return the index of a byte of a class; a message without a body has its last byte for one."""
    line = message.index(b"\r\n")
    body = message.index(b"\r\n\r\n") + 4
    last = len(message) - 1
    if place in (Place.REQUEST_LINE, Place.STATUS_LINE):
        return random.randrange(line + 2)
    if place in (Place.REQUEST_HEADERS, Place.ANSWER_HEADERS):
        return random.randrange(line + 2, body - 2)
    if place in (Place.REQUEST_GAP, Place.ANSWER_GAP):
        return random.choice([body - 2, body - 1])
    if place is Place.BODY_FIRST:
        return min(body, last)
    if place is Place.BODY_LAST:
        return last
    return min(random.randrange(body, last + 1) if last > body else body, last)


def _without(message: bytes, at: int) -> bytes:
    """Leave out the header line around a byte, or the body from it on, with a length that agrees."""
    body = message.index(b"\r\n\r\n") + 4
    if at >= body:
        head, kept = message[:body], message[body:at]
        length = b"Content-Length: %d" % (len(message) - body)
        return head.replace(length, b"Content-Length: %d" % len(kept)) + kept
    start = message.rfind(b"\r\n", 0, min(at, body - 4)) + 2
    if start == 1:
        return message[at:]
    end = message.index(b"\r\n", start) + 2
    return message[:start] + message[end:]


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
