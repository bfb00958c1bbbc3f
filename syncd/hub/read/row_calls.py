"""The calls that read the logs of a run: its series of numbers, sampled, and the media in its rows."""

from collections.abc import Callable

from aiohttp import web

from tidelog.syncd.errors import ProtocolError
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.read.documents import History, MediaList, encoded
from tidelog.syncd.hub.read.history import STEP, TIME, Wanted
from tidelog.syncd.hub.read.media import Place
from tidelog.syncd.hub.read.question import Question, reach_of
from tidelog.syncd.hub.read.reading import NO_NEXT, Reading
from tidelog.syncd.hub.read.reply import document, etag_of, is_known, unchanged
from tidelog.syncd.hub.web.address import HISTORY_ROUTE, MEDIA_ROUTE, RunAddress, run_of
from tidelog.syncd.hub.web.answers import nothing_at

POINTS_MIN = 4
MEDIA_PAGE = 500


class RowCalls:
    """GET of a run's history and media."""

    def __init__(self, reading: Reading, limits: HubLimits) -> None:
        self._reading = reading
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [web.get(HISTORY_ROUTE, self.history), web.get(MEDIA_ROUTE, self.media)]

    async def history(self, request: web.Request) -> web.Response:
        """Send series, each sampled to so many points."""
        run = run_of(request.rel_url.raw_path)
        return await self.history_of(request, run, reach_of(request).who)

    async def history_of(self, request: web.Request, run: RunAddress, who: str) -> web.Response:
        """Send the series of a run that `who` may read."""
        wanted = self._wanted(Question(request, "keys", "stream", "points", "x"))
        return await self._answer(request, run, who, wanted, lambda: self._reading.history(run, wanted))

    async def media(self, request: web.Request) -> web.Response:
        """List media in the order of logging."""
        run = run_of(request.rel_url.raw_path)
        question = Question(request, "key", "limit", "after")
        key, after = question.text("key"), place_of(question.text("after"))
        limit = question.number("limit", MEDIA_PAGE, least=1, most=self._limits.media_page_max)
        return await self._answer(
            request,
            run,
            reach_of(request).who,
            (key, after, limit),
            lambda: self._reading.media(run, key=key, after=after, limit=limit),
        )

    async def _answer(
        self,
        request: web.Request,
        run: RunAddress,
        who: str,
        wanted: object,
        read: Callable[[], History | MediaList | None],
    ) -> web.Response:
        """Read in a thread, unless whoever asks has the answer for logs of these sizes already."""
        sizes = await self._reading.index_desk.do(who, lambda: self._reading.sizes(run))
        if not sizes:
            raise nothing_at(request)
        etag = etag_of(sizes, wanted)
        if is_known(request, etag):
            return unchanged(etag)

        def answer() -> tuple[bytes, bool] | None:
            found = read()
            return None if found is None else (encoded(found), found.complete)

        answered = await self._reading.log_desk.do(who, answer)
        if answered is None:
            raise nothing_at(request)
        body, is_complete = answered
        # What was cut short may be longer next time.
        return document(body, etag=etag if is_complete else None)

    def _wanted(self, question: Question) -> Wanted:
        limits = self._limits
        points = question.number(
            "points", limits.points_default, least=POINTS_MIN, most=limits.points_max
        )
        return Wanted(
            keys=question.texts("keys") or ["*"],
            streams=question.texts("stream"),
            points=points,
            series_max=min(limits.series_max, limits.points_together_max // points),
            x=question.choice("x", STEP, (STEP, TIME)),
        )


def place_of(text: str | None) -> Place | None:
    """Return where a page of media begins. Raises ProtocolError where the text is no `next`."""
    if text is None:
        return None
    log, _, number = text.partition("/")
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise ProtocolError(NO_NEXT)
    return Place(log, int(number))
