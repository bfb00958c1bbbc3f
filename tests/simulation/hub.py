"""A hub in the simulation: the real guard, handlers, store and replica on a simulated disk.

Only aiohttp's server is left out: what it hands to a handler, `Asked` stands in for.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from aiohttp.typedefs import Middleware
from multidict import CIMultiDict
from simulation.disk import Faults, SimulatedDisk
from simulation.loop import Killed, VirtualClock, VirtualLoop
from simulation.medium import Medium
from yarl import URL

from tidelog.syncd.agent.target.connections import Answer
from tidelog.syncd.bodies import decode_batch, decode_missing
from tidelog.syncd.hub.app import make_app
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.hub_settings import HubSettings
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.page.runs_from_index import RunsFromIndex
from tidelog.syncd.hub.pages import PageParts
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.shares.shares import Shares
from tidelog.syncd.hub.signin.cookies import Cookies
from tidelog.syncd.hub.signin.sessions import Sessions
from tidelog.syncd.hub.web.address import file_of, log_of, run_of
from tidelog.syncd.protocol import UPLOAD_COMPLETE, UPLOAD_OFFSET

if TYPE_CHECKING:
    from tidelog.syncd.hub.read.reading import Reading

DATA = "/hub"
LIMITS = HubLimits(body_wait_s=5.0, stall_s=20.0)

# Nobody reads in the simulation, and the index is LMDB's, whose disk is the kernel's.
UNREAD = cast(
    "Reading",
    SimpleNamespace(
        upkeep=SimpleNamespace(arrived=lambda run, *, is_file: None),
        changes=None,
    ),
)

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
        self.remote = "192.0.2.7"
        self.rel_url = URL(request.path, encoded=True)
        self.query = self.rel_url.query
        self.headers = request.headers
        self.match_info = match
        self.content_length = len(request.body)
        self.content = self
        self._request = request
        self._rest = request.body[: request.cut_at]

    async def readany(self) -> bytes:
        """Return the body at once, then nothing; or as much as comes before the connection breaks."""
        request = self._request
        body, self._rest = self._rest, b""
        if body or request.cut_at is None:
            return body
        await asyncio.sleep(0)
        raise ConnectionResetError("the other end went away")


class Match(dict[str, str]):
    """What a path holds, and the route that it led to."""

    def __init__(self, parts: Mapping[str, str], route: web.AbstractRoute | None) -> None:
        super().__init__(parts)
        self.route = route


class Routes:
    """The application's own routes and middlewares, without aiohttp's server around them."""

    def __init__(self, app: web.Application) -> None:
        self._middlewares = [cast("Middleware", each) for each in app.middlewares]
        self._routes: list[tuple[web.AbstractRoute, re.Pattern[str]]] = []
        for route in app.router.routes():
            info = route.resource.get_info() if route.resource is not None else {}
            pattern = info.get("pattern") or re.compile(re.escape(info.get("path", "")))
            self._routes.append((route, pattern))

    async def answer(self, request: Request) -> web.StreamResponse:
        """Answer as the application does."""
        path = request.path.partition("?")[0]
        handler, match = self._find(request.method, path)
        for middleware in reversed(self._middlewares):
            handler = partial(middleware, handler=handler)
        return await handler(cast("web.Request", Asked(request, match)))

    def _find(self, method: str, path: str) -> tuple[Handler, Match]:
        for route, pattern in self._routes:
            if route.method == method and (match := pattern.fullmatch(path)):
                return cast("Handler", route.handler), Match(match.groupdict(), route)
        return _not_found, Match({}, None)


async def _not_found(_: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


class SimulatedHub:
    """A hub that can be killed at any call of its disk and started again."""

    def __init__(self, medium: Medium, *, loop: VirtualLoop, clock: VirtualClock) -> None:
        self.medium = medium
        self.faults = Faults()
        self.is_up = False
        self.generation = 0
        self.held_logs: dict[str, int] = {}
        self.held_files: dict[str, set[str]] = {}
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
        store = Store(DATA, disk=self.disk, clock=self._clock, limits=LIMITS)
        keys = KeyFile(DATA, disk=SimulatedDisk(self.medium, Faults()), clock=self._clock)
        page = self._page_parts(keys)
        self._routes = Routes(make_app(store, UNREAD, keys, page, clock=self._clock, limits=LIMITS))
        self.is_up = True

    def _page_parts(self, keys: KeyFile) -> PageParts:
        """A page that nobody looks at, on a disk that never fails."""
        seams: dict[str, Any] = {"disk": SimulatedDisk(self.medium, Faults()), "clock": self._clock}
        return PageParts(
            RunsFromIndex(UNREAD),
            Sessions(f"{DATA}/.hub", limits=LIMITS, **seams),
            Cookies(is_secure=False),
            Shares(DATA, keys, limits=LIMITS, **seams),
            HubSettings(),
            lambda _: "http://hub.example",
        )

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
        response = await self._routes.answer(request)
        assert isinstance(response, web.Response)
        body = b"" if request.method == "HEAD" else response.body or b""
        assert isinstance(body, bytes)
        if response.status == 200:
            self._note_acknowledged(request, response.headers, body)
        return Answer(response.status, response.headers, body)

    def _note_acknowledged(self, request: Request, headers: Mapping[str, str], body: bytes) -> None:
        """Keep what this answer promises, for the oracle."""
        path = request.path.partition("?")[0]
        if request.method == "PATCH" and "/logs/" in path:
            place = "/".join((DATA, *log_of(path)))
            self.held_logs[place] = max(self.held_logs.get(place, 0), int(headers[UPLOAD_OFFSET]))
        elif request.method == "PATCH" and headers[UPLOAD_COMPLETE] == "?1":
            sha256 = request.path.partition("?sha256=")[2]
            self.held_files.setdefault("/".join((DATA, *file_of(path))), set()).add(sha256)
        elif path.endswith("/files:batch"):
            for file in decode_batch(request.body, files_max=1000):
                place = "/".join((DATA, *run_of(path), file.path))
                self.held_files.setdefault(place, set()).add(file.sha256)
        elif path.endswith("/files:missing"):
            missing = json.loads(body)["missing"]
            for entry in decode_missing(request.body, files_max=1000):
                if entry.path not in missing:
                    place = "/".join((DATA, *run_of(path), entry.path))
                    self.held_files.setdefault(place, set()).add(entry.sha256)
