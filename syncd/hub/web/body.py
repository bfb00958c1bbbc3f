"""Reading the body of a request: bounded in memory and in time, checked against its digest."""

import asyncio
import contextlib
import hashlib
import io
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from tidelog.syncd.bodies import decompress
from tidelog.syncd.errors import (
    BODY_TIMEOUT,
    DIGEST_MISMATCH,
    TOO_LARGE,
    UNAVAILABLE,
    UNSUPPORTED_ENCODING,
    ProblemError,
)
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.web.pace import Pace
from tidelog.syncd.hub.web.standing import check_standing
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
    """A body as it came, and what was said about it; `found` is its SHA-256, where that is known."""

    sent: bytes
    digest: bytes
    is_compressed: bool
    found: bytes | None = None

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


class BodyMemory:
    """The memory that bodies may take together; who comes when it is full waits in line."""

    def __init__(self, limits: HubLimits) -> None:
        self._limits = limits
        self._free = limits.bodies_bytes_max
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def __repr__(self) -> str:
        return f"<BodyMemory, {self._free} bytes free, {len(self._waiting)} waiting>"

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Hold `size` bytes, or all of the memory where it is more; 503 where that takes too long."""
        size = min(size, self._limits.bodies_bytes_max)
        if self._waiting or size > self._free:
            await self._wait_for(size)
        else:
            self._free -= size
        try:
            yield
        finally:
            self._free += size
            self._serve()

    async def _wait_for(self, size: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            async with asyncio.timeout(self._limits.body_wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The turn came in the same moment; it goes to the next in line.
                self._free += size
            with contextlib.suppress(ValueError):
                self._waiting.remove((size, turn))
            self._serve()
            if not isinstance(error, TimeoutError):
                raise
            raise ProblemError(
                UNAVAILABLE,
                f"other bodies fill the {self._limits.bodies_bytes_max} bytes that this hub has for "
                "them: try again",
            ) from error

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= size
                turn.set_result(None)


@asynccontextmanager
async def receive(request: web.Request, memory: BodyMemory, limits: HubLimits) -> AsyncIterator[Body]:
    """Read a whole body and hold its memory while the block runs."""
    bytes_max = limits.wire.body_bytes_max
    encoding = request.headers.get(CONTENT_ENCODING, "identity").strip().lower()
    if encoding not in ("identity", ZSTD):
        raise ProblemError(
            UNSUPPORTED_ENCODING,
            f"the body is encoded as {encoding!r}; this hub knows {ZSTD} and identity",
            headers={"Accept-Encoding": ZSTD},
        )
    digest = decode_digest(CONTENT_DIGEST, request.headers.get(CONTENT_DIGEST))
    length = request.content_length
    if length is not None and length > bytes_max:
        raise _too_large(bytes_max, f"{CONTENT_ENCODING} aside, it has {length} bytes")
    async with memory.hold(bytes_max if length is None else length):
        sent, found = await _read(request, limits)
        check_standing(request)
        yield Body(sent, digest, encoding == ZSTD, found)


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
