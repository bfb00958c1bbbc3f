"""The calls of single sign-on: to the provider, and back from there."""

import asyncio
import os

from aiohttp import web

from tidelog.datastore.clock import Clock
from tidelog.datastore.errors import InvalidNameError
from tidelog.syncd.errors import FORBIDDEN, UNAUTHORIZED, KeyNameError, ProblemError
from tidelog.syncd.hub.guard.accounts import PERSON, Account, Caller
from tidelog.syncd.hub.guard.audit import Actor
from tidelog.syncd.hub.guard.guard import Guard
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.page.rendering import see_other
from tidelog.syncd.hub.signin.cookies import FLOW, Cookies
from tidelog.syncd.hub.signin.flow import Flows, authorization_address, code_of
from tidelog.syncd.hub.signin.people import NewAccount, Person, account_for, person_of
from tidelog.syncd.hub.signin.provider import Provider
from tidelog.syncd.hub.signin.sign_in_calls import SignIn
from tidelog.syncd.hub.signin.way_back import SSO, SSO_ANSWER, safe_way_back
from tidelog.syncd.hub.web.own_door import page_route

FLOW_KEY_BYTES = 32


class SsoCalls:
    """GET of the way to the provider, and GET of its answer."""

    def __init__(
        self,
        provider: Provider,
        guard: Guard,
        keys: KeyFile,
        cookies: Cookies,
        sign_in: SignIn,
        *,
        public_url: str,
        clock: Clock,
        limits: HubLimits,
    ) -> None:
        self._provider = provider
        self._guard = guard
        self._keys = keys
        self._cookies = cookies
        self._sign_in = sign_in
        self._redirect_uri = public_url + SSO_ANSWER
        self._clock = clock
        self._limits = limits
        self._flows = Flows(os.urandom(FLOW_KEY_BYTES), life_s=limits.sso_flow_s, entropy=os.urandom)

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [
            page_route("GET", SSO, self.begin, "sso"),
            page_route("GET", SSO_ANSWER, self.end, "sso-answer"),
        ]

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """Send the browser to the provider."""
        description = await self._provider.description()
        flow = self._flows.begin(safe_way_back(request.query.get("next")), self._clock.now())
        answer = see_other(
            authorization_address(
                description["authorization_endpoint"],
                flow,
                client_id=self._provider.settings.client_id,
                redirect_uri=self._redirect_uri,
            )
        )
        self._cookies.set(answer, FLOW, self._flows.seal(flow), life_s=self._limits.sso_flow_s)
        return answer

    async def end(self, request: web.Request) -> web.StreamResponse:
        """Take the provider's answer, and let the person in whom it vouches for."""
        try:
            return await self._end(request)
        except ProblemError as error:
            if error.problem in (UNAUTHORIZED, FORBIDDEN):
                # As a bad key is: counted by address, and in the audit log now and then.
                await self._guard.count_refusal(request)
            raise

    async def _end(self, request: web.Request) -> web.StreamResponse:
        flow = self._flows.open(self._cookies.read(request, FLOW), self._clock.now())
        settings = self._provider.settings
        description = await self._provider.description()
        names_itself = description.get("authorization_response_iss_parameter_supported") is True
        code = code_of(request.query, flow, issuer=settings.issuer, names_itself=names_itself)
        claims = await self._provider.claims(code, flow, redirect_uri=self._redirect_uri)
        person = person_of(settings.issuer, claims)
        account = await asyncio.to_thread(self._account, person, request.remote or "")
        caller = self._guard.as_now(Caller(account))
        answer = await self._sign_in.let_in(request, caller, flow.way_back, how=settings.issuer)
        self._cookies.clear(answer, FLOW)
        return answer

    def _account(self, person: Person, address: str) -> Account:
        """Return the account of a person, linked or made where this is the first time. Blocks."""
        found = account_for(self._keys.book(), person, self._provider.settings.domains)
        by = Actor(found.name, address=address)
        try:
            if isinstance(found, NewAccount):
                return self._keys.create_account(
                    found.name,
                    PERSON,
                    found.grants,
                    issuer=person.issuer,
                    subject=person.subject,
                    email=person.email,
                    by=by,
                )
            if not found.subject:
                return self._keys.link(found.name, person.issuer, person.subject, by=by)
        except (KeyNameError, InvalidNameError) as error:
            raise ProblemError(FORBIDDEN, f"no account can be made for you: {error}") from error
        return found
