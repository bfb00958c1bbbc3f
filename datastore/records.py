"""The records of a log: what goes into a chunk's payload, and back. No I/O.

A record is a msgpack array whose first element is its kind (`docs/format.md`).
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from tidelog.datastore.errors import RecordError
from tidelog.datastore.format import PAYLOAD_BYTES_MAX
from tidelog.datastore.summary import Summary

SCHEMA: Final = 0
ROW: Final = 1
RUN: Final = 2
CONFIG: Final = 3
SUMMARY: Final = 4
METRIC: Final = 5
FILE: Final = 6
CONSOLE: Final = 7
ALERT: Final = 8
EXIT: Final = 9

KIND_NAMES = {
    SCHEMA: "schema",
    ROW: "row",
    RUN: "run",
    CONFIG: "config",
    SUMMARY: "summary",
    METRIC: "metric",
    FILE: "file",
    CONSOLE: "console",
    ALERT: "alert",
    EXIT: "exit",
}

MEDIA_EXTENSION: Final = 1
HISTOGRAM_EXTENSION: Final = 2

SUPERSEDES = "supersedes"
"""The fact of a run record that names the chunks of failed logs which its own chunk holds again."""

# Kinds that say something about the run as a whole; a checkpoint names the chunks that hold them. The
# summary set by hand is in the checkpoint itself.
NOTED_KINDS = frozenset((RUN, CONFIG, METRIC, FILE, EXIT))

# A schema is written with the first two rows that use it, so that no single chunk holds a name alone.
SCHEMA_WRITTEN_TIMES = 2

# So small that what arrays and maps claim to hold needs no look before memory is taken for it.
CLAIMS_TRUSTED_BYTES = 256

# A chunk that carries a record over from a failed file says besides where it was.
RECORD_BYTES_MAX = PAYLOAD_BYTES_MAX - 64 * 1024


Content = list[list[Any]] | dict[str, Any] | None
"""The records of a records chunk, the map of a checkpoint or final, None for an unknown type."""


@dataclass(frozen=True, slots=True)
class Media:
    """A file that belongs to a row: what it is, where it lies below the run directory, its digest."""

    type: str
    path: str
    sha256: str
    size: int
    details: Mapping[str, Any]

    def fields(self) -> dict[str, Any]:
        """Return the map that the extension holds."""
        own = {"type": self.type, "path": self.path, "sha256": self.sha256, "size": self.size}
        return {**self.details, **own}


@dataclass(frozen=True, slots=True)
class Histogram:
    """The counts of a histogram, as the map that the extension holds."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as `Reader.records()` gives it.

    `log` is the file's name, `seq` the chunk's number in it; `time` is in seconds since the epoch and
    `step` an int for rows, None where the kind has none.
    """

    kind: str
    log: str
    seq: int
    time: float | None
    step: int | None
    data: dict[str, Any]


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
        self._pack = msgpack.Packer(default=_pack_extension, autoreset=True).pack

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


def decode_records(payload: bytes) -> list[list[Any]]:
    """Return the msgpack arrays of a records chunk.

    Raises RecordError where the payload is no sequence of msgpack arrays that start with an int.
    """
    try:
        _check_claims(payload)
        records = [_unpack(payload)]
    except msgpack.ExtraData:
        records = list(_unpack_many(payload))
    except _UNPACK_ERRORS as error:
        raise RecordError(f"a chunk's payload is not msgpack: {error}") from error
    for record in records:
        if type(record) is not list or not record or type(record[0]) is not int:
            raise RecordError("a chunk's payload holds something other than records")
    return records


_NUMBER = (int, float)
_SHAPES: dict[int, tuple[type | tuple[type, ...], ...]] = {
    SCHEMA: (int, list),
    RUN: (_NUMBER, dict),
    CONFIG: (_NUMBER, dict),
    SUMMARY: (_NUMBER, dict),
    METRIC: (str, dict),
    FILE: (_NUMBER, dict),
    CONSOLE: (_NUMBER, str, str),
    ALERT: (_NUMBER, dict),
    EXIT: (_NUMBER, dict),
}


def check_record(record: Any) -> None:
    """Raise RecordError where a record of a known kind has not the shape of its kind.

    A CRC proves what was written, not that a tidelog wrote it.
    """
    kind = record[0]
    if kind == ROW:
        if len(record) < 4 or type(record[1]) is not int or type(record[2]) is not int:
            raise RecordError("a row lacks schema, step or time")
        if type(record[3]) is not float and type(record[3]) is not int:
            raise RecordError("a row's time is no number")
        return
    shape = _SHAPES.get(kind)
    if shape is None:
        return
    if len(record) <= len(shape) or not all(map(isinstance, record[1:], shape)):
        raise RecordError(f"a {KIND_NAMES[kind]} record has the wrong shape")
    if kind == SCHEMA and not all(isinstance(name, str) for name in record[2]):
        raise RecordError("a schema's names are not strings")
    if kind == SCHEMA and len(set(record[2])) != len(record[2]):
        raise RecordError("a schema names a value twice")


def encode_map(content: Mapping[str, Any]) -> bytes:
    """Return a map as msgpack. Raises RecordError for a value that no record can hold."""
    try:
        payload: bytes = msgpack.packb(content, default=_pack_extension)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RecordError(f"a map cannot hold this: {error}") from error
    return payload


def decode_map(payload: bytes) -> dict[str, Any]:
    """Return the map of a checkpoint or final chunk. Raises RecordError where it is none."""
    try:
        _check_claims(payload)
        value = _unpack(payload)
    except _UNPACK_ERRORS as error:
        raise RecordError(f"a checkpoint is not msgpack: {error}") from error
    if not isinstance(value, dict):
        raise RecordError("a checkpoint is not a map")
    return value


def _pack_extension(value: object) -> msgpack.ExtType:
    if isinstance(value, Media):
        return msgpack.ExtType(MEDIA_EXTENSION, msgpack.packb(value.fields()))
    if isinstance(value, Histogram):
        return msgpack.ExtType(HISTOGRAM_EXTENSION, msgpack.packb(dict(value.fields)))
    raise TypeError(f"cannot record {type(value).__name__}")


def _unpack_extension(code: int, data: bytes) -> object:
    if code not in (MEDIA_EXTENSION, HISTOGRAM_EXTENSION):
        return msgpack.ExtType(code, data)
    _check_claims(data)
    fields = msgpack.unpackb(data, strict_map_key=False)
    if not isinstance(fields, dict):
        raise ValueError(f"extension {code} holds no map")
    if code == HISTOGRAM_EXTENSION:
        return Histogram(fields)
    own = (fields.pop("type"), fields.pop("path"), fields.pop("sha256"), fields.pop("size"))
    if tuple(map(type, own)) != (str, str, str, int):
        raise ValueError("a media value lacks type, path, sha256 or size")
    return Media(*own, fields)


_UNPACK_ERRORS = (ValueError, TypeError, KeyError, RecursionError, msgpack.UnpackException)


def _check_claims(data: bytes) -> None:
    """Raise ValueError where an array or a map claims to hold more than follows.

    msgpack takes memory for what is claimed before it looks: arrays in arrays, a thousand levels of
    them, each of which claims the rest of the payload, would cost the thousandfold of its size.
    """
    if len(data) <= CLAIMS_TRUSTED_BYTES:
        return
    unpacker = msgpack.Unpacker(max_buffer_size=len(data))
    unpacker.feed(data)
    end = 0
    with contextlib.suppress(msgpack.OutOfData):
        while True:
            unpacker.skip()
            end = unpacker.tell()
    if end != len(data):
        raise ValueError("it ends in the middle of a value")


def _unpack(payload: bytes) -> Any:
    return msgpack.unpackb(payload, ext_hook=_unpack_extension, strict_map_key=False)


def _unpack_many(payload: bytes) -> Iterable[Any]:
    # No array or map is believed to have more elements than there are bytes.
    unpacker = msgpack.Unpacker(
        ext_hook=_unpack_extension, strict_map_key=False, max_buffer_size=len(payload)
    )
    unpacker.feed(payload)
    # `tell` counts what was read of an unfinished record too: it is asked behind each whole one.
    end = 0
    try:
        for record in unpacker:
            end = unpacker.tell()
            yield record
    except _UNPACK_ERRORS as error:
        raise RecordError(f"a chunk's payload is not msgpack: {error}") from error
    if end != len(payload):
        raise RecordError("a chunk's payload ends in the middle of a record")


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
            msgpack.packb([name, value], default=_pack_extension)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            return RecordError(f"{name!r} holds a value that no record can hold: {error}")
    return RecordError(f"the row of step {step} cannot be recorded: its step or time is out of range")
