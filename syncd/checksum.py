"""The checksum of a request or an answer: over all that the digest of a body leaves out. No I/O.

TCP lets a garbled byte through now and then, and middle boxes more often. Where there is no TLS, this
keeps a hub from taking rows for another run, and an agent from believing in an offset that no hub told.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from tidelog.syncd.protocol import (
    AUTHORIZATION,
    CONTENT_DIGEST,
    CONTENT_ENCODING,
    DAMAGE,
    LOG_ID,
    PROBLEM,
    REPR_DIGEST,
    RETRY_AFTER,
    UPLOAD_COMPLETE,
    UPLOAD_LENGTH,
    UPLOAD_OFFSET,
    encode_digest,
)

VERSION: Final = "/v1/"
OF_REQUEST: Final = (
    AUTHORIZATION,
    CONTENT_DIGEST,
    CONTENT_ENCODING,
    DAMAGE,
    LOG_ID,
    UPLOAD_COMPLETE,
    UPLOAD_LENGTH,
    UPLOAD_OFFSET,
)
OF_ANSWER: Final = (LOG_ID, PROBLEM, REPR_DIGEST, RETRY_AFTER, UPLOAD_COMPLETE, UPLOAD_OFFSET)


def request_checksum(method: str, address: str, headers: Mapping[str, str]) -> str:
    """Return the value of `Tidelog-Checksum` for a request; its body is there by its digest.

    The address counts decoded, and from its version on: a proxy may encode it in its own way, and hang
    a hub below another path.
    """
    _, version, rest = address.partition(VERSION)
    return _checksum([method.encode(), unquote_to_bytes(version + rest), *_values(headers, OF_REQUEST)])


def answer_checksum(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Return the value of `Tidelog-Checksum` for an answer; one to HEAD has an empty body."""
    digest = hashlib.sha256(body).digest()
    return _checksum([str(status).encode(), *_values(headers, OF_ANSWER), digest])


def _values(headers: Mapping[str, str], names: Iterable[str]) -> Iterable[bytes]:
    # A header's bytes come in as surrogates where they are no text.
    return (headers.get(name, "").encode(errors="surrogateescape") for name in names)


def _checksum(parts: Iterable[bytes]) -> str:
    sha256 = hashlib.sha256()
    for part in parts:
        sha256.update(b"%d:" % len(part) + part)
    return encode_digest(sha256.digest())
