"""The calls about logs: how far one is held, append to it, read it."""

from aiohttp import web

from tidelog.datastore.replica_logs import HeldLog
from tidelog.syncd.hub.guard.guard import account_of
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.web.address import LOG_ROUTE, log_of
from tidelog.syncd.hub.web.answers import INERT, json_answer, nothing_at
from tidelog.syncd.hub.web.body import BodyMemory
from tidelog.syncd.hub.web.download import send
from tidelog.syncd.protocol import (
    DAMAGE,
    LOG_ID,
    REPR_DIGEST,
    UPLOAD_OFFSET,
    decode_damage,
    decode_integer,
    decode_log_id,
    encode_digest,
)


class LogCalls:
    """HEAD, PATCH and GET of a log."""

    def __init__(self, store: Store, memory: BodyMemory, limits: HubLimits) -> None:
        self._store = store
        self._memory = memory
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [
            web.head(LOG_ROUTE, self.head),
            web.patch(LOG_ROUTE, self.patch),
            web.get(LOG_ROUTE, self.get, allow_head=False),
        ]

    async def head(self, request: web.Request) -> web.Response:
        """Tell how far a log is held, whose it is, and the digest of what is held."""
        held = await self._held(request)
        return web.Response(headers=_headers(held))

    async def patch(self, request: web.Request) -> web.Response:
        """Append whole chunks."""
        address = log_of(request.rel_url.raw_path)
        offset = decode_integer(UPLOAD_OFFSET, request.headers.get(UPLOAD_OFFSET))
        log_id = decode_log_id(request.headers.get(LOG_ID))
        damage = decode_damage(
            request.headers.get(DAMAGE), ranges_max=self._limits.wire.damage_ranges_max
        )
        async with self._memory.receive(request) as body:
            held = await self._store.append(address, body, offset=offset, log_id=log_id, damage=damage)
        return json_answer({"upload_offset": held}, headers={UPLOAD_OFFSET: str(held)})

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Send what is held of a log."""
        address = log_of(request.rel_url.raw_path)
        held = await self._held(request)
        blocks = self._store.read_log(address, end=held.offset)
        return await send(request, blocks, size=held.offset, headers=_headers(held))

    async def _held(self, request: web.Request) -> HeldLog:
        address = log_of(request.rel_url.raw_path)
        held = await self._store.held_log(address, by=account_of(request))
        if held is None:
            raise nothing_at(request)
        return held


def _headers(held: HeldLog) -> dict[str, str]:
    return {
        **INERT,
        UPLOAD_OFFSET: str(held.offset),
        LOG_ID: held.log_id.hex(),
        REPR_DIGEST: encode_digest(held.sha256),
    }
