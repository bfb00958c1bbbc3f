"""A hub in the simulation: the real guard, handlers, store and replica on a simulated disk.

Only aiohttp's server is left out: what it hands to a handler, `Asked` stands in for.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, cast

from aiohttp import web
from multidict import CIMultiDict
from simulation.disk import Faults, SimulatedDisk
from simulation.loop import Killed, VirtualClock, VirtualLoop
from simulation.medium import Medium
from yarl import URL

from tidelog.syncd.agent.target.connections import Answer
from tidelog.syncd.hub.answers import refuse_in_words
from tidelog.syncd.hub.body import BodyMemory
from tidelog.syncd.hub.file_calls import FileCalls
from tidelog.syncd.hub.guard import guard
from tidelog.syncd.hub.key_file import KeyFile
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.log_calls import LogCalls
from tidelog.syncd.hub.run_calls import RunCalls
from tidelog.syncd.hub.store import Store

DATA = "/hub"
LIMITS = HubLimits(body_wait_s=5.0, body_deadline_s=20.0)
_SLOT = re.compile(r"\{(\w+):([^{}]*)\}")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Request:
    """What travels: a request as the network has it. `cut_at` is where the connection breaks."""

    __slots__ = ("body", "cut_at", "headers", "method", "path")

    def __init__(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> None:
        self.method = method
        self.path = path
        self.body = body or b""
        self.headers = CIMultiDict(headers)
        self.cut_at: int | None = None


class Asked(dict[Any, Any]):
    """A request as a handler sees it."""

    def __init__(self, request: Request, match: Mapping[str, str]) -> None:
        super().__init__()
        self.method = request.method
        self.rel_url = URL(request.path, encoded=True)
        self.query = self.rel_url.query
        self.headers = request.headers
        self.match_info = match
        self.content_length = len(request.body)
        self.content = self
        self._request = request

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield the body, or as much as comes before the connection breaks."""
        request = self._request
        if request.cut_at is None:
            yield request.body
            return
        yield request.body[: request.cut_at]
        await asyncio.sleep(0)
        raise ConnectionResetError("the other end went away")


class Routes:
    """The calls' own routes, looked up as the router does."""

    def __init__(self, *calls: RunCalls | LogCalls | FileCalls) -> None:
        self._routes = [
            (
                route.method,
                re.compile(_SLOT.sub(r"(?P<\1>\2)", route.path)),
                cast("Handler", route.handler),
            )
            for each in calls
            for route in each.routes()
        ]

    def find(self, method: str, path: str) -> tuple[Handler, Mapping[str, str]]:
        """Return the handler of a request, or raise what the router raises."""
        for known, pattern, handler in self._routes:
            if known == method and (match := pattern.fullmatch(path)):
                return handler, match.groupdict()
        raise web.HTTPNotFound


class SimulatedHub:
    """A hub that can be killed at any call of its disk and started again."""

    def __init__(self, medium: Medium, *, loop: VirtualLoop, clock: VirtualClock) -> None:
        self.medium = medium
        self.faults = Faults()
        self.is_up = False
        self.generation = 0
        self.errors: list[str] = []
        self._loop = loop
        self._clock = clock
        self._tasks: dict[asyncio.Task[Answer], None] = {}
        self.disk = SimulatedDisk(medium, Faults())
        self.disk.make_directory(DATA)
        self.keys = KeyFile(DATA, disk=self.disk, clock=clock, entropy=medium.random.randbytes)

    def start(self) -> None:
        """Begin to answer, with nothing in memory."""
        self.generation += 1
        self.disk = SimulatedDisk(self.medium, self.faults, on_death=self._die)
        store = Store(DATA, disk=self.disk, limits=LIMITS)
        keys = KeyFile(DATA, disk=SimulatedDisk(self.medium, Faults()), clock=self._clock)
        memory = BodyMemory(LIMITS)
        self._guard = guard(keys, clock=self._clock)
        self._routes = Routes(
            RunCalls(store), LogCalls(store, memory, LIMITS), FileCalls(store, memory, LIMITS)
        )
        self.is_up = True

    def kill(self) -> None:
        """Die now: what is under way goes no further, nobody gets an answer."""
        self.disk.kill()
        self._die()

    def _die(self) -> None:
        self.is_up = False
        for task in list(self._tasks):
            task.cancel()

    async def serve(self, request: Request) -> Answer:
        """Answer a request; ConnectionResetError where the hub dies meanwhile, or is not there."""
        if not self.is_up:
            raise ConnectionRefusedError(111, "Connection refused")
        task = self._loop.create_task(self._answer(request))
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        await asyncio.wait([task])
        if task.cancelled():
            raise ConnectionResetError(104, "Connection reset by peer")
        error = task.exception()
        if isinstance(error, Killed):
            raise ConnectionResetError(104, "Connection reset by peer")
        if error is not None:
            raise error
        return task.result()

    def _ended(self, task: "asyncio.Task[Answer]") -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()

    async def _answer(self, request: Request) -> Answer:
        path = request.path.partition("?")[0]
        handler: Handler
        try:
            handler, match = self._routes.find(request.method, path)
        except web.HTTPNotFound as error:
            handler, match = _raise(error), {}
        asked = cast("web.Request", Asked(request, match))

        async def guarded(asked: web.Request) -> web.StreamResponse:
            return await self._guard(asked, handler)

        response = await refuse_in_words(asked, guarded)
        assert isinstance(response, web.Response)
        body = b"" if request.method == "HEAD" else response.body or b""
        assert isinstance(body, bytes)
        return Answer(response.status, response.headers, body)


def _raise(error: Exception) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        raise error

    return handler
