"""How a hub answers: JSON, and every refusal as a problem document (RFC 9457).

The one place where errors become statuses. People who look with a browser get refusals as pages.
"""

import errno
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tidelog.datastore.errors import (
    DifferentBytesError,
    DifferentLogError,
    FileMismatchError,
    InvalidChunksError,
    InvalidNameError,
    OffsetMismatchError,
    PlaceTakenError,
)
from tidelog.syncd.bodies import TooLargeError
from tidelog.syncd.errors import (
    BAD_REQUEST,
    DIFFERENT_BYTES,
    DIFFERENT_LOG,
    DISK_FULL,
    FILE_MISMATCH,
    INTERNAL,
    INVALID_CHUNKS,
    INVALID_NAME,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    OFFSET_MISMATCH,
    PATH_CONFLICT,
    PROBLEM_CONTENT_TYPE,
    RETRY_AFTER_S,
    TOO_LARGE,
    UNAVAILABLE,
    CannotStartError,
    KeyNameError,
    Problem,
    ProblemError,
    ProtocolError,
)
from tidelog.syncd.hub.web.own_door import has_own_door
from tidelog.syncd.protocol import LOG_ID, PROBLEM, RETRY_AFTER, UPLOAD_OFFSET, encode_problem

logger = logging.getLogger("tidelog.hub")

# What is served came from somebody's machine: no browser may take it for a page or a script.
INERT = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

SERVER = "tidelog"

Refuse = Callable[[web.Request, ProblemError], web.Response]

_PLAIN: dict[type[Exception], Problem] = {
    InvalidNameError: INVALID_NAME,
    DifferentBytesError: DIFFERENT_BYTES,
    InvalidChunksError: INVALID_CHUNKS,
    FileMismatchError: FILE_MISMATCH,
    PlaceTakenError: PATH_CONFLICT,
    TooLargeError: TOO_LARGE,
    ProtocolError: BAD_REQUEST,
    KeyNameError: BAD_REQUEST,
}


def json_answer(
    document: Mapping[str, Any], *, headers: Mapping[str, str] | None = None, status: int = 200
) -> web.Response:
    """Return a JSON document, with 200 unless told otherwise."""
    return web.json_response(document, status=status, headers={**INERT, **(headers or {})})


async def hide_versions(request: web.Request, answer: web.StreamResponse) -> None:
    """Name no more than this program, before an answer is sent: a version tells what it is weak to."""
    del request
    answer.headers["Server"] = SERVER


def problem_answer(problem: ProblemError) -> web.Response:
    """Return a refusal; what can be tried again says when."""
    sentence = encode_problem(problem.problem.slug, problem.detail)
    headers = {**INERT, PROBLEM: sentence, **problem.headers}
    if problem.problem.status in (429, 503, 507):
        headers.setdefault(RETRY_AFTER, str(RETRY_AFTER_S))
    return web.Response(
        status=problem.problem.status,
        headers=headers,
        body=json.dumps(problem.document(), ensure_ascii=False).encode(errors="backslashreplace"),
        content_type=PROBLEM_CONTENT_TYPE,
    )


def refuse_in_words(refuse: Refuse) -> Middleware:
    """Return the middleware that lets `refuse` answer whatever a handler or the router raises."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            problem = _problem_of_router(request, error)
        except ConnectionError:
            # The other end went away; there is nobody to answer.
            raise
        except Exception as error:  # noqa: BLE001 - it is told, and in the log
            problem = problem_of(error)
            _tell(request, error, problem)
        return refuse(request, problem)

    return answer


def _tell(request: web.Request, error: Exception, problem: ProblemError) -> None:
    """Let the hub's log have what is not the other end's fault."""
    # The page's calls by the name of their route: their address may hold the secret of a share link.
    where = request.match_info.route.name if has_own_door(request) else request.rel_url.raw_path
    if problem.problem is INTERNAL:
        logger.error("%s %s failed", request.method, where, exc_info=error)
    elif isinstance(error, (OSError, CannotStartError)):
        logger.warning("%s %s: %s", request.method, where, error)


def problem_of(error: Exception) -> ProblemError:
    """Return the problem that an error is to the other end."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, OffsetMismatchError):
        return ProblemError(
            OFFSET_MISMATCH,
            str(error),
            members={"upload_offset": error.held},
            headers={UPLOAD_OFFSET: str(error.held)},
        )
    if isinstance(error, DifferentLogError):
        held = error.held.hex()
        return ProblemError(DIFFERENT_LOG, str(error), members={"log_id": held}, headers={LOG_ID: held})
    for kind, problem in _PLAIN.items():
        if isinstance(error, kind):
            return ProblemError(problem, str(error))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ProblemError(DISK_FULL, "the hub's disk is full; what was held is still held")
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return ProblemError(UNAVAILABLE, "the hub's disk takes no writes: it is mounted read-only")
    if isinstance(error, CannotStartError):
        # A file of its own, such as that of the keys, is broken while it runs: nobody is let in.
        return ProblemError(UNAVAILABLE, "the hub cannot read a file of its own; its log says which")
    # What went wrong inside is for the hub's log, not for the other end.
    return ProblemError(INTERNAL, "the hub failed at this request; its log says why")


def nothing_at(request: web.Request) -> ProblemError:
    """Return the one refusal for what is not there, and for what the caller may not know of."""
    return ProblemError(NOT_FOUND, f"there is nothing at {request.rel_url.raw_path}")


def _problem_of_router(request: web.Request, error: web.HTTPException) -> ProblemError:
    path = request.rel_url.raw_path
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return ProblemError(
            METHOD_NOT_ALLOWED,
            f"{request.method} is not for {path}; it knows {allowed}",
            headers={"Allow": allowed},
        )
    if error.status == NOT_FOUND.status:
        return nothing_at(request)
    return ProblemError(
        Problem("http", error.status, error.reason), f"{request.method} {path}: {error.reason}"
    )
