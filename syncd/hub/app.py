"""The hub as an aiohttp application: which call goes where, behind which guard."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from tidelog.datastore.clock import Clock
from tidelog.syncd.hub.guard.guard import Guard
from tidelog.syncd.hub.guard.key_calls import KeyCalls
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.pages import PageParts, Pages
from tidelog.syncd.hub.read.event_calls import EventCalls
from tidelog.syncd.hub.read.hub_calls import HubCalls
from tidelog.syncd.hub.read.reading import Reading
from tidelog.syncd.hub.read.row_calls import RowCalls
from tidelog.syncd.hub.read.run_calls import RunCalls
from tidelog.syncd.hub.read.tally import Tally
from tidelog.syncd.hub.receive.file_calls import FileCalls
from tidelog.syncd.hub.receive.held_calls import HeldCalls
from tidelog.syncd.hub.receive.log_calls import LogCalls
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.remove.delete_calls import DeleteCalls
from tidelog.syncd.hub.remove.deletion import Deletion
from tidelog.syncd.hub.web.address import RunAddress
from tidelog.syncd.hub.web.answers import hide_versions, refuse_in_words
from tidelog.syncd.hub.web.body import BodyMemory
from tidelog.syncd.hub.web.checksums import check_requests, sign_answers


def make_app(
    store: Store,
    reading: Reading,
    keys: KeyFile,
    page: PageParts,
    *,
    clock: Clock,
    limits: HubLimits,
) -> web.Application:
    """Return the application that serves a data folder to those who hold one of `keys` or signed in."""
    memory = BodyMemory(limits)
    guard = Guard(keys, clock=clock, limits=limits, sessions=page.sessions, cookies=page.cookies)
    rows = RowCalls(reading, limits)
    pages = Pages(page, store, keys, guard, history=rows.history_of, clock=clock, limits=limits)
    tally = Tally()

    def arrived(run: RunAddress, size_bytes: int, *, is_file: bool) -> None:
        tally.received_bytes += size_bytes
        reading.upkeep.arrived(run, is_file=is_file)

    store.arrived = arrived
    app = web.Application(
        middlewares=[
            tally.middleware(),
            sign_answers,
            refuse_in_words(pages.refuse),
            check_requests,
            guard.middleware(),
        ],
        client_max_size=limits.wire.body_bytes_max,
    )
    received = (
        LogCalls(store, memory, limits),
        FileCalls(store, memory, limits),
        HeldCalls(store, memory),
    )
    reads = (
        HubCalls(reading, tally),
        RunCalls(store, reading, limits),
        rows,
        EventCalls(reading.changes, limits),
    )
    deletion = Deletion(store, keys.audit, clock=clock, ended=page.shares.end_of)
    administration = (
        KeyCalls(keys, clock=clock, limits=limits),
        DeleteCalls(deletion),
        pages,
    )
    for calls in (*reads, *received, *administration):
        app.add_routes(calls.routes())
    app.on_response_prepare.append(hide_versions)
    app.on_shutdown.append(_end_streams(reading))
    return app


def _end_streams(reading: Reading) -> Callable[[web.Application], Awaitable[None]]:
    """Return what ends the streams of events, which would else keep a hub from stopping."""

    async def end(app: web.Application) -> None:
        del app
        reading.changes.close()

    return end
