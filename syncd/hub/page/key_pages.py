"""The page of one's own keys: what each may, when it was used last; made and revoked there.

For who signed in by single sign-on it is the way to a key; of others it asks what the API asks.
"""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from aiohttp import web

from tidelog.datastore.clock import Clock
from tidelog.syncd.errors import FORBIDDEN, ProblemError
from tidelog.syncd.hub.guard.accounts import Caller, may_manage
from tidelog.syncd.hub.guard.book import Book
from tidelog.syncd.hub.guard.grants import Grant
from tidelog.syncd.hub.guard.guard import CALLER, actor_of
from tidelog.syncd.hub.guard.key_document import reach_of
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.guard.keys import Key
from tidelog.syncd.hub.limits import DAY_S
from tidelog.syncd.hub.page.rendering import Rendering, see_other
from tidelog.syncd.hub.signin.door import Door
from tidelog.syncd.hub.signin.form import FORM, days_in
from tidelog.syncd.hub.signin.way_back import KEYS
from tidelog.syncd.hub.web.answers import nothing_at
from tidelog.syncd.hub.web.own_door import page_route

DAYS, DAYS_MAX = 90, 366


class KeyLine(NamedTuple):
    """A key as the page shows it."""

    name: str
    id: str
    reach: str
    used: float | None
    expires: float | None


class KeyPages:
    """GET of one's own keys that are good, POST of a new one, POST of the end of one."""

    def __init__(self, keys: KeyFile, door: Door, rendering: Rendering, *, clock: Clock) -> None:
        self._keys = keys
        self._door = door
        self._rendering = rendering
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        form = self._door.form
        return [
            page_route("GET", KEYS, self._door.signed_in(self.list), "keys"),
            page_route("POST", KEYS, form(self.make), "make-key"),
            page_route("POST", KEYS + "/{id:[0-9a-f]{12}}/revoke", form(self.revoke), "revoke-key"),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Show the keys of the visitor's account."""
        return await self._page(request)

    async def make(self, request: web.Request) -> web.StreamResponse:
        """Make a key of the visitor's account and show it, this one time."""
        caller, form = request[CALLER], request[FORM]
        if not _may_make(caller):
            raise ProblemError(
                FORBIDDEN,
                "who signed in by a key makes others only where that key is admin of all that they "
                "reach; ask an admin, or sign in by single sign-on",
            )
        life_s = days_in(form, DAYS_MAX, of="a key") * DAY_S
        account, by = caller.account.name, actor_of(request)
        _, secret = await asyncio.to_thread(
            lambda: self._keys.create_for(
                form.get("name", ""),
                account=account,
                grants=_narrowed(caller),
                expires_in_s=life_s,
                seen=lambda _, key: key.account == account,
                by=by,
            )
        )
        return await self._page(request, fresh=secret)

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """Let a key of the visitor's account open nothing from now on."""
        caller, book = request[CALLER], self._keys.book()
        key = book.key_by_id(request.match_info["id"])
        if key is None or not _is_own(caller, book, key):
            raise nothing_at(request)
        by = actor_of(request)
        await asyncio.to_thread(lambda: self._keys.revoke_id(key.id, by=by))
        return see_other(KEYS)

    async def _page(self, request: web.Request, *, fresh: str | None = None) -> web.Response:
        caller, book, now = request[CALLER], self._keys.book(), self._clock.now()
        used = await asyncio.to_thread(self._keys.last_use.times)
        keys = [k for k in book.keys if k.is_active(now) and _is_own(caller, book, k)]
        return self._rendering.answer(
            "keys.html",
            keys=[
                KeyLine(k.name, k.id, _said(reach_of(book, k)), used.get(k.id), k.expires) for k in keys
            ],
            may_make=_may_make(caller),
            reach=_said(_reach(caller)),
            fresh=fresh,
            days=DAYS,
            days_max=DAYS_MAX,
            visitor=self._door.visitor(request),
        )


def _may_make(caller: Caller) -> bool:
    return may_manage(caller, caller.account, _reach(caller))


def _is_own(caller: Caller, book: Book, key: Key) -> bool:
    is_own = key.account == caller.account.name
    return is_own and may_manage(caller, caller.account, reach_of(book, key))


def _reach(caller: Caller) -> tuple[Grant, ...]:
    narrowed = _narrowed(caller)
    return caller.account.grants if narrowed is None else narrowed


def _narrowed(caller: Caller) -> tuple[Grant, ...] | None:
    return None if caller.key is None else caller.key.grants


def _said(reach: Iterable[Grant]) -> str:
    return " ".join(map(str, reach)) or "nothing"
