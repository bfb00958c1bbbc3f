"""Puts the page together: its doors, its calls, single sign-on where a provider is set."""

from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web

from tidelog.datastore.clock import Clock
from tidelog.syncd.hub.guard.guard import Guard
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.hub_settings import HubSettings
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.page.key_pages import KeyPages
from tidelog.syncd.hub.page.page_calls import HistoryOf, PageCalls, SharedPageCalls
from tidelog.syncd.hub.page.rendering import Rendering
from tidelog.syncd.hub.page.run_pages import RunPages
from tidelog.syncd.hub.page.shown import RunSource
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.shares.share_calls import ShareCalls
from tidelog.syncd.hub.shares.shares import Shares
from tidelog.syncd.hub.signin.cookies import Cookies
from tidelog.syncd.hub.signin.door import Door
from tidelog.syncd.hub.signin.sessions import Sessions
from tidelog.syncd.hub.signin.sign_in_calls import SignIn, SignInCalls
from tidelog.syncd.hub.web.answers import Refuse


class PageParts(NamedTuple):
    """What the page is made of that the rest of the hub knows, too.

    `address` gives the address by which whoever sent a request reaches the hub.
    """

    source: RunSource
    sessions: Sessions
    cookies: Cookies
    shares: Shares
    settings: HubSettings
    address: Callable[[web.Request], str]


class Pages:
    """The page of one hub: its routes, and what makes pages of refusals."""

    def __init__(
        self,
        parts: PageParts,
        store: Store,
        keys: KeyFile,
        guard: Guard,
        *,
        history: HistoryOf,
        clock: Clock,
        limits: HubLimits,
    ) -> None:
        """`history` sends the points of a run to somebody who may read it."""
        self._rendering = Rendering()
        door = Door(guard, parts.cookies, limits)
        pages = RunPages(parts.source, store, self._rendering, limits)
        sign_in = SignIn(parts.sessions, parts.cookies, keys.audit, clock=clock, limits=limits)
        oidc = parts.settings.oidc
        sign_in_calls = SignInCalls(
            guard,
            door,
            sign_in,
            parts.cookies,
            rendering=self._rendering,
            limits=limits,
            sso_name=None if oidc is None else oidc.name,
        )
        self._routes = [
            *sign_in_calls.routes(),
            *PageCalls(pages, door, parts.shares, limits, parts.address).routes(),
            *KeyPages(keys, door, self._rendering, clock=clock).routes(),
            *SharedPageCalls(pages, parts.shares, history).routes(),
            *ShareCalls(parts.shares, store, limits, parts.address).routes(),
        ]
        public_url = parts.settings.public_url
        if oidc is not None and public_url is not None:
            # Cryptography takes 10 MB, and most hubs have no provider.
            from tidelog.syncd.hub.signin.provider import Provider
            from tidelog.syncd.hub.signin.sso_calls import SsoCalls

            provider = Provider(oidc, clock=clock, limits=limits)
            sso = SsoCalls(
                provider,
                guard,
                keys,
                parts.cookies,
                sign_in,
                public_url=public_url,
                clock=clock,
                limits=limits,
            )
            self._routes += sso.routes()

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return self._routes

    @property
    def refuse(self) -> Refuse:
        """What makes pages of refusals, for those who look with a browser."""
        return self._rendering.refuse
