"""The golden logs as they are built: what writes them must give the same bytes for ever."""

import struct
from typing import Any

import msgpack
from log_spec import LOG_ID, TIME, LogSpec, log_of_every_kind

from tidelog.datastore.format import (
    CHECKPOINT,
    CHUNK_HEADER_BYTES,
    FILE_HEADER_BYTES,
    FINAL,
    RECORDS,
    crc32,
)
from tidelog.datastore.records import (
    CONFIG,
    EXIT,
    FILE,
    METRIC,
    NOTED_KINDS,
    ROW,
    RUN,
    SCHEMA,
    SUPERSEDES,
    Histogram,
)
from tidelog.datastore.scan import SECTOR_BYTES

FROM_THE_FUTURE = 9
PROCESS = {"host": "node1", "boot_id": "2f0c", "pid": 4242, "pid_started": 77}
SAVED = {"path": "files/m.npz", "size": 3, "sha256": "ab" * 32, "policy": "now"}


def _flipped(log: LogSpec, at: int) -> bytes:
    data = bytearray(log.data)
    data[at] ^= 0x10
    return bytes(data)


def _two_schemas_lost() -> bytes:
    log = LogSpec()
    for step in range(4):
        log.row({"a": step}, step=step)
    log.checkpoint()
    data = bytearray(log.data)
    data[log.ends[0] - 1] ^= 1
    data[log.ends[1] - 1] ^= 1
    return bytes(data)


def _unknown_kind() -> bytes:
    log = LogSpec().row({"a": 1}, step=0)
    log.chunk(RECORDS, log.encoder._pack([42, "of a later version"]))
    log.chunk(FROM_THE_FUTURE, b"whatever it holds")
    return log.row({"a": 2}, step=1).data


class NotedLog(LogSpec):
    """A log whose checkpoints name the chunks with notes, as those of a writer do."""

    def __init__(self, **identity: Any) -> None:
        super().__init__(**identity)
        self._notes: list[int] = []
        self._noted = 0

    def record(self, kind: int, *fields: Any) -> LogSpec:
        if kind in NOTED_KINDS and fields[1]:
            self._notes.append(len(self.data))
        return super().record(kind, *fields)

    def checkpoint(self) -> LogSpec:
        previous, self._checkpoint_at = self._checkpoint_at, len(self.data)
        payload = self.encoder.checkpoint(previous, **self._chain())
        self._noted, self._notes = self._checkpoint_at if self._notes else self._noted, []
        return self.chunk(CHECKPOINT, payload)

    def final(self, state: str = "finished", exit_code: int | None = 0) -> LogSpec:
        more = {"state": state, "exit_code": exit_code, **self._chain()}
        return self.chunk(FINAL, self.encoder.checkpoint(self._checkpoint_at, **more))

    def _chain(self) -> dict[str, Any]:
        return {"notes": self._notes, "noted": self._noted, "last_time": self.encoder.last_time}


def _begun(log_id: bytes = LOG_ID, **facts: Any) -> NotedLog:
    log = NotedLog(log_id=log_id)
    log.record(RUN, TIME, {"id": "r1", "project": "mnist", **PROCESS, **facts})
    return log


def _rows(log: LogSpec, first: int, count: int) -> LogSpec:
    for step in range(first, first + count):
        log.row({"loss": 1 / (step + 1), "n": step}, step=step, time=TIME + step)
    return log


def _run_of_rows() -> LogSpec:
    """Two checkpoints, twenty rows, a final chunk: what is damaged below."""
    log = _begun()
    _rows(log, 0, 10).checkpoint()
    _rows(log, 10, 10).checkpoint()
    log.record(EXIT, TIME + 20, {"code": 0, "reason": ""})
    return log.final()


def _notes() -> bytes:
    log = _begun(tags=["a"])
    log.record(CONFIG, TIME, {"lr": 0.001})
    _rows(log, 0, 2).checkpoint()
    _rows(log, 2, 2).checkpoint()
    log.record(METRIC, "loss", {"summary": "min", "goal": "minimize"})
    log.record(FILE, TIME + 3, SAVED)
    log.record(CONFIG, TIME + 4, {"lr": 0.01, "late": True})
    _rows(log, 4, 2).checkpoint()
    log.record(RUN, TIME + 60, {})
    log.record(EXIT, TIME + 61, {"code": 0, "reason": ""})
    return log.final().data


def _ended(state: str | None, code: int | None, reason: str) -> bytes:
    log = _begun()
    _rows(log, 0, 2)
    if code is not None:
        log.record(EXIT, TIME + 2, {"code": code, "reason": reason})
    return log.data if state is None else log.final(state, code).data


def _still_running() -> bytes:
    log = _begun()
    _rows(log, 0, 2).record(RUN, TIME + 60, {})
    return log.data


