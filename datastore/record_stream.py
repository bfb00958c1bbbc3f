"""The records of a run in the order of writing, each once, also while its logs grow. Never waits."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from tidelog.datastore.format import Chunk
from tidelog.datastore.log_reader import LogWalk
from tidelog.datastore.open_log import OpenLog
from tidelog.datastore.outline import superseded_by
from tidelog.datastore.records import KIND_NAMES, METRIC, ROW, RUN, SCHEMA, Record
from tidelog.datastore.run_logs import RunLogs


class RecordStream:
    """Yields the records that were not yielded before; asked again, it goes on from there."""

    def __init__(self, logs: RunLogs) -> None:
        self._logs = logs
        self._positions: dict[str, _Position] = {}
        self._of_tag: dict[int, _Position] = {}

    def __iter__(self) -> Iterator[Record]:
        """Yield every record but schemas, log by log."""
        for log in self._logs:
            position = self._position(log)
            walk = position.walk
            for chunk, content in walk:
                if not isinstance(content, list) or log.is_superseded(chunk):
                    position.count(chunk, 0)
                    continue
                records = list(as_records(content, walk.schemas, log.name, chunk.seq))
                position.count(chunk, len(records))
                yield from self._unseen(records, log.tag)

    def _position(self, log: OpenLog) -> "_Position":
        position = self._positions.get(log.name)
        if position is None:
            position = self._positions[log.name] = _Position(log.reader.walk())
            self._of_tag[log.tag] = position
        return position

    def _unseen(self, records: list[Record], own_tag: int) -> Iterator[Record]:
        """Leave out what was yielded from a file that failed, before the next one held it again.

        A chunk that carries records over begins with a note of where they were, and has them in order.
        """
        seen = 0
        for record in records:
            if seen:
                seen -= 1
                continue
            yield record
            if record.kind == KIND_NAMES[RUN]:
                for tag, start, end in superseded_by(record.data):
                    if tag in self._of_tag and tag != own_tag:
                        seen += self._of_tag[tag].records_read(start, end)


class _Position:
    """How far a log was read, and how many records each of its chunks held."""

    def __init__(self, walk: LogWalk) -> None:
        self.walk = walk
        # Nearly every chunk holds one record; only the others are remembered.
        self._odd_seqs: list[int] = []
        self._odd_counts: list[int] = []

    def count(self, chunk: Chunk, records: int) -> None:
        """Note how many records of a chunk were taken."""
        if records != 1:
            self._odd_seqs.append(chunk.seq)
            self._odd_counts.append(records)

    def records_read(self, start: int, end: int) -> int:
        """Return how many records of the chunks from `start` to before `end` were read.

        Where some of them were lost nobody can tell which: then none counts, and they come twice.
        """
        if self.walk.damage:
            return 0
        end = min(end, self.walk.chunks)
        first, last = bisect_left(self._odd_seqs, start), bisect_left(self._odd_seqs, end)
        odd = self._odd_counts[first:last]
        return max(0, end - start) - len(odd) + sum(odd)


def as_records(
    content: list[list[Any]], schemas: dict[int, tuple[str, ...]], log: str, seq: int
) -> Iterator[Record]:
    """Yield what a records chunk holds, but for schemas and kinds that are newer than this."""
    for record in content:
        kind = record[0]
        if kind == ROW:
            data = dict(zip(schemas[record[1]], record[4:], strict=True))
            yield Record("row", log, seq, record[3], record[2], data)
        elif kind == METRIC:
            yield Record("metric", log, seq, None, None, {"name": record[1], **record[2]})
        elif kind in KIND_NAMES and kind != SCHEMA:
            data = record[2] if isinstance(record[2], dict) else _console(record)
            yield Record(KIND_NAMES[kind], log, seq, record[1], None, data)


def _console(record: list[Any]) -> dict[str, Any]:
    return {"stream": record[2], "text": record[3]}
