"""The calls about the hub itself: that it answers, how it does, and which calls it knows."""

from collections.abc import Mapping
from importlib.metadata import version

from aiohttp import web

from tidelog.syncd.errors import FORBIDDEN, ProblemError
from tidelog.syncd.hub.guard.accounts import is_admin_of
from tidelog.syncd.hub.guard.grants import ADMIN, EVERY_PROJECT, Grant
from tidelog.syncd.hub.guard.guard import CALLER
from tidelog.syncd.hub.openapi.document import openapi_document
from tidelog.syncd.hub.read.metrics import CONTENT_TYPE_PLAIN_0_0_4, Condition, exposition
from tidelog.syncd.hub.read.question import Question, reach_of
from tidelog.syncd.hub.read.reading import Reading
from tidelog.syncd.hub.read.reply import document, etag_of, is_known, unchanged
from tidelog.syncd.hub.read.tally import Answered, Tally
from tidelog.syncd.hub.web.answers import INERT, json_answer
from tidelog.syncd.protocol import HEALTH_PATH, METRICS_PATH, OPENAPI_PATH


class HubCalls:
    """GET of health, metrics and the OpenAPI document."""

    def __init__(self, reading: Reading, tally: Tally) -> None:
        self._reading = reading
        self._tally = tally

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [
            web.get(HEALTH_PATH, self.health),
            web.get(METRICS_PATH, self.metrics),
            web.get(OPENAPI_PATH, self.openapi),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Tell that the hub answers; the one call that needs no key."""
        del request
        return json_answer({"status": "ok"})

    async def openapi(self, request: web.Request) -> web.Response:
        """Send the document of all calls."""
        body = openapi_document()
        etag = etag_of(body)
        return unchanged(etag) if is_known(request, etag) else document(body, etag=etag)

    async def metrics(self, request: web.Request) -> web.Response:
        """Send what Prometheus asks for, to an admin of all projects: it sums up all of them."""
        Question(request)
        if not is_admin_of(request[CALLER], [Grant(ADMIN, EVERY_PROJECT)]):
            raise ProblemError(FORBIDDEN, "the metrics of a hub are for admins of every project")
        answers = dict(self._tally.answers)
        text = await self._reading.index_desk.do(reach_of(request).who, lambda: self._text(answers))
        return web.Response(body=text, headers={**INERT, "Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    def _text(self, answers: Mapping[Answered, int]) -> bytes:
        upkeep = self._reading.upkeep
        return exposition(
            Condition(
                version=version("tidelog"),
                sums=self._reading.states(),
                answers=answers,
                received_bytes=self._tally.received_bytes,
                waiting_runs=upkeep.waiting,
                is_complete=upkeep.is_complete,
                has_fault=upkeep.fault is not None,
                scans=upkeep.scans,
                scan_s=upkeep.scan_s,
                listeners=len(self._reading.changes),
            )
        )
