"""The calls about files: which are missing, many small ones at once, a large one in parts."""

from aiohttp import web

from tidelog.datastore.replica_files import HeldFile
from tidelog.syncd.errors import TOO_LARGE, ProblemError
from tidelog.syncd.hub.guard.guard import account_of
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.receive.store import FilePart, Store
from tidelog.syncd.hub.web.address import BATCH_ROUTE, FILE_ROUTE, MISSING_ROUTE, file_of, run_of
from tidelog.syncd.hub.web.answers import INERT, json_answer, nothing_at
from tidelog.syncd.hub.web.body import BodyMemory
from tidelog.syncd.hub.web.download import send
from tidelog.syncd.protocol import (
    UPLOAD_COMPLETE,
    UPLOAD_LENGTH,
    UPLOAD_OFFSET,
    decode_boolean,
    decode_integer,
    decode_sha256,
    encode_boolean,
)


class FileCalls:
    """POST of lists and batches; HEAD, PUT, PATCH and GET of one file."""

    def __init__(self, store: Store, memory: BodyMemory, limits: HubLimits) -> None:
        self._store = store
        self._memory = memory
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """Return what the router needs."""
        return [
            web.post(MISSING_ROUTE, self.missing),
            web.post(BATCH_ROUTE, self.batch),
            web.head(FILE_ROUTE, self.head),
            web.put(FILE_ROUTE, self.put),
            web.patch(FILE_ROUTE, self.patch),
            web.get(FILE_ROUTE, self.get, allow_head=False),
        ]

    async def missing(self, request: web.Request) -> web.Response:
        """Tell which files of a list are not held."""
        address = run_of(request.rel_url.raw_path)
        async with self._memory.receive(request) as body:
            paths = await self._store.missing_files(address, body)
        return json_answer({"missing": paths})

    async def batch(self, request: web.Request) -> web.Response:
        """Take many small files in one body."""
        address = run_of(request.rel_url.raw_path)
        async with self._memory.receive(request) as body:
            paths = await self._store.put_files(address, body)
        return json_answer({"stored": paths})

    async def head(self, request: web.Request) -> web.Response:
        """Tell how much is held of one version of a file."""
        address = file_of(request.rel_url.raw_path)
        held = await self._store.held_file(address, sha256=_sha256(request), by=account_of(request))
        if held is None:
            raise nothing_at(request)
        return web.Response(headers={**INERT, **_headers(held)})

    async def put(self, request: web.Request) -> web.Response:
        """Take a large file from its start, whole or its first part."""
        return await self._take(request, offset=0)

    async def patch(self, request: web.Request) -> web.Response:
        """Take a further part of a large file."""
        offset = decode_integer(UPLOAD_OFFSET, request.headers.get(UPLOAD_OFFSET))
        return await self._take(request, offset=offset)

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Send a file."""
        address = file_of(request.rel_url.raw_path)
        size = await self._store.file_size(address)
        if size is None:
            raise nothing_at(request)
        return await send(request, self._store.read_file(address), size=size)

    async def _take(self, request: web.Request, *, offset: int) -> web.Response:
        address = file_of(request.rel_url.raw_path)
        part = FilePart(
            _sha256(request),
            offset,
            self._length(request),
            decode_boolean(UPLOAD_COMPLETE, request.headers.get(UPLOAD_COMPLETE)),
        )
        async with self._memory.receive(request) as body:
            held = await self._store.put_part(address, body, part)
        document = {"upload_offset": held.offset, "upload_complete": held.is_complete}
        return json_answer(document, headers=_headers(held))

    def _length(self, request: web.Request) -> int:
        length = decode_integer(UPLOAD_LENGTH, request.headers.get(UPLOAD_LENGTH))
        limit = self._limits.wire.file_bytes_max
        if length > limit:
            raise ProblemError(TOO_LARGE, f"the file has {length} bytes; this hub takes up to {limit}")
        return length


def _sha256(request: web.Request) -> str:
    return decode_sha256("the query's sha256", request.query.get("sha256"))


def _headers(held: HeldFile) -> dict[str, str]:
    return {
        UPLOAD_OFFSET: str(held.offset),
        UPLOAD_COMPLETE: encode_boolean(value=held.is_complete),
    }
