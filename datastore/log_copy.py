"""What the copy of a log holds, chunk by chunk: all that can be read of it, framed anew. No I/O.

Payloads stay as they are, byte for byte, but for what names other logs: their copies have new ids.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgpack

from tidelog.datastore.digest import LogDigest
from tidelog.datastore.format import RECORDS, Chunk
from tidelog.datastore.gaps import Gaps, Loss
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.log_draft import DraftChunk, LogDraft
from tidelog.datastore.log_references import with_new_references
from tidelog.datastore.record_encoder import SCHEMA_WRITTEN_TIMES, RecordEncoder
from tidelog.datastore.records import KIND_NAMES, METRIC, NOTED_KINDS, ROW, RUN, SCHEMA, Content

ENDING_KEYS = ("state", "exit_code")


class LogCopy:
    """The copy of one log under construction. Feed it every chunk that a walk gives, then `end` it.

    `is_superseded` tells which chunks count no more because a later log holds them again, None for no
    such chunk; `new_ids` maps the ids of the run's logs to those of their copies, in hexadecimal;
    `origin` holds the facts with which the copy begins.
    """

    def __init__(
        self,
        *,
        is_superseded: Callable[[Chunk], bool] | None = None,
        new_ids: Mapping[str, str],
        origin: Mapping[str, Any],
        limits: WriterLimits,
    ) -> None:
        self.digest = LogDigest()
        self.gaps = Gaps()
        self.chunks = 0
        """How many chunks of the old log were read, checkpoints included."""
        self._is_superseded = is_superseded
        self._new_ids = new_ids
        self._origin: Mapping[str, Any] | None = origin
        self._encoder = RecordEncoder(summary=self.digest.summary)
        self._draft = LogDraft(self._encoder, limits)
        # What an old checkpoint told is in no record that is copied: a new one must tell it again.
        self._is_untold = False
        self._times_stated: Counter[int] = Counter()
        self._settled: set[int] = set()
        self._rows_read = 0
        self._rows_missing: int | None = None

    def rows_lost(self, losses: Sequence[Loss]) -> int | None:
        """Return how many rows went with these losses; None where no checkpoint behind them tells."""
        if not any(loss.chunks for loss in losses):
            return 0
        return self._rows_missing if all(loss.is_exact for loss in losses) else None

    def take(
        self, chunk: Chunk, content: Content, schemas: dict[int, tuple[str, ...]]
    ) -> list[DraftChunk]:
        """Take the next chunk of the old log, and return what to append to the new one for it."""
        self.chunks += 1
        if self.gaps.see(chunk):
            self._rows_missing = None
        if self._is_superseded is not None and self._is_superseded(chunk):
            self._count_rows(content)
            return []
        if isinstance(content, dict):
            self._count_rows(content)
            self._is_untold |= "summary" in content
        else:
            self._append_due_checkpoint()
            if content is None:
                self._draft.append(chunk.type, chunk.payload)
            elif len(content) == 1 and content[0][0] == ROW and content[0][1] in self._settled:
                self._pass_row(chunk.payload, content)  # As nearly all chunks are.
            else:
                self._copy_records(chunk.payload, content, schemas)
        self.digest.take(chunk, content, schemas)
        return self._draft.take()

    def end(self, time: float, facts: Mapping[str, Any]) -> list[DraftChunk]:
        """Return the last chunks: a run record with `facts`, and the final one where the log had one."""
        final = self.digest.final
        if final is None:
            self._append_due_checkpoint()
        self._follow_digest()
        self._draft.append(RECORDS, self._encoder.record(RUN, time, facts), is_note=True)
        if final is not None:
            self._draft.append_final(**{key: final[key] for key in ENDING_KEYS if key in final})
        return self._draft.take()

    def _append_due_checkpoint(self) -> None:
        if self._is_untold or self._draft.is_checkpoint_due:
            self._follow_digest()
            self._draft.append_checkpoint()
            self._is_untold = False

    def _follow_digest(self) -> None:
        """Let a checkpoint say what a reader of the old log knows, also from rows that were lost."""
        self._encoder.last_step, self._encoder.last_time = self.digest.last_step, self.digest.last_time

    def _pass_row(self, payload: bytes, content: list[list[Any]]) -> None:
        """Let a row go on as it is."""
        self._rows_read += 1
        self._encoder.count(content)
        step = content[0][2]
        self.gaps.see_rows(step, step)
        self._draft.append(RECORDS, payload)

    def _copy_records(
        self, payload: bytes, content: list[list[Any]], schemas: dict[int, tuple[str, ...]]
    ) -> None:
        self._count_rows(content)
        steps = [record[2] for record in content if record[0] == ROW]
        if steps:
            self.gaps.see_rows(steps[0], steps[-1])
        is_note = any(map(_is_note, content))
        before = self._origin_before(content)
        schema_records = self._schemas_to_state(content, schemas)
        self._encoder.count([*schema_records, *content])
        payloads = [*before, *map(msgpack.packb, schema_records)]
        payload = with_new_references(payload, content, self._new_ids)
        if payload:
            payloads.append(payload)
        if payloads:
            self._draft.append_records(payloads, is_note=is_note or bool(before))

    def _origin_before(self, content: list[list[Any]]) -> list[bytes]:
        """Return the record that the copy begins with, once there is a record whose time it can bear."""
        if self._origin is None:
            return []
        time = _first_time(content)
        if time is None:
            return []
        origin, self._origin = self._origin, None
        return [self._encoder.record(RUN, time, origin)]

    def _count_rows(self, content: Content) -> None:
        """Compare the rows that were read with those that a checkpoint says were written."""
        if isinstance(content, list):
            self._rows_read += sum(record[0] == ROW for record in content)
        elif content is not None and type(content.get("rows")) is int:
            self._rows_missing = max(0, content["rows"] - self._rows_read)

    def _schemas_to_state(
        self, content: list[list[Any]], schemas: dict[int, tuple[str, ...]]
    ) -> list[list[Any]]:
        """Return the schema records that the chunk lacks: no single chunk may hold a name alone."""
        stated: set[int] = set()
        needed: dict[int, None] = {}
        for record in content:
            if record[0] == SCHEMA:
                stated.add(record[1])
            elif record[0] == ROW and record[1] not in self._settled and record[1] not in stated:
                needed[record[1]] = None
        for schema_id in stated | needed.keys():
            self._times_stated[schema_id] += 1
            if self._times_stated[schema_id] >= SCHEMA_WRITTEN_TIMES:
                self._settled.add(schema_id)
        return [[SCHEMA, schema_id, schemas[schema_id]] for schema_id in needed]


def _is_note(record: list[Any]) -> bool:
    """Tell whether a checkpoint must name the chunk of this record; of a heartbeat it must not."""
    return record[0] in NOTED_KINDS and (record[0] != RUN or bool(record[2]))


def _first_time(content: list[list[Any]]) -> float | None:
    """Return the time of the first record that has one."""
    for record in content:
        if record[0] == ROW:
            time: float = record[3]
            return time
        if record[0] in KIND_NAMES and record[0] not in (SCHEMA, METRIC):
            noted: float = record[1]
            return noted
    return None
