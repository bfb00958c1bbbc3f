"""The hub as an aiohttp application: which call goes where, behind which guard."""

from aiohttp import web

from tidelog.datastore.clock import Clock
from tidelog.syncd.hub.guard.guard import Guard
from tidelog.syncd.hub.guard.key_calls import KeyCalls
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.pages import PageParts, Pages
from tidelog.syncd.hub.read.run_calls import RunCalls
from tidelog.syncd.hub.receive.file_calls import FileCalls
from tidelog.syncd.hub.receive.log_calls import LogCalls
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.remove.delete_calls import DeleteCalls
from tidelog.syncd.hub.remove.deletion import Deletion
from tidelog.syncd.hub.web.answers import refuse_in_words
from tidelog.syncd.hub.web.body import BodyMemory
from tidelog.syncd.hub.web.checksums import check_requests, sign_answers
from tidelog.syncd.hub.web.proxy import behind_proxy


def make_app(
    store: Store,
    keys: KeyFile,
    page: PageParts,
    *,
    clock: Clock,
    limits: HubLimits,
    is_behind_proxy: bool = False,
) -> web.Application:
    """Return the application that serves `store` to those who hold one of `keys`, or signed in."""
    memory = BodyMemory(limits)
    guard = Guard(keys, clock=clock, limits=limits, sessions=page.sessions, cookies=page.cookies)
    pages = Pages(page, store, keys, guard, clock=clock, limits=limits)
    app = web.Application(
        middlewares=[
            *([behind_proxy] if is_behind_proxy else []),
            sign_answers,
            refuse_in_words,
            pages.middleware(),
            check_requests,
            guard.middleware(),
        ],
        client_max_size=limits.wire.body_bytes_max,
    )
    for calls in (
        RunCalls(store),
        LogCalls(store, memory, limits),
        FileCalls(store, memory, limits),
        KeyCalls(keys, clock=clock, limits=limits),
        DeleteCalls(Deletion(store, keys.audit, clock=clock, ended=page.shares.end_of)),
        pages,
    ):
        app.add_routes(calls.routes())
    return app
