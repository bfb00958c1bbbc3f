"""A real hub on loopback, in a thread of its own, and what it takes to speak to it byte by byte."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from log_spec import LOG_ID
from waiting import PATIENCE_S, until

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.read.entry import Known
from tidelog.syncd.hub.server import HubServer, Listen
from tidelog.syncd.hub.web.address import RunAddress
from tidelog.syncd.protocol import WireLimits, digest_header, encode_damage, log_path


@dataclass(frozen=True)
class Answer:
    """What the hub answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def slug(self) -> str:
        """The problem's code; its form is checked on the way."""
        assert "application/problem+json" == self.headers.get_content_type()
        document = self.json
        assert self.status == document["status"]
        assert document["title"]
        assert document["detail"]
        return str(document["type"]).removeprefix("tag:tidelog,2026:")


class RunningHub:
    """A hub between `start` and `stop`, and a key that opens everything."""

    def __init__(self, data: Path, limits: HubLimits, disk: Disk, clock: Clock, **settings: Any) -> None:
        self.data = data
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.server = HubServer(
            data, listen=Listen("127.0.0.1", 0), limits=limits, disk=disk, clock=clock, **settings
        )
        try:
            self._do(self.server.start())
        except BaseException:
            self._end()
            raise
        self.key = self.server.keys.create("test", role="admin")

    def stop(self) -> None:
        """Stop it; again is without effect."""
        if self._loop.is_closed():
            return
        self.stop_now()
        self._end()

    def stop_now(self) -> None:
        """Stop the hub before the end of the test."""
        self._do(self.server.stop())

    @property
    def port(self) -> int:
        return self.server.listen.port

    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self.server.connections or ())

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        key: str | None = "",
    ) -> Answer:
        """Send one request, with a digest of its body unless `headers` says otherwise."""
        fields = {} if key is None else {"Authorization": f"Bearer {key or self.key}"}
        if body is not None:
            fields["Content-Digest"] = digest_header(body)
        fields |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            sent = {name: value for name, value in fields.items() if value != "-"}
            connection.request(method, path, body, sent)
            with connection.getresponse() as response:
                return Answer(response.status, response.headers, response.read())

    def append(
        self,
        offset: int,
        data: bytes,
        *damage: tuple[int, int],
        name: tuple[str, str, str] = ("mnist", "r1", "main.0001.tlog"),
        log_id: bytes = LOG_ID,
        headers: dict[str, str] | None = None,
        key: str = "",
    ) -> Answer:
        fields = {"Upload-Offset": str(offset), "Tidelog-Log-Id": log_id.hex()}
        if damage:
            fields["Tidelog-Damage"] = encode_damage(damage)
        return self.call("PATCH", log_path(*name), data, fields | (headers or {}), key=key)

    def index(self) -> None:
        """Let the index hold the runs that lie in the data folder, though they came past the hub."""
        reading = self.server._reading
        assert reading is not None
        for log in self.data.glob("*/*/*.tlog"):
            run = RunAddress(*log.parent.relative_to(self.data).parts)
            self._loop.call_soon_threadsafe(lambda run=run: reading.upkeep.arrived(run, is_file=True))
            until(
                lambda log=log, run=run: (
                    (known := reading.index.known(run))
                    and (log.name, log.stat().st_size) in sizes_of(known)
                )
            )

    def raw(self, data: bytes) -> bytes:
        """Send bytes as they are and return all that comes until the hub closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as connection:
            connection.sendall(data)
            received = b""
            while block := connection.recv(65536):
                received += block
        return received

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _settle(self) -> None:
        """Let connections that came in the last moment, or are being closed, come to their end."""
        for _ in range(20):
            for connection in self.server.connections.all() if self.server.connections else []:
                connection.abort()
            await asyncio.sleep(0)

    def _end(self) -> None:
        self._do(self._settle())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def sizes_of(known: Known) -> list[tuple[str, int]]:
    return [(log.name, log.size) for log in known.entry.logs]


StartHub = Callable[..., RunningHub]


@pytest.fixture
def start_hub(tmp_path: Path) -> Iterator[StartHub]:
    """Start hubs with any limits; they are stopped at the end."""
    with contextlib.ExitStack() as stack:

        def start(
            *,
            data: Path = tmp_path / "hub",
            disk: Disk | None = None,
            clock: Clock | None = None,
            wire: dict[str, int] | None = None,
            settings: dict[str, Any] | None = None,
            **limits: Any,
        ) -> RunningHub:
            # A list has what came before it, however busy the machine is.
            limits = {"refresh_interval_s": 0.02, "new_runs_wait_s": 5.0, **limits}
            table = replace(HubLimits(), wire=replace(WireLimits(), **(wire or {})), **limits)
            hub = RunningHub(data, table, disk or Disk(), clock or Clock(), **(settings or {}))
            stack.callback(hub.stop)
            return hub

        yield start


@pytest.fixture
def hub(start_hub: StartHub) -> RunningHub:
    return start_hub()
