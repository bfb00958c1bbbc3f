"""Serves the metrics of a daemon where it was asked to, to whoever can connect: there is no key.

Whatever happens here, the uploads go on: a port that is taken is told, and that is all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tidelog.datastore.clock import Clock
from tidelog.syncd.listen import Listen

if TYPE_CHECKING:
    from aiohttp import web

PATH = "/metrics"
FRESH_S = 1.0
"""However many ask, the status is written once in so many seconds."""
STOP_S = 1.0


class MetricsServer:
    """Listens between `listen` with an address and `close`, or `listen` with another one or None."""

    def __init__(
        self,
        status: Callable[[], Awaitable[Mapping[str, Any]]],
        *,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self.url: str | None = None
        self._status = status
        self._clock = clock
        self._tell = tell
        self._address: Listen | None = None
        self._runner: web.AppRunner | None = None
        self._writing = asyncio.Lock()
        self._written: tuple[float, bytes] | None = None

    async def listen(self, address: Listen | None) -> None:
        """Serve at an address, or nowhere. Where that fails it is told; the next call tries again."""
        if address == self._address and self.url is not None:
            return
        await self.close()
        self._address = address
        if address is None:
            return
        # A daemon that nobody asks for metrics loads neither a web server nor the format.
        from aiohttp import web

        app = web.Application()
        app.router.add_get(PATH, self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, address.host, address.port).start()
        except OSError as error:
            await self.close()
            self._tell(
                f"no metrics at {address}: {error.strerror or error}; uploads go on. Give --metrics "
                "another address, or free this one and send SIGHUP"
            )
            return
        self.url = f"http://{Listen(*self._runner.addresses[0][:2])}{PATH}"

    async def close(self) -> None:
        """Stop listening."""
        self.url = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: "web.Request") -> "web.Response":
        del request
        from aiohttp import web

        from tidelog.syncd.agent.daemon.metrics import CONTENT_TYPE_PLAIN_0_0_4, exposition

        async with self._writing:
            now = self._clock.monotonic()
            if self._written is None or now - self._written[0] > FRESH_S:
                status = await self._status()
                text = await asyncio.to_thread(exposition, status, version=version("tidelog"))
                self._written = (now, text)
            return web.Response(
                body=self._written[1], headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
            )
