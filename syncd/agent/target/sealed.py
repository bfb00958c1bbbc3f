"""A body ready to travel: squeezed where that is worth it, its digest known. No I/O."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from tidelog.syncd.bodies import compress
from tidelog.syncd.protocol import CONTENT_DIGEST, CONTENT_ENCODING, ZSTD, digest_header

COMPRESSED_BYTES_MIN: Final = 1024
WORTH_RATIO: Final = 0.9


class Sealed(NamedTuple):
    """The bytes as they travel, and the headers that say what they are."""

    body: bytes
    headers: Mapping[str, str]


def seal(data: bytes, *, is_squeezed: bool) -> Sealed:
    """Return `data` ready to travel. Slow: call it where nobody waits for the event loop."""
    body = compress(data) if is_squeezed and len(data) >= COMPRESSED_BYTES_MIN else data
    if body is data or len(body) > WORTH_RATIO * len(data):
        return Sealed(data, {CONTENT_DIGEST: digest_header(data)})
    return Sealed(body, {CONTENT_DIGEST: digest_header(body), CONTENT_ENCODING: ZSTD})
