"""Builds the bytes of a log in memory, chunk by chunk, and knows where each chunk lies."""

from typing import Any

from tidelog.datastore.format import (
    CHECKPOINT,
    FINAL,
    RECORDS,
    FileHeader,
    encode_chunk,
    encode_file_header,
    log_tag,
)
from tidelog.datastore.record_encoder import RecordEncoder
from tidelog.datastore.records import (
    ALERT,
    CONFIG,
    CONSOLE,
    EXIT,
    FILE,
    METRIC,
    RUN,
    SUMMARY,
    Histogram,
    Media,
)

LOG_ID = bytes(range(16))
CREATED_NS = 1_795_000_000_000_000_000
TIME = 1_795_000_000.25


class LogSpec:
    """A log under construction: `data` is its bytes, `ends` the offset behind each chunk."""

    def __init__(self, log_id: bytes = LOG_ID, created_ns: int = CREATED_NS) -> None:
        self.data = encode_file_header(FileHeader(log_id, created_ns))
        self.ends: list[int] = []
        self.encoder = RecordEncoder()
        self._tag = log_tag(log_id)
        self._checkpoint_at = 0

    def row(self, data: dict[str, Any], *, step: int, time: float = TIME) -> "LogSpec":
        return self.chunk(RECORDS, self.encoder.row(data, step, time))

    def record(self, kind: int, *fields: Any) -> "LogSpec":
        if kind == SUMMARY:
            self.encoder.set_summary(fields[1])
        if kind == METRIC:
            self.encoder.define_metric(*fields)
        return self.chunk(RECORDS, self.encoder.record(kind, *fields))

    def checkpoint(self) -> "LogSpec":
        previous, self._checkpoint_at = self._checkpoint_at, len(self.data)
        return self.chunk(CHECKPOINT, self.encoder.checkpoint(previous))

    def final(self, state: str = "finished", exit_code: int = 0) -> "LogSpec":
        payload = self.encoder.checkpoint(self._checkpoint_at, state=state, exit_code=exit_code)
        return self.chunk(FINAL, payload)

    def chunk(self, chunk_type: int, payload: bytes) -> "LogSpec":
        self.data += encode_chunk(chunk_type, len(self.ends), payload, self._tag)
        self.ends.append(len(self.data))
        return self

    @property
    def starts(self) -> list[int]:
        return [40, *self.ends[:-1]]


def log_of_every_kind() -> LogSpec:
    """A small log with every record kind, each kind of value, two checkpoints and a final chunk."""
    log = LogSpec()
    image = Media("image", "media/images/a_0.png", "9f" * 32, 68, {"caption": "sieben", "width": 8})
    log.record(RUN, TIME, {"id": "r1", "project": "mnist", "host": "node1", "pid": 4242})
    log.record(CONFIG, TIME, {"lr": 0.001, "layers": [64, 10], "nested": {"a": None}})
    log.record(METRIC, "val/*", {"summary": "max", "goal": "maximize"})
    log.row({"loss": 0.5, "n": 1}, step=0)
    log.row({"loss": float("nan"), "n": 2**63}, step=1)
    log.row({"loss": float("inf"), "n": -(2**40)}, step=2)
    log.checkpoint()
    log.row({"val/acc": 0.25, "text": "Ufer ≈ ✓", "ok": True, "none": None}, step=2)
    log.row({"sample": image, "gallery": [image, image]}, step=3)
    log.row({"weights": Histogram({"edges": [0.0, 1.0], "counts": [3]})}, step=3)
    log.row({"loss": -0.0, "n": 0}, step=4)
    log.record(SUMMARY, TIME, {"best": 0.98})
    log.record(FILE, TIME, {"path": "files/m.npz", "size": 3, "sha256": "ab" * 32, "policy": "now"})
    log.record(CONSOLE, TIME, "stdout", "hello\n")
    log.record(ALERT, TIME, {"title": "t", "text": "x", "level": "WARN"})
    log.checkpoint()
    log.record(EXIT, TIME, {"code": 0, "reason": ""})
    log.final()
    return log
