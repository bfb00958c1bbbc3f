"""Reading the body of a request: bounded in memory and in time, checked against its digest."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from tidelog.syncd.bodies import decompress
from tidelog.syncd.errors import (
    BODY_TIMEOUT,
    DIGEST_MISMATCH,
    TOO_LARGE,
    UNSUPPORTED_ENCODING,
    ProblemError,
)
from tidelog.syncd.hub.guard.guard import account_of
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.web.pace import Pace
from tidelog.syncd.hub.web.standing import check_standing
from tidelog.syncd.hub.web.turns import Turns
from tidelog.syncd.protocol import (
    CONTENT_DIGEST,
    CONTENT_ENCODING,
    ZSTD,
    WireLimits,
    decode_digest,
    encode_digest,
)


@dataclass(frozen=True, slots=True)
class Body:
    """A body as it came, and what was said about it; `found` is its SHA-256, where that is known.

    `account` is who sent it; `check_sender` raises where that one may no longer, after a wait in line.
    """

    sent: bytes
    digest: bytes
    is_compressed: bool
    found: bytes | None = None
    account: str = ""
    check_sender: Callable[[], None] = field(default=lambda: None, repr=False)

    def decode(self, limits: WireLimits) -> bytes:
        """Return the bytes that are meant. Slow: call it where nobody waits for the event loop."""
        found = self.found or hashlib.sha256(self.sent).digest()
        if found != self.digest:
            raise ProblemError(
                DIGEST_MISMATCH,
                f"{CONTENT_DIGEST} says {encode_digest(self.digest)}, the {len(self.sent)} bytes that "
                f"came have {encode_digest(found)}: send them again",
            )
        if not self.is_compressed:
            return self.sent
        return decompress(
            self.sent, bytes_max=limits.body_bytes_max, window_log_max=limits.zstd_window_log_max
        )


class BodyMemory(Turns):
    """The memory that bodies may take together; who comes when it is full waits for his turn."""

    def __init__(self, limits: HubLimits) -> None:
        share = limits.bodies_per_account_bytes_max
        super().__init__(limits.bodies_bytes_max, limits, of="bytes for bodies", share=share)

    @asynccontextmanager
    async def receive(self, request: web.Request) -> AsyncIterator[Body]:
        """Read a whole body and hold its memory while the block runs."""
        bytes_max = self._limits.wire.body_bytes_max
        is_compressed = _is_compressed(request)
        digest = decode_digest(CONTENT_DIGEST, request.headers.get(CONTENT_DIGEST))
        length = request.content_length
        if length is not None and length > bytes_max:
            raise _too_large(bytes_max, f"{CONTENT_ENCODING} aside, it has {length} bytes")
        account = account_of(request)
        async with self.take(account, bytes_max if length is None else length):
            sent, found = await _read(request, self._limits)
            check_standing(request)
            yield Body(sent, digest, is_compressed, found, account, partial(check_standing, request))


def _is_compressed(request: web.Request) -> bool:
    encoding = request.headers.get(CONTENT_ENCODING, "identity").strip().lower()
    if encoding not in ("identity", ZSTD):
        raise ProblemError(
            UNSUPPORTED_ENCODING,
            f"the body is encoded as {encoding!r}; this hub knows {ZSTD} and identity",
            headers={"Accept-Encoding": ZSTD},
        )
    return encoding == ZSTD


async def receive_json(request: web.Request, limits: HubLimits) -> bytes:
    """Return a small body of control, empty where none came. A digest is checked where it came along."""
    if request.content_length == 0 or not request.can_read_body:
        return b""
    sent = b""
    async for block in _blocks(request, limits):
        sent += block
        if len(sent) > limits.control_bytes_max:
            raise _too_large(limits.control_bytes_max, "more than that came")
    check_standing(request)
    if CONTENT_DIGEST in request.headers:
        digest = decode_digest(CONTENT_DIGEST, request.headers[CONTENT_DIGEST])
        return Body(sent, digest, is_compressed=False).decode(limits.wire)
    return sent


async def _read(request: web.Request, limits: HubLimits) -> tuple[bytes, bytes]:
    """Return a body and its SHA-256, for which there is time while its next block is on the way."""
    bytes_max = limits.wire.body_bytes_max
    # BytesIO gives its buffer away without a copy; a list of blocks would take the body's size twice.
    body, size, sha256 = io.BytesIO(), 0, hashlib.sha256()
    async for block in _blocks(request, limits):
        size += len(block)
        if size > bytes_max:
            raise _too_large(bytes_max, "more than that came")
        body.write(block)
        sha256.update(block)
    return body.getvalue(), sha256.digest()


async def _blocks(request: web.Request, limits: HubLimits) -> AsyncIterator[bytes]:
    """Yield a body as it comes. Raises 408 where it stands still, or comes too slowly."""
    now, size = asyncio.get_running_loop().time, 0
    pace = Pace(now(), rate_bytes_min=limits.rate_bytes_min, stall_s=limits.stall_s)
    while True:
        try:
            async with asyncio.timeout_at(pace.deadline):
                block = await request.content.readany()
        except TimeoutError as error:
            raise ProblemError(
                BODY_TIMEOUT,
                f"{size} bytes of the body came, then too few: {limits.rate_bytes_min} a second it must "
                f"be, with pauses of up to {limits.stall_s:g} s",
            ) from error
        if not block:
            return
        size += len(block)
        pace.moved(len(block), now())
        yield block


def _too_large(bytes_max: int, detail: str) -> ProblemError:
    return ProblemError(
        TOO_LARGE,
        f"a body may have {bytes_max} bytes; {detail}",
        members={"body_bytes_max": bytes_max},
    )
