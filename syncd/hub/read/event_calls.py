"""The stream of events (server-sent events, WHATWG HTML section 9.2): runs that are new or changed."""

import asyncio

from aiohttp import web

from tidelog.syncd.errors import CannotStartError, ProblemError
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.read.changes import Changes, Listener
from tidelog.syncd.hub.read.question import Question, reach_of
from tidelog.syncd.hub.web.answers import INERT
from tidelog.syncd.hub.web.standing import check_standing
from tidelog.syncd.protocol import EVENTS_PATH

EVENT_STREAM = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"
RESET = "reset"
HEARTBEAT = b": here\n\n"


class EventCalls:
    """GET of the events from now on, or from the last one that was heard."""

    def __init__(self, changes: Changes, limits: HubLimits) -> None:
        self._changes = changes
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [web.get(EVENTS_PATH, self.events, allow_head=False)]

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Send events until one of the two ends goes."""
        Question(request)
        reach = reach_of(request)
        transport = request.transport
        with self._changes.listen(
            reach.who,
            last_id=request.headers.get(LAST_EVENT_ID),
            # Whoever does not read holds the write of its last event: only this ends it.
            let_go=lambda: transport.abort() if transport is not None else None,
        ) as listener:
            answer = web.StreamResponse(headers={**INERT, "X-Accel-Buffering": "no"})
            answer.content_type = EVENT_STREAM
            await answer.prepare(request)
            await answer.write(self._first(listener))
            await self._send(answer, listener, request, transport)
        return answer

    def _first(self, listener: Listener) -> bytes:
        """Return what a stream begins with: after this it may be taken up again from here."""
        if listener.is_reset:
            return _event(self._changes.last_id, RESET, b"{}")
        return HEARTBEAT

    async def _send(
        self,
        answer: web.StreamResponse,
        listener: Listener,
        request: web.Request,
        transport: asyncio.BaseTransport | None,
    ) -> None:
        look_s = min(self._limits.listener_look_s, self._limits.heartbeat_s)
        silent_s = 0.0
        # Who went away without a word is noticed by looking, not by the next event.
        while transport is not None and not transport.is_closing():
            try:
                change = await listener.next(look_s)
            except TimeoutError:
                silent_s += look_s
                if not _stands(request):
                    return
                if silent_s >= self._limits.heartbeat_s:
                    silent_s = 0.0
                    await answer.write(HEARTBEAT)
                continue
            if change is None or not _stands(request):
                return
            if reach_of(request).covers(change.project):
                await answer.write(_event(change.id, change.kind, change.data))


def _stands(request: web.Request) -> bool:
    """Tell whether who listens still may; one who comes back is told why not."""
    try:
        check_standing(request)
    except (ProblemError, CannotStartError):
        return False
    return True


def _event(event_id: str, kind: str, data: bytes) -> bytes:
    # JSON has no line breaks of its own, so that one line of data is all of it.
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event_id.encode(), kind.encode(), data)