def _buffered() -> bytes:
    log = _begun()
    encoder = log.encoder
    rows = [encoder.row({"loss": 0.5, "n": step}, step, TIME + step) for step in range(5)]
    rows.append(encoder.record(CONFIG, TIME + 5, {"lr": 0.1}))
    rows += [encoder.row({"acc": 0.25}, 5, TIME + 6), encoder.row({"loss": 0.25}, 5, TIME + 7)]
    return log.chunk(RECORDS, b"".join(rows)).final().data


def _values() -> bytes:
    """Ints of each width that msgpack has, floats of each kind, whatever else a row may hold."""
    ints = [0, 127, 128, 2**8, 2**16, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]
    ints += [-1, -32, -33, -(2**7), -(2**8), -(2**15) - 1, -(2**31) - 1, -(2**63)]
    (odd_nan,) = struct.unpack("<d", bytes.fromhex("010000000000f8ff"))
    floats = [0.0, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), odd_nan]
    log = LogSpec()
    for step, value in enumerate([*ints, *floats, True, False, None, "", "Ufer ≈ ✓", "x" * 300]):
        log.row({"value": value}, step=step)
    log.row({"value": [1, [2, {"a": None}], "b"], "odd name / [0] *": {"k": [True]}}, step=-7)
    log.row({"value": Histogram({})}, step=2**40)
    unknown = msgpack.packb([ROW, 0, 2**40 + 1, TIME, msgpack.ExtType(5, b"later")])
    return log.chunk(RECORDS, unknown).data


def _rows_that_merge() -> bytes:
    """Calls of one step, a key that comes again, steps that go back and repeat."""
    log = LogSpec()
    for step, data in ((0, {"a": 1}), (0, {"b": 2}), (0, {"a": 3}), (5, {"a": 4}), (2, {"a": 5})):
        log.row(data, step=step)
    return log.row({"b": 6}, step=5).row({"c": 7}, step=2).data


def _salvaged() -> bytes:
    log = LogSpec()
    log.record(RUN, TIME, {"salvaged": {"from": "ff" * 16}})
    log.row({"a": 1}, step=0)
    known = {"from": "ff" * 16, "damage": [[40, 51, 1]], "torn_tail": [200, 7]}
    return log.record(RUN, TIME, {"salvaged": known}).data


