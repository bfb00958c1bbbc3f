"""The calls of signing in by key, and of signing out."""

import asyncio
import base64
import math
import os

from aiohttp import web

from tidelog.datastore.clock import Clock
from tidelog.syncd.errors import TOO_MANY_REQUESTS, ProblemError
from tidelog.syncd.hub.guard.accounts import Caller
from tidelog.syncd.hub.guard.audit import SIGNED_IN, SIGNED_OUT, Actor, Audit
from tidelog.syncd.hub.guard.guard import Guard, actor_of
from tidelog.syncd.hub.guard.refusals import Refusals
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.page.rendering import Rendering, see_other
from tidelog.syncd.hub.signin.cookies import FORM as FORM_COOKIE
from tidelog.syncd.hub.signin.cookies import SESSION, Cookies
from tidelog.syncd.hub.signin.door import Door
from tidelog.syncd.hub.signin.form import FORM, read_form
from tidelog.syncd.hub.signin.form_token import check_form, token_for
from tidelog.syncd.hub.signin.sessions import Sessions
from tidelog.syncd.hub.signin.way_back import SIGN_IN, safe_way_back, sso_address
from tidelog.syncd.hub.web.own_door import page_route
from tidelog.syncd.protocol import RETRY_AFTER

FORM_SECRET_BYTES = 32
EVERYWHERE = "everywhere"


class SignIn:
    """Begins and ends sessions, each with a line in the audit log."""

    def __init__(
        self, sessions: Sessions, cookies: Cookies, audit: Audit, *, clock: Clock, limits: HubLimits
    ) -> None:
        self._sessions = sessions
        self._cookies = cookies
        self._audit = audit
        self._clock = clock
        self._allowance = Refusals(
            burst=limits.signins_burst,
            per_s=limits.signins_per_s,
            addresses_max=limits.accounts_max,
        )

    async def let_in(
        self, request: web.Request, caller: Caller, way_back: str, *, how: str
    ) -> web.Response:
        """Return the answer that signs a browser in and leads it on. Raises 429 where too many did."""
        account, key = caller.account.name, caller.key
        self._check_allowance(account)
        by = Actor(account, "" if key is None else key.id, request.remote or "")
        old = self._cookies.read(request, SESSION)

        def begin() -> str:
            self._audit.record(SIGNED_IN, account, by=by, how=how)
            if old is not None:
                self._sessions.end(old)
            return self._sessions.begin(account, None if key is None else key.sha256)

        secret = await asyncio.to_thread(begin)
        answer = see_other(safe_way_back(way_back))
        # The browser forgets it when it is closed, the hub when its time is up.
        self._cookies.set(answer, SESSION, secret, life_s=None)
        self._cookies.clear(answer, FORM_COOKIE)
        return answer

    def _check_allowance(self, account: str) -> None:
        """Let no key fill the audit log, which no quota bounds, with sign-ins."""
        if self._allowance.refuse(account, self._clock.monotonic())[0]:
            return
        wait_s = math.ceil(self._allowance.wait_s())
        raise ProblemError(
            TOO_MANY_REQUESTS,
            f"the account {account!r} signed in too often: wait {wait_s} s; who is signed in stays so",
            headers={RETRY_AFTER: str(wait_s)},
        )

    async def let_out(self, request: web.Request, *, is_everywhere: bool) -> web.Response:
        """Return the answer that signs out a browser, or all browsers of its account."""
        by = actor_of(request)
        secret = self._cookies.read(request, SESSION) or ""

        def end() -> None:
            self._audit.record(SIGNED_OUT, by.account, by=by, everywhere=is_everywhere)
            if is_everywhere:
                self._sessions.end_all(by.account)
            else:
                self._sessions.end(secret)

        await asyncio.to_thread(end)
        answer = see_other(SIGN_IN)
        self._cookies.clear(answer, SESSION)
        return answer


class SignInCalls:
    """GET and POST of the sign-in, POST of the sign-out."""

    def __init__(
        self,
        guard: Guard,
        door: Door,
        sign_in: SignIn,
        cookies: Cookies,
        *,
        rendering: Rendering,
        limits: HubLimits,
        sso_name: str | None,
    ) -> None:
        self._guard = guard
        self._door = door
        self._sign_in = sign_in
        self._cookies = cookies
        self._rendering = rendering
        self._limits = limits
        self._sso_name = sso_name

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [
            page_route("GET", SIGN_IN, self.ask, "sign_in"),
            page_route("POST", SIGN_IN, self.take, "sign_in_by_key"),
            page_route("POST", "/signout", self._door.form(self.leave), "sign_out"),
        ]

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Show the form; who is signed in is led on."""
        way_back = safe_way_back(request.query.get("next"))
        if self._guard.by_session(request) is not None:
            return see_other(way_back)
        return self._form(request, way_back)

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take a key. Bad ones are counted by address, as those that come in headers."""
        form = await read_form(request, self._limits)
        check_form(self._cookies.read(request, FORM_COOKIE), form, request.headers)
        way_back = safe_way_back(form.get("next"))
        try:
            caller = await self._guard.by_secret(form.get("key", ""), request)
        except ProblemError as error:
            return self._form(request, way_back, refusal=error)
        return await self._sign_in.let_in(request, caller, way_back, how="key")

    async def leave(self, request: web.Request) -> web.StreamResponse:
        """End the session of this browser, or all of this account."""
        is_everywhere = request[FORM].get("where") == EVERYWHERE
        return await self._sign_in.let_out(request, is_everywhere=is_everywhere)

    def _form(
        self, request: web.Request, way_back: str, *, refusal: ProblemError | None = None
    ) -> web.Response:
        secret = self._cookies.read(request, FORM_COOKIE) or _form_secret()
        answer = self._rendering.answer(
            "sign_in.html",
            status=200 if refusal is None else refusal.problem.status,
            token=token_for(secret),
            way_back=way_back,
            refusal=None if refusal is None else refusal.detail,
            sso_name=self._sso_name,
            sso_address=sso_address(way_back),
            visitor=None,
        )
        if refusal is not None:
            answer.headers.update(refusal.headers)
        self._cookies.set(answer, FORM_COOKIE, secret, life_s=None)
        return answer


def _form_secret() -> str:
    return base64.urlsafe_b64encode(os.urandom(FORM_SECRET_BYTES)).decode("ascii")
