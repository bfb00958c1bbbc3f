"""Checksums of requests and answers: a garbled request is refused before anyone looks at it."""

from aiohttp import web
from aiohttp.typedefs import Handler

from tidelog.syncd.checksum import answer_checksum, request_checksum
from tidelog.syncd.errors import DIGEST_MISMATCH, ProblemError
from tidelog.syncd.protocol import CHECKSUM


@web.middleware
async def sign_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each answer that is whole in memory its checksum; what is streamed has a digest elsewhere."""
    answer = await handler(request)
    if isinstance(answer, web.Response):
        body = answer.body if isinstance(answer.body, bytes) and request.method != "HEAD" else b""
        answer.headers[CHECKSUM] = answer_checksum(answer.status, answer.headers, body)
    return answer


@web.middleware
async def check_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request whose checksum does not hold; one without is taken as it is."""
    said = request.headers.get(CHECKSUM)
    if said is not None:
        found = request_checksum(request.method, request.rel_url.raw_path_qs, request.headers)
        if said != found:
            raise ProblemError(
                DIGEST_MISMATCH,
                f"{CHECKSUM} says {said[:80]}, the address and the headers that came have {found}: "
                "send them again",
            )
    return await handler(request)
