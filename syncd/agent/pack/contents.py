"""The table of contents of a pack: ranges of logs, and files, with their digests. No I/O.

It is the archive's first member, so that whoever takes the archive in knows what to expect, and can say
what did not come. Decoding believes nothing; `docs/operations.md` describes the document.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.names import check_name
from tidelog.datastore.places import check_log_name
from tidelog.syncd.agent.proof.receipt import time_text
from tidelog.syncd.agent.upload.ledger import fault_of
from tidelog.syncd.bodies import FileEntry
from tidelog.syncd.errors import SyncdError
from tidelog.syncd.protocol import WireLimits

TYPE = "pack"
VERSION = 1
CONTENTS_NAME = "tidelog-pack.json"
CONTENTS_BYTES_MAX = 32 * 1024 * 1024
"""About 200,000 logs and files."""
PIECE_BYTES_MAX = WireLimits().body_bytes_max

_LOG_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class PackError(SyncdError):
    """An archive is no pack, or not whole; the text says where it ends to be one."""


class PackedLog(NamedTuple):
    """A log from `start` to the last of `cuts`, the ends of pieces of whole chunks.

    Without any cut nothing is new in it. `sha256` is that of all bytes before the end, from 0 on.
    """

    name: str
    log_id: str
    start: int
    cuts: tuple[int, ...]
    sha256: str
    damage: tuple[tuple[int, int], ...] = ()

    @property
    def end(self) -> int:
        """The offset of the first byte that is not packed."""
        return self.cuts[-1] if self.cuts else self.start

    @property
    def member(self) -> str:
        """The member's name below its run: of a later range one that all readers leave alone."""
        return self.name if self.start == 0 else f"{self.name}.from-{self.start}.tmp"

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Yield start and end of each piece."""
        yield from zip((self.start, *self.cuts), self.cuts, strict=False)

    def damage_in(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the damaged places of a piece as the wire declares them."""
        return [(at, length) for at, length in self.damage if start <= at < end]


class PackedRun(NamedTuple):
    """A run, and what of it is packed."""

    project: str
    run: str
    logs: tuple[PackedLog, ...]
    files: tuple[FileEntry, ...]

    def __str__(self) -> str:
        return f"{self.project}/{self.run}"


class Contents(NamedTuple):
    """What a pack holds; `time` is when it was begun, in seconds since the epoch."""

    time: float
    runs: tuple[PackedRun, ...]

    @property
    def size(self) -> int:
        """How many bytes of logs and files that is."""
        return sum(size for _, _, _, size in self.members())

    def members(self) -> Iterator[tuple[str, PackedRun, PackedLog | FileEntry, int]]:
        """Yield name, run, log or file, and bytes of each member behind this table, in their order."""
        for run in self.runs:
            for log in run.logs:
                if log.cuts:
                    yield f"{run}/{log.member}", run, log, log.end - log.start
            for file in run.files:
                yield f"{run}/{file.path}", run, file, file.size


def encode_contents(contents: Contents) -> bytes:
    """Return the table as it is packed. Raises PackError where it is too long to be read again."""
    document = {
        "type": TYPE,
        "version": VERSION,
        "time": time_text(contents.time),
        "runs": [
            {
                "project": run.project,
                "run": run.run,
                "logs": [log._asdict() for log in run.logs],
                "files": [file._asdict() for file in run.files],
            }
            for run in contents.runs
        ],
    }
    data = json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
    if len(data) > CONTENTS_BYTES_MAX:
        raise PackError(
            f"the table of contents would have {len(data)} bytes; the limit is {CONTENTS_BYTES_MAX}: "
            "pack fewer runs at a time"
        )
    return data


def decode_contents(data: bytes) -> Contents:
    """Return the table. Raises PackError for anything that `encode_contents` cannot have given."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PackError(f"its table of contents is no JSON: {error}") from error
    if not isinstance(document, dict) or document.get("type") != TYPE:
        raise PackError("it is no archive that `syncd pack` wrote")
    if document.get("version") != VERSION:
        raise PackError(
            f"it is a pack of version {document.get('version')!r}; this tidelog reads version "
            f"{VERSION}: upgrade with `pip install -U tidelog`"
        )
    try:
        contents = Contents(0.0, tuple(_run(run) for run in document["runs"]))
        _refuse_doubles(name for name, *_ in contents.members())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PackError(f"its table of contents is not what `syncd pack` writes: {error}") from error
    return contents


def _run(run: Mapping[str, Any]) -> PackedRun:
    return PackedRun(
        check_name("project", run["project"]),
        check_name("run", run["run"]),
        tuple(_log(log) for log in run["logs"]),
        tuple(_file(file) for file in run["files"]),
    )


def _log(log: Mapping[str, Any]) -> PackedLog:
    packed = PackedLog(
        check_log_name(log["name"]),
        _like(_LOG_ID, log["log_id"]),
        _count(log["start"]),
        tuple(_count(cut) for cut in log["cuts"]),
        _like(_SHA256, log["sha256"]),
        tuple((_count(at), _count(length)) for at, length in log["damage"]),
    )
    if 0 < packed.start < FILE_HEADER_BYTES or packed.end == 0:
        raise ValueError(f"{packed.name} starts at {packed.start} and has {len(packed.cuts)} pieces")
    for start, end in packed.pieces():
        if not 0 < end - start <= PIECE_BYTES_MAX:
            raise ValueError(f"a piece of {packed.name} goes from {start} to {end}")
    return packed


def _file(file: Mapping[str, Any]) -> FileEntry:
    entry = FileEntry(file["path"], _count(file["size"]), _like(_SHA256, file["sha256"]))
    if (fault := fault_of(entry)) is not None:
        raise ValueError(fault)
    return entry


def _refuse_doubles(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{name!r} is there twice")
        seen.add(name)


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise ValueError(f"{value!r} is no count")
    return value


def _like(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise ValueError(f"{value!r} is not hexadecimal digits as they stand here")
    return value
