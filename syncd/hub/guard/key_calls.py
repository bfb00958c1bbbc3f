"""The calls about API keys: list, create, rotate and revoke those that the caller may manage.

All others answer as if they were not there, also by the time that it takes.
"""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from aiohttp import web

from tidelog.datastore.clock import Clock
from tidelog.syncd.errors import FORBIDDEN, ProblemError, ProtocolError
from tidelog.syncd.hub.guard.accounts import Account, Caller, may_manage
from tidelog.syncd.hub.guard.book import Book
from tidelog.syncd.hub.guard.grants import ADMIN, Grant, check_grant
from tidelog.syncd.hub.guard.guard import CALLER, actor_of, demand
from tidelog.syncd.hub.guard.key_document import caller_document, key_document, reach_of
from tidelog.syncd.hub.guard.key_file import OVERLAP_S, KeyFile
from tidelog.syncd.hub.guard.keys import Key, digest
from tidelog.syncd.hub.limits import DAY_S, HubLimits
from tidelog.syncd.hub.web.address import KEY_ROUTE
from tidelog.syncd.hub.web.answers import json_answer, nothing_at
from tidelog.syncd.hub.web.body import receive_json
from tidelog.syncd.protocol import KEYS_PATH, OWN_KEY_PATH

LIFE_S_MAX = 3660 * DAY_S
OVERLAP_S_MAX = 90 * DAY_S


class _WantedGrant(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    project: str


class _Creation(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked for: by default a key of one's own account that may all that the account may."""

    name: str
    account: str | None = None
    grants: Annotated[list[_WantedGrant], msgspec.Meta(min_length=1, max_length=100)] | None = None
    expires_in_s: Annotated[float, msgspec.Meta(gt=0, le=LIFE_S_MAX)] | None = None


class _Rotation(msgspec.Struct, forbid_unknown_fields=True):
    overlap_s: Annotated[float, msgspec.Meta(ge=0, le=OVERLAP_S_MAX)] = OVERLAP_S


class KeyCalls:
    """GET and POST of the keys, POST of a rotation, DELETE of one key."""

    def __init__(self, keys: KeyFile, *, clock: Clock, limits: HubLimits) -> None:
        self._keys = keys
        self._clock = clock
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [
            web.get(KEYS_PATH, self.list_keys),
            web.get(OWN_KEY_PATH, self.own),
            web.post(KEYS_PATH, self.create),
            web.post(KEY_ROUTE + "/rotate", self.rotate),
            web.delete(KEY_ROUTE, self.revoke),
        ]

    async def list_keys(self, request: web.Request) -> web.Response:
        """List the keys that the caller may manage, revoked ones included; never a key itself."""
        caller = _admin(request)
        book = self._keys.book()
        used = await asyncio.to_thread(self._keys.last_use.times)
        keys = [self._document(book, key, used) for key in _managed(caller, book)]
        return json_answer({"keys": keys})

    async def own(self, request: web.Request) -> web.Response:
        """Tell what the hub knows of the caller's own key; of a person who signed in, the account."""
        caller = request[CALLER]
        return json_answer(caller_document(caller))

    async def create(self, request: web.Request) -> web.Response:
        """Make a key and answer with it, this one time."""
        caller = _admin(request)
        wanted = _decoded(await receive_json(request, self._limits), _Creation)
        book = self._keys.book()
        account = caller.account
        if wanted.account is not None and wanted.account != account.name:
            named = book.account(wanted.account)
            if named is None or not may_manage(caller, named, ()):
                raise nothing_at(request)
            account = named
        grants = _grants(wanted, caller, account)
        if not may_manage(caller, account, account.grants if grants is None else grants):
            reach = ", ".join(map(str, grants or account.grants))
            raise ProblemError(
                FORBIDDEN, f"{caller} is not admin of all that the key would reach: {reach}"
            )
        by = actor_of(request)
        key, secret = await asyncio.to_thread(
            lambda: self._keys.create_for(
                wanted.name,
                account=account.name,
                grants=grants,
                expires_in_s=wanted.expires_in_s,
                seen=lambda book, key: _is_managed(caller, book, key),
                by=by,
            )
        )
        return self._new_key(key, secret)

    async def rotate(self, request: web.Request) -> web.Response:
        """Make a key in the place of another, which stays good for a while; answer with the new one."""
        old = self._managed_key(request)
        wanted = _decoded(await receive_json(request, self._limits) or b"{}", _Rotation)
        by = actor_of(request)
        secret = await asyncio.to_thread(
            lambda: self._keys.rotate(old.id, overlap_s=wanted.overlap_s, by=by)
        )
        key = self._keys.book().key_with(digest(secret))
        assert key is not None  # noqa: S101 - it was written just now
        return self._new_key(key, secret)

    async def revoke(self, request: web.Request) -> web.Response:
        """Let a key open nothing any more; one that was revoked before stays so."""
        key = self._managed_key(request)
        by = actor_of(request)
        if key.revoked is None:
            await asyncio.to_thread(lambda: self._keys.revoke_id(key.id, by=by))
        book = self._keys.book()
        return json_answer(self._document(book, book.key_by_id(key.id) or key, {}))

    def _managed_key(self, request: web.Request) -> Key:
        caller, book = _admin(request), self._keys.book()
        key = book.key_by_id(request.match_info["id"])
        if key is None or not _is_managed(caller, book, key):
            raise nothing_at(request)
        return key

    def _new_key(self, key: Key, secret: str) -> web.Response:
        document = {"key": secret, **self._document(self._keys.book(), key, {})}
        return json_answer(document, status=201)

    def _document(self, book: Book, key: Key, used: dict[str, float]) -> dict[str, Any]:
        return key_document(book, key, now=self._clock.now(), last_used=used.get(key.id))


def _admin(request: web.Request) -> Caller:
    """Return a caller who may manage keys at all: an admin, or a person who signed in."""
    caller = request[CALLER]
    return caller if caller.key is None else demand(request, ADMIN)


def _managed(caller: Caller, book: Book) -> Iterator[Key]:
    return (key for key in book.keys if _is_managed(caller, book, key))


def _is_managed(caller: Caller, book: Book, key: Key) -> bool:
    account = book.account(key.account)
    return account is not None and may_manage(caller, account, reach_of(book, key))


def _grants(wanted: _Creation, caller: Caller, account: Account) -> tuple[Grant, ...] | None:
    """Return what the key is narrowed to: what was asked for, else what the caller's own key is."""
    if wanted.grants is not None:
        return tuple(check_grant(Grant(grant.role, grant.project)) for grant in wanted.grants)
    is_own = caller.key is not None and account.name == caller.account.name
    return caller.key.grants if is_own and caller.key is not None else None


def _decoded(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"the body is not what this call takes: {error}") from error
