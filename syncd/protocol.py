"""What agent and hub agree on: addresses, headers and how their values are written, limits.

Never does I/O; `docs/protocol.md` is the text. What comes from the other end is refused with
`ProtocolError`, which names the header or the field, the value and what was expected.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

from tidelog.syncd.errors import ProtocolError

DEFAULT_HUB: Final = "http://127.0.0.1:7070"
DEFAULT_LISTEN: Final = "127.0.0.1:7070"

AUTHORIZATION: Final = "Authorization"
BEARER: Final = "Bearer "
KEY_PREFIX: Final = "tide_"
CONTENT_DIGEST: Final = "Content-Digest"
CONTENT_ENCODING: Final = "Content-Encoding"
REPR_DIGEST: Final = "Repr-Digest"
UPLOAD_OFFSET: Final = "Upload-Offset"
UPLOAD_LENGTH: Final = "Upload-Length"
UPLOAD_COMPLETE: Final = "Upload-Complete"
RETRY_AFTER: Final = "Retry-After"
LOG_ID: Final = "Tidelog-Log-Id"
DAMAGE: Final = "Tidelog-Damage"
CHECKSUM: Final = "Tidelog-Checksum"
PROBLEM: Final = "Tidelog-Problem"

ZSTD: Final = "zstd"
OCTETS: Final = "application/octet-stream"
JSON: Final = "application/json"
MSGPACK: Final = "application/vnd.msgpack"

HEALTH_PATH: Final = "/healthz"
RUNS_PATH: Final = "/v1/runs"
EVENTS_PATH: Final = "/v1/events"
OPENAPI_PATH: Final = "/v1/openapi.json"
METRICS_PATH: Final = "/metrics"
KEYS_PATH: Final = "/v1/keys"
OWN_KEY_PATH: Final = "/v1/keys/self"

SHA256_BYTES: Final = 32

# What an agent aims at; far below what a hub accepts, so that a memory limit holds at both ends.
APPEND_BYTES_AIM: Final = 8 * 1024 * 1024
BATCH_BYTES_AIM: Final = 8 * 1024 * 1024
SMALL_FILE_BYTES_MAX: Final = 1024 * 1024

SENTENCE_SAFE: Final = " !\"'()*,/:;<=>?@[]`{|}"
SENTENCE_CHARS_MAX: Final = 1000

_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):(?:;[^,]*)?\s*")
_INTEGER = re.compile(r"[0-9]{1,15}", re.ASCII)
_RANGE = re.compile(r"\s*([0-9]{1,15})\+([0-9]{1,15})\s*", re.ASCII)
_LOG_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WireLimits:
    """What a hub accepts at most; each is checked before memory is taken."""

    body_bytes_max: int = 32 * 1024 * 1024
    """One decoded body. An append that damage makes longer than this cannot travel."""
    zstd_window_log_max: int = 23
    """A body may be compressed with a window of at most 8 MiB."""
    damage_ranges_max: int = 256
    """Ranges in one `Tidelog-Damage` header."""
    missing_files_max: int = 4096
    """Entries in one `files:missing`."""
    batch_files_max: int = 4096
    """Files in one `files:batch`."""
    held_bytes_max: int = 1024 * 1024
    """One `runs:held`, decoded: small runs would else make many objects."""
    held_runs_max: int = 1000
    """Runs in one `runs:held`."""
    held_logs_max: int = 4096
    """Logs of all of them."""
    file_bytes_max: int = 1 << 40
    """One uploaded file."""


class Range(NamedTuple):
    """Bytes of a log: where they start, and how many. A gap without bytes has length 0."""

    offset: int
    length: int


# -- addresses -----------------------------------------------------------------------------------


def run_path(project: str, run: str) -> str:
    """Return the address of a run; every name becomes one percent-encoded segment."""
    return f"/v1/projects/{encode_segment(project)}/runs/{encode_segment(run)}"


def restore_path(project: str, run: str) -> str:
    """Return where a deleted run is taken back."""
    return f"{run_path(project, run)}/restore"


def shares_path(project: str, run: str, share: str | None = None) -> str:
    """Return the address of the share links of a run, or of the end of one."""
    end = "" if share is None else f"/{encode_segment(share)}/revoke"
    return f"{run_path(project, run)}/shares{end}"


def log_path(project: str, run: str, log: str) -> str:
    """Return the address of one log."""
    return f"{run_path(project, run)}/logs/{encode_segment(log)}"


def held_path(project: str) -> str:
    """Return where to ask whether a hub still holds runs of a project."""
    return f"/v1/projects/{encode_segment(project)}/runs:held"


def missing_path(project: str, run: str) -> str:
    """Return where to ask which files a hub lacks."""
    return f"{run_path(project, run)}/files:missing"


def batch_path(project: str, run: str) -> str:
    """Return where many small files go at once."""
    return f"{run_path(project, run)}/files:batch"


def file_path(project: str, run: str, path: str, *, sha256: str | None = None) -> str:
    """Return the address of one file; `sha256` (hexadecimal) names the version that is meant."""
    segments = "/".join(encode_segment(part) for part in path.split("/"))
    query = "" if sha256 is None else f"?sha256={sha256}"
    return f"{run_path(project, run)}/files/{segments}{query}"


def encode_segment(name: str) -> str:
    """Return a name as one segment of an address: all but letters, digits and `_.-~` is encoded."""
    return quote(name, safe="")


def decode_segment(segment: str) -> str:
    """Return the name that a raw segment of an address holds."""
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(f"the address holds {segment!r}, which is not UTF-8") from error


# -- header values -------------------------------------------------------------------------------


def digest_header(data: bytes) -> str:
    """Return the value of `Content-Digest` for a body."""
    return encode_digest(hashlib.sha256(data).digest())


def encode_digest(sha256: bytes) -> str:
    """Return a SHA-256 the way `Content-Digest` and `Repr-Digest` write it (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(sha256).decode('ascii')}:"