def _damaged_chunk(log: LogSpec, chunk: int) -> bytes:
    """Flip a bit in the middle of a chunk's payload."""
    return _flipped(log, (log.starts[chunk] + CHUNK_HEADER_BYTES + log.ends[chunk]) // 2)


def _both_checkpoints_damaged(log: LogSpec) -> bytes:
    data = bytearray(log.data)
    for chunk in (11, 22):
        data[log.ends[chunk] - 3] ^= 0x04
    return bytes(data)


def _zeroed_sector(log: LogSpec) -> bytes:
    data = bytearray(log.data)
    data[SECTOR_BYTES : 2 * SECTOR_BYTES] = bytes(SECTOR_BYTES)
    return bytes(data)


def _another_log() -> LogSpec:
    log = LogSpec(log_id=bytes(range(16, 32)))
    return _rows(log, 0, 10)


def _schema_lost() -> bytes:
    """Both chunks that name the values are damaged and no checkpoint names them."""
    log = LogSpec()
    for step in range(4):
        log.row({"a": step}, step=step)
    data = bytearray(log.data)
    data[log.ends[0] - 1] ^= 1
    data[log.ends[1] - 1] ^= 1
    return bytes(data)


def _wrong_shapes() -> bytes:
    """Chunks whose CRCs are right and whose content is not what a tidelog writes."""
    log = LogSpec().row({"a": 1}, step=0)
    log.chunk(RECORDS, msgpack.packb([CONFIG, "no time", {}]))
    log.chunk(RECORDS, msgpack.packb([SCHEMA, 0, ["b"]]))
    log.chunk(RECORDS, b"\xc1")
    log.chunk(CHECKPOINT, msgpack.packb([1, 2]))
    return log.row({"a": 2}, step=1).data


def _of_version(version: int) -> bytes:
    header = LogSpec().data[:FILE_HEADER_BYTES]
    body = header[:4] + version.to_bytes(2, "little") + header[6:-4]
    return body + crc32(body).to_bytes(4, "little")


def _failed_disk() -> dict[str, bytes]:
    """A log whose file failed, and the next one, which holds its last two rows again."""
    first = _begun()
    _rows(first, 0, 4)
    second = LogSpec(log_id=bytes(range(16, 32)))
    second.encoder = first.encoder
    again = [[LOG_ID.hex(), 3, 5]]
    note = second.encoder.record(RUN, TIME + 4, {SUPERSEDES: again})
    second.chunk(RECORDS, b"".join(second.encoder.beginning(TIME, {"id": "r1", **PROCESS})))
    second.chunk(RECORDS, note + b"".join(_packed_rows(2, 2)))
    _rows(second, 4, 2).final()
    return {"main.0001.tlog": first.data, "main.0002.tlog": second.data}


def _packed_rows(first: int, count: int) -> list[bytes]:
    return [
        msgpack.packb([ROW, 0, step, TIME + step, 1 / (step + 1), step])
        for step in range(first, first + count)
    ]


def _resumed() -> dict[str, bytes]:
    """Killed, resumed, finished; the log between the two is missing."""
    first = _rows(_begun(), 0, 3)
    third = _rows(_begun(bytes(range(16, 32)), pid=4300), 5, 2)
    third.record(EXIT, TIME + 9, {"code": 0, "reason": ""})
    return {"main.0001.tlog": first.data, "main.0003.tlog": third.final().data}


def _forked() -> dict[str, bytes]:
    """A child that logged beside its parent; the parent's end is the run's."""
    parent = _rows(_begun(), 0, 3)
    parent.record(EXIT, TIME + 9, {"code": 0, "reason": ""})
    child = _begun(bytes(range(16, 32)), pid=4343, forked_from=LOG_ID.hex())
    child.row({"child": 1}, step=1, time=TIME + 1)
    return {"main.0001.tlog": parent.final().data, "main.0002.tlog": child.data}


def _ranks() -> dict[str, bytes]:
    """Two ranks with steps of their own, the main process, the monitor; one name is a twin's."""
    main = _rows(_begun(), 0, 2).final()
    logs = {"main.0001.tlog": main.data}
    for number, name in enumerate(("rank0.0001.tlog", "rank1.0001.tlog", "monitor.0001.tlog"), 2):
        log = LogSpec(log_id=bytes([number]) * 16)
        log.record(RUN, TIME, {"id": "r1"})
        logs[name] = log.row({f"of_{name[:5]}": number}, step=1, time=TIME + 1).final().data
    twin = LogSpec(log_id=bytes([9]) * 16).row({"twin": 1}, step=7)
    return {**logs, "main.0001.09090909.tlog": twin.data}


_EVERY = log_of_every_kind()
_RUN = _run_of_rows()

GOLDEN = {
    "every_kind": _EVERY.data,
    "header_only": LogSpec().data,
    "smallest": LogSpec().row({"loss": 0.5}, step=0, time=TIME).data,
    "torn_tail": _EVERY.data[: _EVERY.ends[7] + 33],
    "zeros_at_the_end": _EVERY.data[: _EVERY.ends[7] + 33] + bytes(4096),
    "flipped_bit": _flipped(_EVERY, _EVERY.ends[3] - 5),
    "lost_header": bytes(40) + _EVERY.data[40:],
    "unknown_kind": _unknown_kind(),
    "two_schemas_lost": _two_schemas_lost(),
    # More of what a log holds.
    "notes": _notes(),
    "buffered": _buffered(),
    "values": _values(),
    "rows_that_merge": _rows_that_merge(),
    "salvaged": _salvaged(),
    # Every end.
    "finished": _RUN.data,
    "failed": _ended("failed", 3, "ValueError"),
    "crashed": _ended("crashed", -9, "SIGKILL"),
    "final_without_exit_code": _ended("finished", None, ""),
    "exit_without_final": _ended(None, 1, "SystemExit"),
    "still_running": _still_running(),
    "cut_in_a_chunk_header": _RUN.data[: _RUN.ends[8] + 11],
    "cut_at_a_chunk": _RUN.data[: _RUN.ends[8]],
    "zeros_alone": _RUN.data[: _RUN.ends[8]] + bytes(700),
    # Every damage.
    "damaged_file_header": _flipped(_RUN, 10),
    "damaged_chunk_header": _flipped(_RUN, _RUN.starts[5] + 9),
    "damaged_checkpoint": _damaged_chunk(_RUN, 22),
    "damaged_checkpoints": _both_checkpoints_damaged(_RUN),
    "damaged_final": _damaged_chunk(_RUN, -1),
    "damaged_first_chunk": _damaged_chunk(_RUN, 0),
    "zeroed_sector": _zeroed_sector(_RUN),
    "missing_range": _RUN.data[: _RUN.starts[4] + 9] + _RUN.data[_RUN.starts[7] + 30 :],
    "repeated_range": _RUN.data[: _RUN.ends[6]] + _RUN.data[_RUN.starts[3] :],
    "bytes_of_another_log": _RUN.data[: _RUN.ends[4]]
    + _another_log().data[FILE_HEADER_BYTES : FILE_HEADER_BYTES + 300]
    + _RUN.data[_RUN.ends[6] :],
    "garbage_at_the_end": _RUN.data[: _RUN.ends[8]] + b"#" * 64,
    "schema_lost": _schema_lost(),
    "wrong_shapes": _wrong_shapes(),
}

REFUSED = {
    "newer_version": _of_version(2),
    "shorter_than_a_header": _RUN.data[:39],
    "another_format": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "empty": b"",
}

RUNS = {
    "failed_disk": _failed_disk(),
    "resumed": _resumed(),
    "forked": _forked(),
    "ranks": _ranks(),
}
