"""The calls about share links of a run: list, make, revoke. For who may write there."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import msgspec
from aiohttp import web

from tidelog.syncd.errors import ProtocolError
from tidelog.syncd.hub.guard.grants import WRITE
from tidelog.syncd.hub.guard.guard import actor_of, demand
from tidelog.syncd.hub.limits import DAY_S, HubLimits
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.shares.share import SHARE_PREFIX, share_document
from tidelog.syncd.hub.shares.shares import Shares
from tidelog.syncd.hub.web.address import SHARE_END_ROUTE, SHARES_ROUTE, run_of
from tidelog.syncd.hub.web.answers import json_answer, nothing_at
from tidelog.syncd.hub.web.body import receive_json


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    expires_in_s: Annotated[float, msgspec.Meta(gt=0)] | None = None


class ShareCalls:
    """GET and POST of the links of a run, POST of the end of one."""

    def __init__(
        self, shares: Shares, store: Store, limits: HubLimits, address: Callable[[web.Request], str]
    ) -> None:
        self._shares = shares
        self._store = store
        self._limits = limits
        self._address = address

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [
            web.get(SHARES_ROUTE, self.list, allow_head=False),
            web.post(SHARES_ROUTE, self.make),
            web.post(SHARE_END_ROUTE, self.revoke),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """List the links that are good now; never the links themselves."""
        demand(request, WRITE)
        shares = self._shares.of(run_of(request.rel_url.raw_path))
        return json_answer({"shares": [share_document(share) for share in shares]})

    async def make(self, request: web.Request) -> web.Response:
        """Make a link and show it, this one time."""
        caller = demand(request, WRITE)
        run = run_of(request.rel_url.raw_path)
        life_s = self._life_s(await receive_json(request, self._limits))
        if not await self._store.blocking(lambda: self._store.trash.has_run(run)):
            raise nothing_at(request)
        secret, share = await asyncio.to_thread(
            lambda: self._shares.make(run, life_s, caller=caller, by=actor_of(request))
        )
        url = f"{self._address(request)}{SHARE_PREFIX}{secret}"
        return json_answer({**share_document(share), "url": url}, status=201)

    async def revoke(self, request: web.Request) -> web.Response:
        """Let a link open nothing from now on."""
        demand(request, WRITE)
        run, share_id = run_of(request.rel_url.raw_path), request.match_info["share"]
        was_there = await asyncio.to_thread(
            lambda: self._shares.revoke(run, share_id, by=actor_of(request))
        )
        if not was_there:
            raise nothing_at(request)
        return json_answer({"id": share_id, "revoked": True})

    def _life_s(self, body: bytes) -> float:
        try:
            wanted = msgspec.json.decode(body, type=_Wanted) if body else _Wanted()
        except msgspec.DecodeError as error:
            raise ProtocolError(f"the body is not what makes a share link: {error}") from error
        life_s, life_s_max = wanted.expires_in_s, self._limits.share_life_s_max
        if life_s is not None and life_s > life_s_max:
            days, days_max = life_s / DAY_S, life_s_max / DAY_S
            raise ProtocolError(
                f"a link for {days:.6g} days was asked for; "
                f"the limit is {days_max:g} ({life_s_max:.0f} s)"
            )
        return self._limits.share_life_s if life_s is None else life_s
