"""What one log says about its run, gathered chunk by chunk. No I/O."""

from typing import Any, NamedTuple

from tidelog.datastore.format import FINAL, Chunk
from tidelog.datastore.records import (
    CONFIG,
    EXIT,
    FILE,
    KIND_NAMES,
    METRIC,
    ROW,
    RUN,
    SCHEMA,
    SUMMARY,
    Content,
    Media,
)
from tidelog.datastore.summary import Summary


class MediaFile(NamedTuple):
    """A media file of a run: under which key and at which step it was logged, where it lies.

    `path` is relative to the run directory, `size` in bytes; `details` holds what its type adds, such
    as width and height in pixels.
    """

    key: str
    step: int
    type: str
    path: str
    sha256: str
    size: int
    caption: str | None
    details: dict[str, Any]


class SavedFile(NamedTuple):
    """A file that `save()` copied into the run; `path` is relative to the run directory."""

    path: str
    size: int
    sha256: str
    policy: str


class LogDigest:
    """Config, summary, ledger and ending of one log so far."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.metrics: dict[str, dict[str, Any]] = {}
        self.summary = Summary()
        self.media: list[MediaFile] = []
        self.files: dict[str, SavedFile] = {}
        self.supersedes: list[tuple[str, int, int]] = []
        self.ending: dict[str, Any] | None = None
        self.final: dict[str, Any] | None = None
        self.rows = 0
        self.last_step: int | None = None
        self.first_time: float | None = None
        self.last_time: float | None = None
        self.unknown_records = 0

    def take(self, chunk: Chunk, content: Content, schemas: dict[int, tuple[str, ...]]) -> None:
        """Take one decoded chunk into account."""
        if isinstance(content, dict):
            if "summary" in content:
                self.summary.restore(content)  # What was lost to damage before it counts as well.
            if chunk.type == FINAL:
                self.final = content
        elif content is None:
            self.unknown_records += 1
        else:
            for record in content:
                if record[0] == ROW:
                    self._take_row(record, schemas[record[1]])
                else:
                    self._take_record(record)

    def _take_row(self, record: list[Any], names: tuple[str, ...]) -> None:
        self.rows += 1
        self.last_step = record[2]
        self._see(record[3])
        values = dict(zip(names, record[4:], strict=True))
        self.summary.observe(values)
        for key, value in values.items():
            if isinstance(value, Media):
                self.media.append(_media_file(key, record[2], value))
            elif isinstance(value, list):
                listed = (item for item in value if isinstance(item, Media))
                self.media.extend(_media_file(key, record[2], item) for item in listed)

    def _take_record(self, record: list[Any]) -> None:
        kind = record[0]
        if kind == SCHEMA:
            return
        if kind == METRIC:
            self.metrics.setdefault(record[1], {}).update(record[2])
            self.summary.define(record[1], record[2])
            return
        if kind not in KIND_NAMES:
            self.unknown_records += 1
            return
        self._see(record[1])
        if kind == RUN:
            self._take_facts(record[2])
        elif kind == CONFIG:
            self.config.update(record[2])
        elif kind == SUMMARY:
            self.summary.set_by_hand(record[2])
        elif kind == FILE:
            self._take_file(record[2])
        elif kind == EXIT:
            self.ending = record[2]

    def _take_facts(self, facts: dict[str, Any]) -> None:
        superseded = facts.pop("supersedes", None)
        for entry in superseded if isinstance(superseded, list) else []:
            if isinstance(entry, list) and [type(part) for part in entry] == [str, int, int]:
                self.supersedes.append((entry[0], entry[1], entry[2]))
        self.facts.update(facts)

    def _take_file(self, entry: dict[str, Any]) -> None:
        path, size, sha256 = entry.get("path"), entry.get("size"), entry.get("sha256")
        if isinstance(path, str) and isinstance(size, int) and isinstance(sha256, str):
            policy = entry.get("policy")
            self.files[path] = SavedFile(path, size, sha256, str(policy or "now"))

    def _see(self, time: float) -> None:
        if self.first_time is None:
            self.first_time = time
        self.last_time = time


def _media_file(key: str, step: int, media: Media) -> MediaFile:
    details = dict(media.details)
    caption = details.pop("caption", None)
    return MediaFile(key, step, media.type, media.path, media.sha256, media.size, caption, details)
