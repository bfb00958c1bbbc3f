"""What one log says about its run as a whole, gathered from its records and checkpoints. No I/O."""

import re
from typing import Any, NamedTuple

from tidelog.datastore.format import FINAL, Chunk, log_tag
from tidelog.datastore.records import (
    CONFIG,
    EXIT,
    FILE,
    KIND_NAMES,
    METRIC,
    NOTED_KINDS,
    OF_LOG,
    ROW,
    RUN,
    SCHEMA,
    SUMMARY,
    SUPERSEDES,
    Content,
)
from tidelog.datastore.summary import Summary

_HEXADECIMAL = re.compile(r"([0-9a-f]{2})+")


class SavedFile(NamedTuple):
    """A file that `save()` copied into the run; `path` is relative to the run directory."""

    path: str
    size: int
    sha256: str
    policy: str


class LogOutline:
    """Facts, config, summary, saved files and ending of one log so far.

    `deaths` are the ends of other writers that it tells of, by the ids of the logs that they left open.
    `rows` counts what was written, lost rows included where a checkpoint behind them counts them.
    """

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.metrics: dict[str, dict[str, Any]] = {}
        self.summary = Summary()
        self.files: dict[str, SavedFile] = {}
        self.supersedes: list[tuple[int, int, int]] = []
        self.ending: dict[str, Any] | None = None
        self.deaths: dict[str, dict[str, Any]] = {}
        self.final: dict[str, Any] | None = None
        self.chunks = 0
        self.rows = 0
        self.last_step: int | None = None
        self.first_time: float | None = None
        self.last_time: float | None = None

    def take(self, chunk: Chunk, content: Content, schemas: dict[int, tuple[str, ...]]) -> None:
        """Take one decoded chunk into account; `chunks` counts how often that was done."""
        self.chunks += 1
        if isinstance(content, dict):
            if "summary" in content:
                self.restore(content)  # What was lost to damage before it counts as well.
            if chunk.type == FINAL:
                self.final = content
        elif content is not None:
            for record in content:
                if record[0] == ROW:
                    self.take_row(record, schemas[record[1]])
                else:
                    self.take_record(record)

    def take_notes(self, content: list[list[Any]]) -> None:
        """Take of a chunk only what a checkpoint behind it does not repeat."""
        for record in content:
            if record[0] in NOTED_KINDS:
                self.take_record(record)

    def take_superseded(self, content: list[list[Any]]) -> None:
        """Take of a chunk that counts no more what it supersedes itself.

        Else two logs that name each other would count and not count by turns.
        """
        self.chunks += 1
        for record in content:
            if record[0] == RUN:
                self.supersedes += superseded_by(record[2])

    def restore(self, checkpoint: dict[str, Any]) -> None:
        """Go on from what a checkpoint says of the rows before it."""
        self.summary.restore(checkpoint)
        rows, last_step, last_time = map(checkpoint.get, ("rows", "last_step", "last_time"))
        if type(rows) is int:
            self.rows = rows
        if type(last_step) is int:
            self.last_step = last_step
        if isinstance(last_time, (int, float)):
            self.last_time = last_time

    def take_row(self, record: list[Any], names: tuple[str, ...]) -> dict[str, Any]:
        """Take one row and return its values by name."""
        self.rows += 1
        self.last_step = record[2]
        self._see(record[3])
        values = dict(zip(names, record[4:], strict=True))
        self.summary.observe(values)
        return values

    def take_record(self, record: list[Any]) -> None:
        """Take one record that is no row."""
        kind = record[0]
        if kind == SCHEMA or kind not in KIND_NAMES:
            return
        if kind == METRIC:
            self.metrics.setdefault(record[1], {}).update(record[2])
            self.summary.define(record[1], record[2])
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
            self._take_ending(record[2])

    def _take_facts(self, facts: dict[str, Any]) -> None:
        self.supersedes += superseded_by(facts)
        self.facts.update((name, fact) for name, fact in facts.items() if name != SUPERSEDES)

    def _take_file(self, entry: dict[str, Any]) -> None:
        path, size, sha256 = entry.get("path"), entry.get("size"), entry.get("sha256")
        if isinstance(path, str) and isinstance(size, int) and isinstance(sha256, str):
            policy = entry.get("policy")
            self.files[path] = SavedFile(path, size, sha256, str(policy or "now"))

    def _take_ending(self, ending: dict[str, Any]) -> None:
        log_id = ending.get(OF_LOG)
        if isinstance(log_id, str):
            self.deaths[log_id] = ending
        else:
            self.ending = ending

    def _see(self, time: float) -> None:
        if self.first_time is None:
            self.first_time = time
        self.last_time = time


def superseded_by(facts: dict[str, Any]) -> list[tuple[int, int, int]]:
    """Return what the facts of a run record supersede: tag of a log, first chunk, one behind the last.

    By the tag, because a failed log may have lost its header, and with it its id.
    """
    entries = facts.get(SUPERSEDES)
    return [
        (log_tag(bytes.fromhex(entry[0])), entry[1], entry[2])
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, list)
        and [type(part) for part in entry] == [str, int, int]
        and _HEXADECIMAL.fullmatch(entry[0])
    ]