def decode_digest(name: str, value: str | None) -> bytes:
    """Return the SHA-256 of a digest header; other algorithms beside it are passed over."""
    for member in _given(name, value).split(","):
        match = _MEMBER.fullmatch(member)
        if match is None:
            raise _bad(name, value, "sha-256=:<base64>:")
        if match[1] == "sha-256":
            try:
                digest = base64.b64decode(match[2], validate=True)
            except binascii.Error as error:
                raise _bad(name, value, "sha-256=:<base64>:") from error
            if len(digest) != SHA256_BYTES:
                raise _bad(name, value, f"{SHA256_BYTES} bytes of SHA-256")
            return digest
    raise _bad(name, value, "a sha-256 member")


def decode_integer(name: str, value: str | None) -> int:
    """Return a header's number: decimal digits alone, at most 15 of them."""
    if _INTEGER.fullmatch(_given(name, value)) is None:
        raise _bad(name, value, "a decimal number of at most 15 digits")
    return int(value or "")


def encode_boolean(*, value: bool) -> str:
    """Return a truth value as structured fields write it (RFC 9651)."""
    return "?1" if value else "?0"


def decode_boolean(name: str, value: str | None) -> bool:
    """Return a header's truth value."""
    if _given(name, value) not in ("?0", "?1"):
        raise _bad(name, value, "?0 or ?1")
    return value == "?1"


def decode_log_id(value: str | None) -> bytes:
    """Return the 16 bytes of a `Tidelog-Log-Id`."""
    if _LOG_ID.fullmatch(_given(LOG_ID, value)) is None:
        raise _bad(LOG_ID, value, "32 lower-case hexadecimal digits")
    return bytes.fromhex(value or "")


def decode_sha256(name: str, value: object) -> str:
    """Return `value` where it is a SHA-256 in lower-case hexadecimal."""
    if not isinstance(value, str) or _SHA256.fullmatch(value) is None:
        raise _bad(name, value, "64 lower-case hexadecimal digits")
    return value


def encode_damage(ranges: Iterable[Sequence[int]]) -> str:
    """Return the value of `Tidelog-Damage`: `offset+length`, comma-separated."""
    return ", ".join(f"{one[0]}+{one[1]}" for one in ranges)


def decode_damage(value: str | None, *, ranges_max: int) -> tuple[Range, ...]:
    """Return the ranges of a `Tidelog-Damage`; without the header, none."""
    if not value:
        return ()
    # Counted before it is split, so that a long header makes no long list.
    if value.count(",") >= ranges_max:
        raise ProtocolError(f"{DAMAGE} holds more than {ranges_max} ranges; send shorter appends")
    ranges = []
    for text in value.split(","):
        match = _RANGE.fullmatch(text)
        if match is None:
            raise _bad(DAMAGE, value, "ranges like 4096+512, 9000+20")
        ranges.append(Range(int(match[1]), int(match[2])))
    return tuple(ranges)


def encode_problem(slug: str, detail: str) -> str:
    """Return the value of `Tidelog-Problem`: the code, and the sentence as a header can have it."""
    return f"{slug} {quote(detail, safe=SENTENCE_SAFE, errors='replace')[:SENTENCE_CHARS_MAX]}"


def decode_problem(value: str | None) -> tuple[str, str]:
    """Return code and sentence of a `Tidelog-Problem`, both empty without the header."""
    slug, _, sentence = (value or "").partition(" ")
    return slug, unquote(sentence, errors="replace")


def _given(name: str, value: str | None) -> str:
    if value is None:
        raise ProtocolError(f"the header {name} is missing")
    return value


def _bad(name: str, value: object, expected: str) -> ProtocolError:
    text = repr(value)
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    return ProtocolError(f"{name} is {shown}; expected {expected}")
