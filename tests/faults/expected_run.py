"""What a reader must find in a crash state, worked out from what was written: no reader is asked."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgpack
from faults.crash_states import FILE_HEADER_BYTES, SECTOR_BYTES, Found, State
from faults.recording_disk import Call, Named, Written

from tidelog.datastore.scan import Damage, TornTail

CHUNK_HEADER_BYTES = 20
RECORDS, CHECKPOINT = 1, 2
SCHEMA, ROW, RUN = 0, 1, 2


class WrittenChunk(NamedTuple):
    """A chunk as it was handed to the disk."""

    start: int
    end: int
    seq: int
    content: Any

    @property
    def records(self) -> list[list[Any]]:
        return self.content if isinstance(self.content, list) else []

    @property
    def checkpoint(self) -> dict[str, Any]:
        return self.content if isinstance(self.content, dict) else {}


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to be read in a run, in reading order."""

    rows: list[int]
    damage: list[Damage]
    torn_tails: list[TornTail]


class WrittenLog:
    """A log as it would be on a disk that loses nothing."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.log_id = data[8:24].hex()
        self.chunks: list[WrittenChunk] = []
        at = FILE_HEADER_BYTES
        while at + CHUNK_HEADER_BYTES <= len(data) and at + self._chunk_bytes(at) <= len(data):
            end = at + self._chunk_bytes(at)
            payload = msgpack.Unpacker(strict_map_key=False)
            payload.feed(data[at + CHUNK_HEADER_BYTES : end])
            content = list(payload) if data[at + 2] == RECORDS else payload.unpack()
            (seq,) = struct.unpack_from("<I", data, at + 8)
            self.chunks.append(WrittenChunk(at, end, seq, content))
            at = end

    def left_in(self, data: bytes) -> list[WrittenChunk]:
        """Return the chunks that are whole in what is left of the file."""
        return [c for c in self.chunks if data[c.start : c.end] == self.data[c.start : c.end]]

    def has_begun(self, data: bytes, at: int) -> bool:
        """Tell whether `data` is the beginning, and not all, of the chunk written at `at`."""
        if len(data) < CHUNK_HEADER_BYTES:
            return True
        is_header = data[:CHUNK_HEADER_BYTES] == self.data[at : at + CHUNK_HEADER_BYTES]
        return is_header and self._chunk_bytes(at) > len(data)

    def _chunk_bytes(self, at: int) -> int:
        (length,) = struct.unpack_from("<I", self.data, at + 4)
        return CHUNK_HEADER_BYTES + int(length)


class WrittenRun:
    """All logs of a recording, by the number of their file."""

    def __init__(self, calls: Sequence[Call]) -> None:
        logs: dict[int, bytes] = {}
        for call in calls:
            if isinstance(call, Named):
                logs |= {file: b"" for name, file in call.names if file is not None and is_log(name)}
            elif isinstance(call, Written) and call.file in logs:
                logs[call.file] += call.data
        self._logs = {
            file: WrittenLog(data) for file, data in logs.items() if len(data) >= FILE_HEADER_BYTES
        }

    def expected(self, state: State, directory: str) -> Expected:
        """Return what is to be read of the logs of a directory in a state."""
        logs = sorted(
            (path.removeprefix(f"{directory}/"), found)
            for path, found in state.files.items()
            if path.startswith(f"{directory}/") and is_log(path)
        )
        damage: list[Damage] = []
        tails: list[TornTail] = []
        readable: list[tuple[WrittenLog, list[WrittenChunk]]] = []
        for name, found in logs:
            log, used = self._read(name, found, damage, tails)
            if log is not None:
                readable.append((log, used))
        superseded = {
            (log_id, seq)
            for _, used in readable
            for chunk in used
            for record in chunk.records
            if record[0] == RUN
            for log_id, first, end in record[2].get("supersedes", [])
            for seq in range(first, end)
        }
        rows = [
            record[4]
            for log, used in readable
            for chunk in used
            if (log.log_id, chunk.seq) not in superseded
            for record in chunk.records
            if record[0] == ROW
        ]
        return Expected(rows, damage, tails)

    def _read(
        self, name: str, found: Found, damage: list[Damage], tails: list[TornTail]
    ) -> tuple[WrittenLog | None, list[WrittenChunk]]:
        """Return a log and those of its chunks whose records count; note what is wrong with it."""
        log, data = self._logs.get(found.file), found.data
        whole = log.left_in(data) if log is not None else []
        if log is None or (data[:FILE_HEADER_BYTES] != log.data[:FILE_HEADER_BYTES] and not whole):
            if len(data) < FILE_HEADER_BYTES:
                tails.append(TornTail(name, 0, len(data)))
            else:
                damage.append(Damage(name, 0, len(data), 1))
            return None, []
        if data[:FILE_HEADER_BYTES] != log.data[:FILE_HEADER_BYTES]:
            damage.append(Damage(name, 0, FILE_HEADER_BYTES, 0))
        used, lost = _split_by_schema(whole)
        between = list(_between(name, whole))
        between += [Damage(name, chunk.start, chunk.end - chunk.start, 1) for chunk in lost]
        damage += sorted(between)
        end = whole[-1].end if whole else FILE_HEADER_BYTES
        if len(data) > end:
            if _is_torn(log, data[end:], end):
                tails.append(TornTail(name, end, len(data) - end))
            else:
                damage.append(Damage(name, end, len(data) - end, 1))
        return log, used


def is_log(name: str) -> bool:
    return name.endswith(".tlog")


def _between(name: str, whole: list[WrittenChunk]) -> Iterator[Damage]:
    """Yield what is missing before each whole chunk."""
    end, seq = FILE_HEADER_BYTES, 0
    for chunk in whole:
        if (chunk.start, chunk.seq) != (end, seq):
            yield Damage(name, end, chunk.start - end, chunk.seq - seq)
        end, seq = chunk.end, chunk.seq + 1


def _split_by_schema(whole: list[WrittenChunk]) -> tuple[list[WrittenChunk], list[WrittenChunk]]:
    """Split chunks into those whose rows have names, told before or by a checkpoint, and others."""
    known: set[int] = set()
    used: list[WrittenChunk] = []
    lost: list[WrittenChunk] = []
    for at, chunk in enumerate(whole):
        known |= {entry[0] for entry in chunk.checkpoint.get("schemas", [])}
        known |= {record[1] for record in chunk.records if record[0] == SCHEMA}
        later = {e[0] for c in whole[at + 1 :] for e in c.checkpoint.get("schemas", [])}
        needed = {record[1] for record in chunk.records if record[0] == ROW}
        (used if needed <= known | later else lost).append(chunk)
    return used, lost


def _is_torn(log: WrittenLog, tail: bytes, at: int) -> bool:
    """Tell whether bytes behind the last whole chunk are an unfinished one, as docs/format.md says."""
    if log.has_begun(tail, at) or not tail.strip(b"\0"):
        return True
    written = len(tail.rstrip(b"\0"))
    sector = -(-(at + written) // SECTOR_BYTES) * SECTOR_BYTES
    return sector < at + len(tail) and log.has_begun(tail[:written], at)
