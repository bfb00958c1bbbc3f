"""The network between agents and a hub: it loses, delays, repeats, cuts and garbles what travels.

Also what stands in between: a captive portal, a proxy with an opinion. Never does what TCP and TLS
together rule out, such as to hand a hub the second half of a body alone.
"""

import asyncio
from collections.abc import Callable, Mapping
from random import Random

import aiohttp
from multidict import CIMultiDict
from simulation.hub import Request, SimulatedHub
from simulation.loop import VirtualLoop

from tidelog.syncd.agent.target.connections import Answer
from tidelog.syncd.checksum import request_checksum
from tidelog.syncd.protocol import CHECKSUM, CONTENT_DIGEST, DAMAGE, UPLOAD_OFFSET, digest_header

PORTAL = Answer(200, CIMultiDict({"Content-Type": "text/html"}), b"<html>Welcome to Hotel Wi-Fi</html>")
GATEWAY = Answer(502, CIMultiDict({"Content-Type": "text/html"}), b"<html>Bad Gateway</html>")
LONG_S = 1e9


class Weather:
    """How bad the network is now: chances for each request, windows of time for the rest."""

    def __init__(self) -> None:
        self.is_cut = self.is_portal = False
        self.lose_request = self.lose_answer = self.break_body = self.garble = 0.0
        self.bad_memory = 0.0
        self.repeat = self.cut_answer = self.slow = self.gateway = 0.0
        self.delay_s = 0.0
        self.slow_s = 0.0

    def clear(self) -> None:
        """Let all be well."""
        self.__init__()  # type: ignore[misc]


class Network:
    """Brings requests of one machine to the hub. `requests` counts what was tried."""

    def __init__(
        self,
        hub: SimulatedHub,
        weather: Weather,
        *,
        loop: VirtualLoop,
        random: Random,
        note: Callable[[str], None],
    ) -> None:
        self.requests = 0
        self.is_traced = False
        self.has_spoilt = False
        """Whether bad memory ever changed a body before its checksums were made."""
        self._note = note
        self._hub = hub
        self._weather = weather
        self._loop = loop
        self._random = random
        self._stray: dict[asyncio.Task[None], None] = {}

    async def exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """Send a request; raises what aiohttp raises."""
        self.requests += 1
        weather = self._weather
        request = Request(method, url[url.index("/", 8) :], body, headers)
        if weather.is_cut:
            if self._has_luck(0.5):
                await asyncio.sleep(LONG_S)
            raise aiohttp.ClientConnectionError("no route to host")
        if weather.is_portal:
            return PORTAL
        if self._has_luck(weather.gateway):
            return GATEWAY
        if self._has_luck(weather.lose_request):
            await self._be_lost()
        if body and self._has_luck(weather.break_body):
            request.cut_at = self._random.randrange(len(body))
        elif body and self._has_luck(weather.garble):
            request.body = self._garbled(body)
        elif self._may_be_spoiled(request) and self._has_luck(weather.bad_memory):
            # Before the checksums were made: neither end can tell, and what is stored must be sound.
            self.has_spoilt = True
            request.body = self._garbled(body)
            request.headers[CONTENT_DIGEST] = digest_header(request.body)
            request.headers[CHECKSUM] = request_checksum(method, request.path, request.headers)
        if self._has_luck(weather.repeat):
            self._send_later(request)
        # What got through goes on, whether or not anybody still waits for the answer.
        serving = self._loop.create_task(self._deliver(request))
        self._stray[serving] = None
        serving.add_done_callback(self._stray.pop)
        try:
            answer = await asyncio.shield(serving)
        except (ConnectionError, ValueError) as error:
            raise aiohttp.ClientOSError(*error.args) from error
        if answer is None:
            raise aiohttp.ServerDisconnectedError
        if self._has_luck(weather.lose_answer):
            await self._be_lost()
        await self._travel()
        if self._has_luck(weather.cut_answer):
            raise aiohttp.ClientPayloadError("Response payload is not completed")
        return answer

    def _may_be_spoiled(self, request: Request) -> bool:
        """Of bytes that are damaged already nobody can tell what bad memory makes of them."""
        return bool(request.body) and request.method == "PATCH" and DAMAGE not in request.headers

    async def close(self) -> None:
        """Hold no connection."""

    async def _deliver(self, request: Request) -> Answer | None:
        await self._travel()
        return await self._serve(request)

    async def _serve(self, request: Request) -> Answer | None:
        try:
            answer = await self._hub.serve(request)
        except ConnectionError:
            answer = None
        if self.is_traced:
            offset = request.headers.get(UPLOAD_OFFSET, "")
            said = "nothing" if answer is None else f"{answer.status} {answer.body[:200]!r}"
            self._note(
                f"{self._loop.time():10.3f}    {request.method} {request.path} {offset}"
                f" +{len(request.body)}: {said}"
            )
        return answer

    async def _travel(self) -> None:
        weather = self._weather
        delay_s = self._random.random() * weather.delay_s
        if self._has_luck(weather.slow):
            delay_s += self._random.random() * weather.slow_s
        if delay_s:
            await asyncio.sleep(delay_s)

    async def _be_lost(self) -> None:
        """Nobody hears of it again, or the connection is reset."""
        if self._has_luck(0.5):
            await asyncio.sleep(LONG_S)
        raise aiohttp.ClientOSError(104, "Connection reset by peer")

    def _send_later(self, request: Request) -> None:
        """A proxy tries a request again that had got through."""

        async def send() -> None:
            await asyncio.sleep(self._random.random() * self._weather.slow_s)
            await self._serve(request)

        task = self._loop.create_task(send())
        self._stray[task] = None
        task.add_done_callback(self._stray.pop)

    def _garbled(self, body: bytes) -> bytes:
        data = bytearray(body)
        if self._has_luck(0.3):
            return bytes(data[: self._random.randrange(len(data))])
        data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
        return bytes(data)

    def _has_luck(self, chance: float) -> bool:
        return chance > 0.0 and self._random.random() < chance
