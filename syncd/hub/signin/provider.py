"""The provider of single sign-on, asked over HTTP: its description, its keys, the token for a code.

Every answer is bounded in time and size, no redirect is followed, and all endpoints must be as safe as
the issuer itself.
"""

import asyncio
import base64
import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from tidelog.datastore.clock import Clock
from tidelog.syncd.errors import TOO_MANY_REQUESTS, UNAVAILABLE, ProblemError
from tidelog.syncd.hub.hub_settings import OidcSettings
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.signin.flow import Flow, refused
from tidelog.syncd.hub.signin.id_token import Expected, checked_claims, key_id_of, keys_with
from tidelog.syncd.listen import LOOPBACK

_VISIBLE = re.compile(r"[!-~]+")
WELL_KNOWN = "/.well-known/openid-configuration"
logger = logging.getLogger("tidelog.hub")
Document = dict[str, Any]


class Provider:
    """One OpenID provider. Its description and keys are fetched when they are first needed."""

    def __init__(self, settings: OidcSettings, *, clock: Clock, limits: HubLimits) -> None:
        self.settings = settings
        self._clock = clock
        self._limits = limits
        self._turn = asyncio.Semaphore(limits.sso_asking_max)
        self._waiting = 0
        self._fetching = asyncio.Lock()
        self._description: tuple[float, Document] | None = None
        self._keys: tuple[float, Document] | None = None
        self._failure: tuple[float, ProblemError] | None = None

    def __repr__(self) -> str:
        return f"<Provider {self.settings.issuer}>"

    async def description(self) -> Document:
        """Return the provider's description of itself (OpenID Connect Discovery)."""
        came = self._clock.monotonic()
        async with self._in_line():
            if self._failure is not None and self._failure[0] >= came:
                # It was asked meanwhile, in vain: who waits for all before him would wait for minutes.
                raise self._failure[1]
            return await self._known_description()

    async def claims(self, code: str, flow: Flow, *, redirect_uri: str) -> Document:
        """Exchange a code for what the provider says of a person; nothing is believed unchecked.

        Raises ProblemError: 401 where the answer does not hold, 429 where too many ask, 503 where the
        provider cannot be reached.
        """
        async with self._in_line():
            return await self._claims(code, flow, redirect_uri)

    @contextlib.asynccontextmanager
    async def _in_line(self) -> AsyncIterator[None]:
        if self._waiting >= self._limits.sso_waiting_max:
            raise ProblemError(TOO_MANY_REQUESTS, "too many people sign in at this moment; try again")
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1

    async def _known_description(self) -> Document:
        async with self._fetching:
            known = self._description
            if known is None or self._clock.monotonic() - known[0] >= self._limits.sso_known_s:
                known = self._description = (self._clock.monotonic(), await self._described())
        return known[1]

    async def _described(self) -> Document:
        try:
            document = await self._ask("GET", self.settings.issuer.rstrip("/") + WELL_KNOWN)
            self._check(document)
        except ProblemError as error:
            self._failure = (self._clock.monotonic(), error)
            raise
        return document

    async def _claims(self, code: str, flow: Flow, redirect_uri: str) -> Document:
        description = await self._known_description()
        answer = await self._exchange(description, code, flow, redirect_uri)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise refused("the provider gave no ID token")
        expected = Expected(
            self.settings.issuer,
            self.settings.client_id,
            flow.nonce,
            self._clock.now(),
            self._limits.sso_skew_s,
        )
        claims = checked_claims(token, await self._keys_for(description, token), expected)
        endpoint = description.get("userinfo_endpoint")
        if "email" in claims or not isinstance(endpoint, str) or not isinstance(access, str):
            return claims
        more = await self._ask("GET", endpoint, headers={"Authorization": f"Bearer {access}"})
        if more.get("sub") != claims["sub"]:
            raise refused("the provider's answers are about two people")
        # What was signed wins.
        return {**more, **claims}

    async def _exchange(
        self, description: Document, code: str, flow: Flow, redirect_uri: str
    ) -> Document:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": flow.verifier,
            "client_id": self.settings.client_id,
        }
        headers = {}
        secret = self.settings.client_secret
        methods = description.get("token_endpoint_auth_methods_supported")
        is_basic = not isinstance(methods, list) or not methods or "client_secret_basic" in methods
        if secret is not None and is_basic:
            pair = f"{quote(self.settings.client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
        elif secret is not None:
            form["client_secret"] = secret
        return await self._ask("POST", description["token_endpoint"], form=form, headers=headers)

    async def _keys_for(self, description: Document, token: str) -> Document:
        """Return the keys; fetched anew for an id that is not among them, but not again and again."""
        key_id = key_id_of(token)
        async with self._fetching:
            known, now = self._keys, self._clock.monotonic()
            age_s = float("inf") if known is None else now - known[0]
            is_old = age_s >= self._limits.sso_known_s
            is_lacking = known is not None and not keys_with(known[1], key_id)
            if known is None or is_old or (is_lacking and age_s >= self._limits.sso_refresh_s):
                known = self._keys = (now, await self._ask("GET", description["jwks_uri"]))
        return known[1]

    def _check(self, description: Document) -> None:
        if description.get("issuer") != self.settings.issuer:
            raise self._unusable(f"it calls itself {str(description.get('issuer'))[:100]!r}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            address = description.get(name)
            if address is None and name == "userinfo_endpoint":
                continue
            if not isinstance(address, str) or not self._is_safe(address):
                raise self._unusable(f"its {name} is {str(address)[:100]!r}")

    def _is_safe(self, address: str) -> bool:
        try:
            parts = urlsplit(address)
        except ValueError:
            return False
        # A browser is sent there in a header; and `urlsplit` passes over line breaks.
        if not parts.hostname or not _VISIBLE.fullmatch(address):
            return False
        if parts.scheme == "https":
            return True
        # A provider on this machine, for trying it out: then all of it is on this machine.
        issuer = urlsplit(self.settings.issuer)
        return parts.scheme == "http" == issuer.scheme and parts.hostname in LOOPBACK

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Document:
        timeout = aiohttp.ClientTimeout(total=self._limits.sso_timeout_s)
        asked = {"Accept": "application/json", **(headers or {})}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                session.request(method, url, data=form, headers=asked, allow_redirects=False) as answer,
            ):
                body = await self._body(answer)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._unusable(str(error) or type(error).__name__) from error
        if answer.status != 200:
            raise self._refusal(answer.status, body, is_about_code=form is not None)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._unusable(f"{url} is no JSON") from error
        if not isinstance(document, dict):
            raise self._unusable(f"{url} is no JSON object")
        return document

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        body = b""
        async for block in answer.content.iter_any():
            body += block
            if len(body) > self._limits.sso_answer_bytes_max:
                raise ValueError(f"an answer is over {self._limits.sso_answer_bytes_max} bytes")
        return body

    def _refusal(self, status: int, body: bytes, *, is_about_code: bool) -> ProblemError:
        logger.warning("single sign-on: %s answered %s: %.200r", self.settings.issuer, status, body)
        if is_about_code and 400 <= status < 500:
            return refused("the provider does not take the code of this sign-in; begin it again")
        return self._unusable(f"it answered {status}")

    def _unusable(self, why: str) -> ProblemError:
        logger.warning("single sign-on: %s cannot be used: %s", self.settings.issuer, why)
        return ProblemError(
            UNAVAILABLE, "the provider of single sign-on cannot be asked now; the hub's log says why"
        )
