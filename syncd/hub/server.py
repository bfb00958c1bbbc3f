"""A running hub: one data folder, one address, from start to a graceful end.

Holds the folder's lock, so that no second hub appends to the same logs.
"""

import asyncio
import fcntl
import logging
import math
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import lmdb
from aiohttp import web

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import DatastoreError
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.hub.app import make_app
from tidelog.syncd.hub.door import Door, within_descriptors
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.hub_settings import HubSettings, read_hub_settings
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.own_folder import HUB_DIRECTORY, LOCK_FILE
from tidelog.syncd.hub.page.runs_from_index import RunsFromIndex
from tidelog.syncd.hub.pages import PageParts
from tidelog.syncd.hub.read.reading import Reading
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.remove.deletion import Deletion
from tidelog.syncd.hub.shares.shares import Shares
from tidelog.syncd.hub.signin.cookies import Cookies
from tidelog.syncd.hub.signin.sessions import Sessions
from tidelog.syncd.hub.tls import Tls, TlsFiles
from tidelog.syncd.hub.web.connections import Connections
from tidelog.syncd.hub.web.proxy import behind_proxy
from tidelog.syncd.listen import Listen

logger = logging.getLogger("tidelog.hub")

# Bytes that are no HTTP are the sender's fault and end with 400; aiohttp would log a traceback of each.
_quiet = logging.getLogger("tidelog.hub.http")
_quiet.disabled = True


