"""What the index holds of a run: a short entry for lists, and its facts, ready to be sent. No I/O."""

import zlib
from typing import Any

import msgspec

from tidelog.datastore.as_json import encoded
from tidelog.syncd.hub.read.run_state import RunState
from tidelog.syncd.hub.web.address import RunAddress

TAGS_MAX = 64
TEXT_CHARS_MAX = 1024
CRC_BYTES = 4


class LogSize(msgspec.Struct, frozen=True, array_like=True):
    """A log as the disk has it: another one of these four, and it is to be read again."""

    name: str
    size: int
    mtime_ns: int
    inode: int

    def unread(self) -> "LogSize":
        """Return one that no log on the disk is equal to: it is to be read still."""
        return LogSize(self.name, self.size, -1, -1)


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A run in short. Times are seconds since the epoch: `heard` by the hub's clock, others the run's.

    `ended` is how its logs say that it ended, `fault` why they cannot be read.
    """

    project: str
    run: str
    name: str
    state: RunState
    ended: str | None
    exit_code: int | None
    exit_reason: str
    rows: int
    last_step: int | None
    started: float | None
    updated: float | None
    heard: float
    logs: tuple[LogSize, ...]
    files: int
    files_bytes: int
    group: str | None
    job_type: str | None
    user: str | None
    tags: tuple[str, ...]
    fault: str | None

    @property
    def address(self) -> RunAddress:
        """Which run it is."""
        return RunAddress(self.project, self.run)

    @property
    def log_bytes(self) -> int:
        """The size of all logs."""
        return sum(log.size for log in self.logs)

    @property
    def order(self) -> tuple[float, str, str]:
        """Where it stands in a list that begins with the run that was started last."""
        return -(self.started or 0.0), self.project, self.run


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """Config, summary, metadata and defined metrics of a run, each as JSON text.

    What is too long for the index is `null` and named in `left_out`.
    """

    config: bytes = b"{}"
    summary: bytes = b"{}"
    metadata: bytes = b"{}"
    metrics: bytes = b"{}"
    left_out: tuple[str, ...] = ()


class Known(msgspec.Struct, frozen=True, array_like=True):
    """All that is known of a run."""

    entry: Entry
    facts: Facts


def facts_of(parts: dict[str, dict[str, Any]], *, bytes_max: int) -> Facts:
    """Return facts as JSON; a part that is longer than `bytes_max` is left out."""
    texts, left_out = {}, []
    for name, part in parts.items():
        text = encoded(part)
        if len(text) > bytes_max:
            text = b"null"
            left_out.append(name)
        texts[name] = text
    return Facts(**texts, left_out=tuple(left_out))


def text_of(value: object) -> str | None:
    """Return what a log says as a short text for a list; None where it says nothing."""
    if value is None or value == "":
        return None
    return str(value)[:TEXT_CHARS_MAX]


def tags_of(value: object) -> tuple[str, ...]:
    """Return the tags that a log names, as many as a list shows."""
    tags = value if isinstance(value, (list, tuple)) else ()
    return tuple(str(tag)[:TEXT_CHARS_MAX] for tag in tags[:TAGS_MAX])


def seal(value: msgspec.Struct) -> bytes:
    """Return what is stored: msgpack behind its CRC-32, since LMDB proves nothing."""
    packed = msgspec.msgpack.encode(value)
    return zlib.crc32(packed).to_bytes(CRC_BYTES, "little") + packed


_entries = msgspec.msgpack.Decoder(Entry)
_facts = msgspec.msgpack.Decoder(Facts)


def open_entry(sealed: bytes) -> Entry | None:
    """Return what was sealed, None where it is damaged or of another version."""
    entry: Entry | None = _open(sealed, _entries)
    return entry


def open_facts(sealed: bytes) -> Facts | None:
    """Return what was sealed, None where it is damaged or of another version."""
    facts: Facts | None = _open(sealed, _facts)
    return facts


def _open(sealed: bytes, decoder: "msgspec.msgpack.Decoder[Any]") -> Any:
    packed = sealed[CRC_BYTES:]
    if zlib.crc32(packed).to_bytes(CRC_BYTES, "little") != sealed[:CRC_BYTES]:
        return None
    try:
        return decoder.decode(packed)
    except msgspec.DecodeError:
        return None
