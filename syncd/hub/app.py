"""The hub as an aiohttp application: which call goes where, behind which guard."""

from aiohttp import web

from tidelog.datastore.clock import Clock
from tidelog.syncd.hub.guard.guard import guard
from tidelog.syncd.hub.guard.key_calls import KeyCalls
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.read.run_calls import RunCalls
from tidelog.syncd.hub.receive.file_calls import FileCalls
from tidelog.syncd.hub.receive.log_calls import LogCalls
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.web.answers import refuse_in_words
from tidelog.syncd.hub.web.body import BodyMemory
from tidelog.syncd.hub.web.checksums import check_requests, sign_answers


def make_app(store: Store, keys: KeyFile, *, clock: Clock, limits: HubLimits) -> web.Application:
    """Return the application that serves `store` to those who hold one of `keys`."""
    memory = BodyMemory(limits)
    app = web.Application(
        middlewares=[sign_answers, refuse_in_words, check_requests, guard(keys, clock=clock)],
        client_max_size=limits.wire.body_bytes_max,
    )
    logs, files = LogCalls(store, memory, limits), FileCalls(store, memory, limits)
    for calls in (RunCalls(store), logs, files, KeyCalls()):
        app.add_routes(calls.routes())
    return app
