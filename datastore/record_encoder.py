"""Turns what is logged into payloads, and keeps what a checkpoint must repeat. No I/O."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgpack

from tidelog.datastore.errors import RecordError
from tidelog.datastore.format import PAYLOAD_BYTES_MAX
from tidelog.datastore.payload import decode_map, decode_records, pack_extension
from tidelog.datastore.records import KIND_NAMES, METRIC, RECORD_BYTES_MAX, ROW, RUN, SCHEMA, SUMMARY
from tidelog.datastore.summary import Summary

# A schema is written with the first two rows that use it, so that no single chunk holds a name alone.
SCHEMA_WRITTEN_TIMES = 2


class RecordEncoder:
    """Turns what is logged into payloads, and keeps what a checkpoint of the log must repeat."""

    def __init__(self, *, summary: Summary | None = None) -> None:
        """Begin without rows. `summary` is one that somebody else keeps: see `count`."""
        self.rows = 0
        self.last_step: int | None = None
        self.last_time: float | None = None  # Of the last record, in seconds since the epoch.
        # Of the whole life of the writer, and of the log that it writes now: the same until a file
        # fails and the next one begins.
        self._life = self._summary = Summary() if summary is None else summary
        self._rows_before = 0
        self._schemas: dict[tuple[str, ...], int] = {}
        # Schemas that were written often enough; the others are written again with their next row.
        self._settled: dict[tuple[str, ...], int] = {}
        self._times_written: dict[int, int] = {}
        self._definitions: dict[str, Mapping[str, Any]] = {}
        # The last row, not yet part of the summary: only the last of equal rows counts there.
        self._last_names: tuple[str, ...] = ()
        self._last_row = b""  # Its payload.
        self._last_id: int | None = None
        self._pack = msgpack.Packer(default=pack_extension, autoreset=True).pack

    def child(self) -> "RecordEncoder":
        """Return an encoder for a forked process: no rows and no schemas, the same metric rules."""
        encoder = RecordEncoder()
        encoder._summary.follow_rules_of(self._summary)
        encoder._definitions = dict(self._definitions)
        return encoder

    def begin_log(self, carried: list[bytes]) -> None:
        """Count rows and summary anew for the next log, which holds the `carried` payloads so far."""
        self._settle_last_row()
        summary = Summary()
        summary.follow_rules_of(self._summary)
        names_of = {schema_id: names for names, schema_id in self._schemas.items()}
        rows = 0
        for record in (record for payload in carried for record in decode_records(payload)):
            if record[0] == ROW:
                summary.observe(dict(zip(names_of[record[1]], record[4:], strict=True)))
                rows += 1
            elif record[0] == SUMMARY:
                summary.set_by_hand(record[2])
        self._summary = summary
        self._rows_before = self.rows - rows

    @property
    def summary(self) -> Summary:
        """The summary of all rows so far."""
        self._settle_last_row()
        return self._life

    def set_summary(self, values: Mapping[str, Any]) -> None:
        """Let values set by hand win over what is computed from rows."""
        held = decode_map(self._pack(values))
        self._life.set_by_hand(held)
        self._summary.set_by_hand(held)

    def define_metric(self, name: str, definition: Mapping[str, Any]) -> None:
        """Follow the definition of a metric from now on."""
        self._settle_last_row()
        self._definitions[name] = definition
        self._life.define(name, definition)
        self._summary.define(name, definition)

    def row(self, data: Mapping[str, Any], step: int, time: float) -> bytes:
        """Return the payload of one row. Raises RecordError for a value that no record can hold."""
        names = tuple(data)
        if names != self._last_names or self._last_id is None:
            self._settle_last_row()
            self._last_names, self._last_id = names, self._settled.get(names)
        row = [ROW, self._last_id, step, time, *data.values()]
        if type(step) is not int or (type(time) is not float and type(time) is not int):
            raise _row_fault(data, step, time)
        try:
            if self._last_id is not None:
                payload: bytes = self._pack(row)
            else:
                payload = self._with_schema(names, row)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise _row_fault(data, step, time) from error
        if len(payload) > RECORD_BYTES_MAX:
            raise RecordError(
                f"the row of step {step} has {len(payload)} bytes; the limit is {RECORD_BYTES_MAX}: "
                "log less at once, or save it as a file"
            )
        if self._last_id is None:
            self._count_schema(names, row[1])
        if self._summary.has_rules:
            self._settle_last_row()
        self._last_row = payload
        self.rows += 1
        self.last_step = step
        self.last_time = time
        return payload

    def record(self, kind: int, *fields: Any) -> bytes:
        """Return the payload of one record other than a row."""
        try:
            payload: bytes = self._pack([kind, *fields])
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise RecordError(f"a {KIND_NAMES[kind]} record cannot hold this: {error}") from error
        if len(payload) > RECORD_BYTES_MAX:
            raise RecordError(
                f"a {KIND_NAMES[kind]} record of {len(payload)} bytes is over the limit of "
                f"{RECORD_BYTES_MAX}"
            )
        if kind != METRIC:
            self.last_time = fields[0]
        return payload

    def beginning(self, time: float, facts: Mapping[str, Any]) -> Iterator[bytes]:
        """Yield the payloads that a log starts with: facts about its process, then what was said in an
        earlier log of the stream and holds on: how metrics are to be read, and all schemas, twice.
        """
        schemas = [self._pack([SCHEMA, id_, names]) for names, id_ in self._schemas.items()]
        metrics = [self.record(METRIC, *definition) for definition in self._definitions.items()]
        yield from _joined([self.record(RUN, time, facts), *metrics, *schemas])
        yield from _joined(schemas)

    def count(self, records: Iterable[list[Any]]) -> None:
        """Count records that another encoder made; their summary is kept by somebody else."""
        for record in records:
            if record[0] == ROW:
                self.rows += 1
                self.last_step = record[2]
            elif record[0] == SCHEMA:
                self._schemas[tuple(record[2])] = record[1]

    def checkpoint(self, previous: int, **more: Any) -> bytes:
        """Return the payload of a checkpoint, or with `state` and `exit_code` of a final chunk.

        `previous` is the offset of the checkpoint before, 0 for none; `notes`, `noted` and `last_time`
        spare a reader all that is before it. Where schemas and summary would not fit into one chunk, or
        a value lies too deep in them for msgpack, they are left out: a reader then has them from the
        records alone.
        """
        self._settle_last_row()
        rows = self.rows - self._rows_before
        counts = {"rows": rows, "last_step": self.last_step, "previous": previous, **more}
        schemas = [[schema_id, names] for names, schema_id in self._schemas.items()]
        payload: bytes
        with contextlib.suppress(ValueError, RecursionError):  # A row may be one level deeper than this.
            payload = self._pack({"schemas": schemas, **self._summary.state(), **counts})
            if len(payload) <= PAYLOAD_BYTES_MAX:
                return payload
        payload = self._pack(counts)
        return payload

    def _settle_last_row(self) -> None:
        if self._last_row:
            # From its bytes: a list in the row may have changed in the hands of its owner since.
            values = decode_records(self._last_row)[-1][4:]
            row = dict(zip(self._last_names, values, strict=True))
            self._summary.observe(row)
            if self._life is not self._summary:
                self._life.observe(row)
            self._last_row = b""

    def _with_schema(self, names: tuple[str, ...], row: list[Any]) -> bytes:
        """Return a row with its schema before it, and put the schema's id into the row."""
        schema_id = self._schemas.get(names)
        if schema_id is None:
            for name in names:
                if not isinstance(name, str):
                    raise RecordError(f"the key {name!r} is not a string")
            schema_id = len(self._schemas)
        row[1] = schema_id
        payload: bytes = self._pack([SCHEMA, schema_id, names]) + self._pack(row)
        return payload

    def _count_schema(self, names: tuple[str, ...], schema_id: int) -> None:
        """Note that a schema goes out with a row; after the second time rows go without it."""
        self._schemas[names] = schema_id
        times = self._times_written[schema_id] = self._times_written.get(schema_id, 0) + 1
        if times == SCHEMA_WRITTEN_TIMES:
            self._settled[names] = schema_id
            del self._times_written[schema_id]


def _joined(records: list[bytes]) -> Iterator[bytes]:
    """Yield records as few payloads that fit into a chunk each."""
    start, size = 0, 0
    for end, record in enumerate(records):
        if size + len(record) > PAYLOAD_BYTES_MAX:
            yield b"".join(records[start:end])
            start, size = end, 0
        size += len(record)
    if size:
        yield b"".join(records[start:])


def _row_fault(data: Mapping[str, Any], step: int, time: float) -> RecordError:
    """Name the value of a row that cannot be packed."""
    if type(step) is not int:
        return RecordError(f"the step {step!r} is not an int")
    if type(time) is not float and type(time) is not int:
        return RecordError(f"the time {time!r} of step {step} is not a number of seconds")
    for name, value in data.items():
        if not isinstance(name, str):
            return RecordError(f"the key {name!r} is not a string")
        try:
            msgpack.packb([name, value], default=pack_extension)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            return RecordError(f"{name!r} holds a value that no record can hold: {error}")
    return RecordError(f"the row of step {step} cannot be recorded: its step or time is out of range")