class HubServer:
    """A hub that accepts requests between `start` and `stop`, or inside `async with`."""

    def __init__(
        self,
        data: StrPath,
        *,
        listen: Listen,
        disk: Disk | None = None,
        clock: Clock | None = None,
        limits: HubLimits | None = None,
        tls: TlsFiles | None = None,
        is_behind_proxy: bool = False,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.data = os.path.abspath(data)
        self.listen = listen
        self._disk = disk or Disk()
        self._clock = clock or Clock()
        self._limits = limits or HubLimits()
        self._environ = environ
        self._is_behind_proxy = is_behind_proxy
        self._tls_files = tls
        self._tls: Tls | None = None
        self._settings = HubSettings()
        self.keys = KeyFile(data, disk=self._disk, clock=self._clock, limits=self._limits)
        self._lock: int | None = None
        self._store: Store | None = None
        self._reading: Reading | None = None
        self._runner: web.AppRunner | None = None
        self._door: Door | None = None
        self.connections: Connections | None = None
        self._chores: asyncio.Future[Any] | None = None

    def __repr__(self) -> str:
        state = "stopped" if self._runner is None else f"on {self.listen}"
        return f"<HubServer of {self.data}, {state}>"

    @property
    def url(self) -> str:
        """The address under which the hub is reached."""
        return f"{'http' if self._tls_files is None else 'https'}://{self.listen}"

    @property
    def _is_reached_by_tls(self) -> bool:
        public_url = self._settings.public_url or self.url
        return self._is_behind_proxy or public_url.startswith("https:")

    def _address_for(self, request: web.Request) -> str:
        """Return the address by which browsers reach the hub: the one set, else as it was reached."""
        if self._settings.public_url is not None:
            return self._settings.public_url
        return f"{'https' if self._is_reached_by_tls else 'http'}://{request.host}"

    async def start(self) -> None:
        """Accept requests. Raises CannotStartError, and holds nothing, where that cannot be."""
        try:
            self._take_folder()
            self.keys.keys()
            directory = os.path.join(self.data, HUB_DIRECTORY)
            self._settings = read_hub_settings(directory, self._environ, disk=self._disk)
            self._tls = None if self._tls_files is None else Tls(self._tls_files, disk=self._disk)
            self._store = Store(
                self.data,
                disk=self._disk,
                clock=self._clock,
                limits=self._limits,
                quota_of=self.keys.quota_of,
            )
            self._reading = self._open_reading()
            await self._reading.start()
            await self._accept(self._store, self._reading)
            self._chores = asyncio.gather(self._do_chores(self._store), self._look_at_certificate())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Let requests in progress end, accept no other, and give the folder back."""
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._chores is not None:
            self._chores.cancel()
            await asyncio.gather(self._chores, return_exceptions=True)
            self._chores = None
            await asyncio.to_thread(self._write_last_use)
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._reading is not None:
            await self._reading.stop()
            self._reading = None
        if self._lock is not None:
            self._disk.close(self._lock)
            self._lock = None

    async def __aenter__(self) -> "HubServer":
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _do_chores(self, store: Store) -> None:
        """Now and then write down when keys were used, and look through the trash."""
        deletion = Deletion(store, self.keys.audit, clock=self._clock)
        swept_at = -math.inf
        while True:
            if self._clock.monotonic() - swept_at >= self._limits.sweep_interval_s:
                swept_at = self._clock.monotonic()
                try:
                    await deletion.tidy(self._limits.trash_kept_s)
                except (OSError, ValueError, KeyError, DatastoreError) as error:
                    logger.warning("the trash of %s cannot be looked through: %s", self.data, error)
            await asyncio.to_thread(self._write_last_use)
            await asyncio.sleep(self._limits.last_use_interval_s)

    async def _look_at_certificate(self) -> None:
        """Take up another certificate when its files have changed."""
        while self._tls is not None:
            await asyncio.sleep(self._limits.tls_look_s)
            if await asyncio.to_thread(self._tls.look):
                logger.warning("took up a new certificate")

    def _page_parts(self, reading: Reading) -> PageParts:
        directory = os.path.join(self.data, HUB_DIRECTORY)
        seams: dict[str, Any] = {"disk": self._disk, "clock": self._clock}
        sessions = Sessions(directory, limits=self._limits, **seams)
        shares = Shares(self.data, self.keys, limits=self._limits, **seams)
        # A file that cannot be read is told at the start, not to the first who comes.
        sessions.file.entries()
        shares.file.entries()
        return PageParts(
            RunsFromIndex(reading),
            sessions,
            Cookies(is_secure=self._is_reached_by_tls),
            shares,
            self._settings,
            self._address_for,
        )

    def _write_last_use(self) -> None:
        try:
            self.keys.last_use.write({key.id for key in self.keys.book().keys})
        except (OSError, CannotStartError) as error:
            logger.warning("when keys were used last cannot be written: %s", error)

    def _take_folder(self) -> None:
        directory = os.path.join(self.data, HUB_DIRECTORY)
        try:
            self._disk.make_directory(self.data)
            self._disk.make_directory(directory, mode=0o700)
            self._lock = self._disk.open_update(os.path.join(directory, LOCK_FILE), mode=0o600)
        except OSError as error:
            raise CannotStartError(
                f"the data folder {self.data} cannot be written: {error.strerror}; choose another "
                "with --data"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotStartError(
                f"another hub serves {self.data} already; stop it first, or choose another --data"
            ) from error

    def _open_reading(self) -> Reading:
        try:
            return Reading(self.data, disk=self._disk, clock=self._clock, limits=self._limits)
        except (OSError, lmdb.Error) as error:
            raise CannotStartError(
                f"the index of runs below {self.data} can neither be opened nor made anew: {error}"
            ) from error

    async def _accept(self, store: Store, reading: Reading) -> None:
        limits = within_descriptors(self._limits)
        self.connections = connections = Connections(limits)
        page = self._page_parts(reading)
        app = make_app(store, reading, self.keys, page, clock=self._clock, limits=limits)
        # The outermost: a request counts as being answered until its answer is signed.
        app.middlewares.insert(0, connections.counting())
        app.middlewares.append(connections.proving())
        if self._is_behind_proxy:
            app.middlewares.insert(0, behind_proxy)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_quiet,
            auto_decompress=False,
            keepalive_timeout=limits.idle_s,
            lingering_time=limits.linger_s,
            max_field_size=limits.header_bytes_max,
            max_headers=limits.headers_max,
            shutdown_timeout=limits.shutdown_s,
        )
        await self._runner.setup()
        assert self._runner.server is not None  # noqa: S101 - it was set up just now
        self._door = Door(connections, limits=limits)
        context = None if self._tls is None else self._tls.context
        try:
            port = await self._door.open(self._runner.server, self.listen, ssl_context=context)
        except OSError as error:
            raise CannotStartError(
                f"the hub cannot listen on {self.listen}: {error.strerror or error}; choose another "
                "address with --listen"
            ) from error
        self.listen = Listen(self.listen.host, port)
