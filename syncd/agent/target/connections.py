"""How a request gets to a hub and its answer back: one pool of connections, every answer bounded.

Knows nothing of the protocol: what an answer means, `hub_client.py` says.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

import aiohttp
from yarl import URL

from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.errors import ProtocolError

ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024
FAILURE_BYTES_MAX: Final = 64 * 1024


class Answer(NamedTuple):
    """An answer as it came, whoever gave it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections(Protocol):
    """The seam between a target and the network."""

    async def exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """Send a request and return its answer; raises aiohttp.ClientError, OSError, ValueError."""

    async def close(self) -> None:
        """Let go of all connections."""


class HttpConnections:
    """Connections by aiohttp, kept open between requests. Open and close them inside one event loop."""

    def __init__(self, *, is_proxied: bool, settings: AgentSettings) -> None:
        """`is_proxied` says that the environment's proxies are asked."""
        self._is_proxied = is_proxied
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """Send a request and return its answer, whatever its status."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                trust_env=self._is_proxied,
                connector=aiohttp.TCPConnector(limit=self._settings.tasks_max + 1),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._settings.connect_timeout_s),
            )
        # The address is encoded already; encoding it again would name something else.
        async with self._session.request(
            method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
        ) as response:
            limit = ANSWER_BYTES_MAX if response.status // 100 == 2 else FAILURE_BYTES_MAX
            taken = bytearray()
            async for block in response.content.iter_any():
                taken += block
                if len(taken) > limit:
                    raise ProtocolError(f"an answer of more than {limit} bytes")
            return Answer(response.status, response.headers, bytes(taken))

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
