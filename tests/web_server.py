"""A real web server on loopback: serves a folder with parts of files and pages of links, and counts."""

import asyncio
import ssl
import threading
from asyncio.trsock import TransportSocket
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from aiohttp import web
from waiting import PATIENCE_S

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Request(NamedTuple):
    """One request as it was answered."""

    method: str
    path: str
    range: str | None
    size: int


class WebServer:
    """A context manager; `url` is its address, `requests` what it answered, in order.

    Below `/runs` lies `folder`, at the paths of `pages` whatever these handlers answer.
    """

    def __init__(
        self,
        folder: Path,
        *,
        pages: dict[str, Handler] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self._folder = folder
        self._pages = pages or {}
        self._tls = tls
        self._port = 0
        self._sockets: set[TransportSocket] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(PATIENCE_S), "the web server did not start"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self._port}"

    @property
    def bytes_sent(self) -> int:
        return sum(request.size for request in self.requests if request.method == "GET")

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        for path, handler in self._pages.items():
            app.router.add_get(path, handler)
        app.router.add_static("/runs", self._folder, show_index=True)
        app.on_response_prepare.append(self._count)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "localhost", 0, ssl_context=self._tls)
        await site.start()
        self._port = runner.addresses[0][1]
        self._started.set()
        await self._stop.wait()
        await runner.cleanup()
        await self._end_connections()

    async def _end_connections(self) -> None:
        """Let TLS say its farewells: a loop that ends before leaves sockets open."""
        async with asyncio.timeout(PATIENCE_S):
            while any(socket.fileno() >= 0 for socket in self._sockets):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.005)

    async def _count(self, request: web.Request, response: web.StreamResponse) -> None:
        assert request.transport is not None
        self._sockets.add(request.transport.get_extra_info("socket"))
        size = response.content_length or 0
        self.requests.append(Request(request.method, request.path, request.headers.get("Range"), size))
