"""The door of the page: who is there, by the cookie; forms are checked before anything is done.

Sets on the request what the guard sets for a key, so that both go by the same one question: `may`.
"""

from typing import NamedTuple

from aiohttp import web

from tidelog.syncd.hub.guard.accounts import Caller
from tidelog.syncd.hub.guard.guard import CALLER, Guard, account_of, authorize
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.page.rendering import see_other
from tidelog.syncd.hub.signin.cookies import SESSION, Cookies
from tidelog.syncd.hub.signin.form import FORM, read_form
from tidelog.syncd.hub.signin.form_token import check_form, token_for
from tidelog.syncd.hub.signin.way_back import sign_in_address
from tidelog.syncd.hub.web.answers import nothing_at
from tidelog.syncd.hub.web.own_door import Call
from tidelog.syncd.hub.web.standing import STANDING


class Visitor(NamedTuple):
    """What a page shows of the one who looks at it; `token` goes into its forms."""

    name: str
    token: str


class Door:
    """Lets those in who signed in, and sends the others to where they can."""

    def __init__(self, guard: Guard, cookies: Cookies, limits: HubLimits) -> None:
        self._guard = guard
        self._cookies = cookies
        self._limits = limits

    def __repr__(self) -> str:
        return f"<Door with {self._cookies!r}>"

    def signed_in(self, call: Call) -> Call:
        """Return the call for those alone who signed in; others are sent to the sign-in."""

        async def opened(request: web.Request) -> web.StreamResponse:
            caller = self._guard.by_session(request)
            if caller is None:
                return see_other(sign_in_address(request.rel_url.raw_path_qs))
            request[CALLER] = caller
            request[STANDING] = lambda: self._guard.signed_in(request)
            return await call(request)

        return opened

    def form(self, call: Call) -> Call:
        """Return the call for a form that one who signed in sent from a page of ours."""

        async def opened(request: web.Request) -> web.StreamResponse:
            if self._guard.by_session(request) is None:
                return see_other(sign_in_address("/"))
            form = await read_form(request, self._limits)
            check_form(self._cookies.read(request, SESSION), form, request.headers)
            # Asked anew: the form may have taken its time, and a key been revoked meanwhile.
            request[CALLER], request[FORM] = self._guard.signed_in(request), form
            return await call(request)

        return opened

    def visitor(self, request: web.Request) -> Visitor:
        """Return whom a page that is for those who signed in greets."""
        secret = self._cookies.read(request, SESSION) or ""
        return Visitor(account_of(request), token_for(secret))


def demand_on(request: web.Request, project: str, role: str) -> Caller:
    """Return the caller where he has the role on a project; else raise as if there were nothing."""
    caller = request[CALLER]
    if not caller.covers(project):
        raise nothing_at(request)
    authorize(caller, role, project, request)
    return caller
