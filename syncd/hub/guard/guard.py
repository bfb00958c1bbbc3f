"""The guard before every call: who asks, and whether this one may do this on this project."""

import asyncio
import contextlib
import hmac
import math

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tidelog.datastore.clock import Clock
from tidelog.syncd.errors import (
    FORBIDDEN,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    ProblemError,
    ProtocolError,
)
from tidelog.syncd.hub.guard.accounts import Caller, may
from tidelog.syncd.hub.guard.audit import REFUSED, Actor
from tidelog.syncd.hub.guard.grants import ADMIN, READ, WRITE
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.guard.keys import digest, secret_in
from tidelog.syncd.hub.guard.refusals import Refusals
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.signin.cookies import SESSION, Cookies
from tidelog.syncd.hub.signin.sessions import Sessions
from tidelog.syncd.hub.web.address import PREFIX, project_of
from tidelog.syncd.hub.web.answers import nothing_at
from tidelog.syncd.hub.web.own_door import has_own_door
from tidelog.syncd.hub.web.standing import STANDING
from tidelog.syncd.protocol import AUTHORIZATION, BEARER, HEALTH_PATH, RETRY_AFTER

CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
LINES_PER_S = 1 / 60
_READING = ("GET", "HEAD")
_REMEDY = "use another key, or ask who runs this hub for a grant"


class Guard:
    """Knows who asks, by the key that came; refuses in the same words whatever another team has.

    A browser that signed in may read with its cookie. It may not write: of a request that another site
    made in somebody's name, the cookie says nothing.
    """

    def __init__(
        self,
        keys: KeyFile,
        *,
        clock: Clock,
        limits: HubLimits | None = None,
        sessions: Sessions | None = None,
        cookies: Cookies | None = None,
    ) -> None:
        table = limits or HubLimits()
        self._keys = keys
        self._sessions = sessions
        self._cookies = cookies or Cookies(is_secure=False)
        self._clock = clock
        # One more allowance, for lines of the audit log: addresses are cheap.
        self._lines = Refusals(burst=table.refusals_burst, per_s=LINES_PER_S, addresses_max=1)
        self._refusals = Refusals(
            burst=table.refusals_burst,
            per_s=table.refusals_per_s,
            addresses_max=table.refusing_addresses_max,
        )

    def __repr__(self) -> str:
        return f"<Guard by {self._keys!r}>"

    def middleware(self) -> Middleware:
        """Return what lets a request through, or raises why not.

        It stands before the router, so that nobody without a key learns what is there.
        """

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            path = request.rel_url.raw_path
            if path == HEALTH_PATH or has_own_door(request):
                return await handler(request)
            browser = self._reader_by_cookie(request)
            caller = browser or await self.identify(request)
            # Routes match the decoded path, names come from the raw one: both must be about a project.
            project = project_of(path)
            if project is None and "project" in request.match_info:
                raise ProtocolError(
                    f"the address {path!r} does not begin with {PREFIX}, letter by letter"
                )
            role = needed_role(request.method)
            authorize(caller, role, project, request)
            request[CALLER] = caller

            def stand() -> None:
                now = self.as_now(caller) if browser is None else self.signed_in(request)
                authorize(now, role, project, request)
                request[CALLER] = now  # With the grants that he has by now.

            request[STANDING] = stand
            return await handler(request)

        return check

    async def identify(self, request: web.Request) -> Caller:
        """Return who asks. Raises the problem with what was shown."""
        shown = request.headers.get(AUTHORIZATION)
        if shown is None:
            raise _unauthorized(f"the header {AUTHORIZATION} is missing; send `{BEARER}<key>`")
        try:
            sha256 = digest(secret_in(shown))
        except ProtocolError as error:
            await self.count_refusal(request)
            raise _unauthorized(str(error)) from error
        return await self._by_digest(sha256, request)

    async def by_secret(self, secret: str, request: web.Request) -> Caller:
        """Return whose key this is. Raises the problem with it, as for a key that came in a header."""
        return await self._by_digest(digest(secret.strip()), request)

    def by_session(self, request: web.Request) -> Caller | None:
        """Return who signed in with this browser, None where nobody did or may any longer."""
        secret = self._cookies.read(request, SESSION)
        session = None if secret is None or self._sessions is None else self._sessions.of(secret)
        if session is None:
            return None
        try:
            caller = self._caller(session.account, session.key)
        except ProblemError:
            return None
        self._note_use(caller)
        return caller

    def signed_in(self, request: web.Request) -> Caller:
        """Return who signed in with this browser. Raises where nobody did or may any longer."""
        caller = self.by_session(request)
        if caller is None:
            raise ProblemError(UNAUTHORIZED, "this browser is no longer signed in: sign in again")
        return caller

    def _reader_by_cookie(self, request: web.Request) -> Caller | None:
        if request.method not in _READING or AUTHORIZATION in request.headers:
            return None
        return self.by_session(request)

    async def _by_digest(self, sha256: str, request: web.Request) -> Caller:
        caller = self._with_digest(sha256)
        if caller is None:
            await self.count_refusal(request)
            raise _unauthorized("the key is none of this hub's; ask for one, or run `syncd login`")
        self._check_alive(caller)
        self._note_use(caller)
        return caller

    def _note_use(self, caller: Caller) -> None:
        if caller.key is not None:
            self._keys.last_use.note(caller.key.id, self._clock.now())

    def _with_digest(self, sha256: str) -> Caller | None:
        """Look the digest up; what is found is compared once more, in constant time."""
        book = self._keys.book()
        key = book.key_with(sha256)
        if key is None or not hmac.compare_digest(key.sha256, sha256):
            return None
        account = book.account(key.account)
        return None if account is None else Caller(account, key)

    def as_now(self, caller: Caller) -> Caller:
        """Return the same caller by what the book says now. Raises where it is let in no more."""
        return self._caller(caller.account.name, None if caller.key is None else caller.key.sha256)

    def _caller(self, name: str, key_sha256: str | None) -> Caller:
        book = self._keys.book()
        account = book.account(name)
        key = None if key_sha256 is None else book.key_with(key_sha256)
        if account is None or (key_sha256 is not None and key is None):
            raise _unauthorized("the key is none of this hub's any more")
        caller = Caller(account, key)
        self._check_alive(caller)
        return caller

    def _check_alive(self, caller: Caller) -> None:
        key, now = caller.key, self._clock.now()
        if key is not None and not key.is_active(now):
            raise _unauthorized(
                f"the key {key.name!r} is {key.state(now)}; ask for a new one, then run `syncd login`"
            )
        if caller.account.disabled is not None:
            raise _unauthorized(
                f"the account {caller.account.name!r} is disabled; ask who runs this hub"
            )

    async def count_refusal(self, request: web.Request) -> None:
        """Raise 429 where this address has come with too many keys that are none."""
        address = request.remote or ""
        in_words, is_last = self._refusals.refuse(address, self._clock.monotonic())
        if is_last and self._lines.refuse("", self._clock.monotonic())[0]:
            by = Actor("", address=address)
            # A full disk must not make another answer of it.
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._keys.audit.record, REFUSED, "unknown keys", by=by)
        if not in_words:
            wait_s = math.ceil(self._refusals.wait_s())
            raise ProblemError(
                TOO_MANY_REQUESTS,
                "too many requests with keys that are none of this hub's came from this address: wait "
                f"{wait_s} s, and look for a program with a mistyped key; good keys are let in",
                headers={RETRY_AFTER: str(wait_s)},
            )


