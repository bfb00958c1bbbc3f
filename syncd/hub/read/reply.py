"""Answers that a program may ask for again and again: JSON with an ETag, 304 where nothing is new."""

import hashlib

from aiohttp import web

from tidelog.syncd.hub.web.answers import INERT
from tidelog.syncd.protocol import JSON

ETAG = "ETag"
_ETAG_HEX = 32

# To be kept and asked for again, by whom it was sent to and nobody between.
_FRESH = {**INERT, "Cache-Control": "private, no-cache"}


def etag_of(*parts: object) -> str:
    """Return what names an answer by all that it depends on."""
    return f'"{hashlib.sha256(repr(parts).encode(errors="surrogatepass")).hexdigest()[:_ETAG_HEX]}"'


def is_known(request: web.Request, etag: str) -> bool:
    """Tell whether whoever asks has this answer already."""
    offered = request.headers.get("If-None-Match", "")
    # A proxy that compresses makes the tag a weak one; for a GET the two count as equal.
    tags = [tag.strip().removeprefix("W/") for tag in offered.split(",")]
    return etag in tags or offered.strip() == "*"


def unchanged(etag: str) -> web.Response:
    """Return 304."""
    return web.Response(status=304, headers={**_FRESH, ETAG: etag})


def document(body: bytes, *, etag: str | None = None) -> web.Response:
    """Return 200 with a JSON document that is encoded already."""
    headers = _FRESH if etag is None else {**_FRESH, ETAG: etag}
    return web.Response(body=body, headers=headers, content_type=JSON)
