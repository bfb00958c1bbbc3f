"""As what a file may be shown: by its first bytes, never by what somebody says of it. No I/O."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from tidelog.syncd.hub.page.headers import DOCUMENT_HEADERS, DOWNLOAD_HEADERS, PICTURE_HEADERS
from tidelog.syncd.protocol import OCTETS

START_BYTES: Final = 16

_DOCUMENTS: Final = {
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
    ".htm": "text/html; charset=utf-8",
}
PICTURE_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp")


class MediaKind(NamedTuple):
    """The type that a file is sent as, and the headers that keep it in its place."""

    content_type: str
    headers: Mapping[str, str]


def kind_of(path: str, start: bytes) -> MediaKind:
    """Return as what a file is sent; all that is no picture and no document is a download."""
    picture = _picture_type(start)
    if picture is not None:
        return MediaKind(picture, PICTURE_HEADERS)
    for ending, content_type in _DOCUMENTS.items():
        if path.lower().endswith(ending):
            return MediaKind(content_type, DOCUMENT_HEADERS)
    return MediaKind(OCTETS, DOWNLOAD_HEADERS)


def looks_like_picture(path: str) -> bool:
    """Tell whether the page shows a file in place: only a guess by its name, before it is read."""
    return path.lower().endswith(PICTURE_ENDINGS)


def _picture_type(start: bytes) -> str | None:
    """Return the type of a raster picture by its signature (WHATWG MIME Sniffing, 6.1)."""
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if start[:4] == b"RIFF" and start[8:14] == b"WEBPVP":
        return "image/webp"
    return None
