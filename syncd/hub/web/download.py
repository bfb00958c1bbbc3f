"""Sending bytes that came from somebody's machine: as they are, and inert."""

from collections.abc import AsyncIterator, Mapping

from aiohttp import web

from tidelog.syncd.errors import CannotStartError, ProblemError
from tidelog.syncd.hub.web.answers import INERT
from tidelog.syncd.hub.web.standing import check_standing
from tidelog.syncd.protocol import OCTETS


async def send(
    request: web.Request,
    blocks: AsyncIterator[bytes],
    *,
    size: int,
    headers: Mapping[str, str] | None = None,
    content_type: str = OCTETS,
) -> web.StreamResponse:
    """Send `size` bytes as an attachment that no browser opens by itself, unless told otherwise."""
    response = web.StreamResponse(
        headers={**INERT, "Content-Disposition": "attachment", **(headers or {})}
    )
    response.headers["Content-Type"] = content_type
    response.content_length = size
    await response.prepare(request)
    try:
        async for block in blocks:
            check_standing(request)
            await response.write(block)
    except (ProblemError, CannotStartError, FileNotFoundError) as error:
        # Revoked or deleted meanwhile, or nobody can tell. The answer has begun: it is broken off.
        raise ConnectionResetError(str(error)) from error
    await response.write_eof()
    return response