def needed_role(method: str) -> str:
    """Return the role that a call needs at least, on its project or, about none, on any."""
    if method in _READING:
        return READ
    return ADMIN if method == "DELETE" else WRITE


def authorize(caller: Caller, role: str, project: str | None, request: web.Request) -> None:
    """Raise the problem where the caller may not do this.

    What it says depends on the caller's grants and on the request alone, never on what the hub holds: a
    project that is another's reads as one that is not there.
    """
    if may(caller, role, project):
        return
    if project is None:
        raise ProblemError(FORBIDDEN, f"{caller} has not the role {role!r} on any project: {_REMEDY}")
    if not caller.covers(project) and role != WRITE:
        raise nothing_at(request)
    raise ProblemError(
        FORBIDDEN, f"{caller} has not the role {role!r} on project {project!r}: {_REMEDY}"
    )


def demand(request: web.Request, role: str) -> Caller:
    """Return the caller of a call that needs more than its method says; raise where it may not."""
    caller = request[CALLER]
    authorize(caller, role, project_of(request.rel_url.raw_path), request)
    return caller


def account_of(request: web.Request) -> str:
    """Return the name of the account that asks: by it turns are taken and bytes are counted."""
    return request[CALLER].account.name


def actor_of(request: web.Request) -> Actor:
    """Return who asks, as the audit log names it."""
    caller = request[CALLER]
    key_id = "" if caller.key is None else caller.key.id
    return Actor(caller.account.name, key_id, request.remote or "")


def _unauthorized(detail: str) -> ProblemError:
    return ProblemError(UNAUTHORIZED, detail, headers={"WWW-Authenticate": 'Bearer realm="tidelog"'})
