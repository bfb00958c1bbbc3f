"""Everything that can be asked of the bytes of a log, and what must hold whatever they are.

Only a `DatastoreError` may come out of it. `QUESTIONS` are what readers ask; `AGREEMENTS` compare two
ways to learn the same.
"""

import contextlib
import math
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from bytes_disk import DIRECTORY, LOG, BytesDisk

from tidelog.datastore import DamagedLogError, DatastoreError, Reader
from tidelog.datastore.append import Append, judge_append, log_id_of
from tidelog.datastore.as_json import dumps
from tidelog.datastore.check import check_run
from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.log_reader import RECOVERIES
from tidelog.datastore.payload import decode_map, decode_records
from tidelog.datastore.records import Record
from tidelog.datastore.scan import Scanner, identify
from tidelog.datastore.walk import walk_sound

BLOCKS_BYTES = (64, 1 << 20)
COLUMNS_MAX, METRICS_MAX = 64, 4

OUTLINE = "id project name state exit_code exit_reason config summary metadata metrics".split()
OUTLINE += "last_step times system_hosts".split()
WHOLE = "rows logs missing_logs unknown_records damage torn_tails".split()


def identity(data: bytes) -> None:
    """Whose log it is; the same whatever comes behind."""
    identify(lambda at, size: data[at : at + size], log=LOG)


def chunks(data: bytes) -> None:
    """Every chunk and all damage."""
    read_at: Any = lambda at, size: data[at : at + size]  # noqa: E731
    for _ in Scanner(read_at, identify(read_at, log=LOG).tag, log=LOG):
        pass


def payloads(data: bytes) -> None:
    """The bytes themselves as a payload of each kind."""
    for decode in (decode_records, decode_map):
        with contextlib.suppress(DatastoreError):
            decode(data)


def outline(data: bytes) -> None:
    """What `datastore show` says in short, as JSON."""
    with Reader(LOG, disk=BytesDisk(data)) as run:
        for name in OUTLINE:
            dumps(getattr(run, name))


def whole(data: bytes) -> None:
    """What only those know who read all of it."""
    with Reader(LOG, disk=BytesDisk(data)) as run:
        dumps([getattr(run, name) for name in WHOLE])
        dumps([each._asdict() for each in (*run.media(), *run.media("images"), *run.files())])


def records(data: bytes) -> None:
    """Every record."""
    with Reader(LOG, disk=BytesDisk(data)) as run:
        for _ in run.records():
            pass


def history(data: bytes) -> None:
    """All rows as columns."""
    with Reader(LOG, disk=BytesDisk(data)) as run:
        run.history()


def metric(data: bytes) -> None:
    """One of the metrics."""
    with Reader(LOG, disk=BytesDisk(data)) as run:
        names = [name for record in run.records() if record.kind == "row" for name in record.data]
        if names:
            run.metric(names[0])


def append(data: bytes) -> None:
    """The log as somebody offers it to a hub."""
    found = identify(lambda at, size: data[at : at + size], log=LOG)
    judge_append(None, Append(LOG, log_id_of(found, data), 0, data))


def check(data: bytes) -> None:
    """What `datastore verify` does, the ledger's files included."""
    check_run(Path(LOG), disk=BytesDisk(data))


# -- two ways to learn the same ---------------------------------------------------------------------


def every_byte_is_accounted_for(data: bytes) -> None:
    """Each byte is read or reported, once, in blocks of any size; the quick walk agrees."""
    read_at: Any = lambda at, size: data[at : at + size]  # noqa: E731
    tag = identify(read_at, log=LOG).tag
    found = []
    for block_bytes in BLOCKS_BYTES:
        scanner = Scanner(read_at, tag, log=LOG, block_bytes=block_bytes)
        held = list(scanner)
        parts = [(chunk.offset, chunk.end) for chunk in held]
        tails = [scanner.tail] if scanner.tail is not None else []
        parts += [(bad.offset, bad.offset + bad.length) for bad in (*scanner.damage, *tails)]
        at = FILE_HEADER_BYTES
        for start, end in sorted(parts):
            assert at == start, f"bytes {at} to {start} are neither read nor reported, or twice"
            at = end
        assert len(data) == at
        found.append((held, scanner.damage, scanner.tail))
    assert found[0] == found[1]
    end, seq = walk_sound(data, FILE_HEADER_BYTES, 0, tag)
    assert list(range(seq)) == [chunk.seq for chunk in found[0][0][:seq]]
    assert not seq or found[0][0][seq - 1].end == end


def modes_of_recovery_agree(data: bytes) -> None:
    """What "strict" accepts is whole; "tolerate_tail" accepts no damage."""
    accepted = []
    for recovery in RECOVERIES:
        with Reader(LOG, disk=BytesDisk(data), recovery=recovery) as run:
            try:
                accepted.append((run.rows, len(list(run.records())), run.damage, run.torn_tails))
            except DamagedLogError:
                accepted.append(None)
    lenient, tolerant, strict = accepted
    assert lenient is not None
    assert tolerant == (None if lenient[2] else lenient)
    assert strict == (None if lenient[2] or lenient[3] else lenient)


def rows_and_columns_agree(data: bytes) -> None:
    """`history()` and `metric()` give the rows that `records()` gives, merged by the rule."""
    with Reader(LOG, disk=BytesDisk(data)) as run:
        found = list(run.records())
        merged = _merged(record for record in found if record.kind == "row")
        columns = run.history()
        names = list(dict.fromkeys(name for _, _, row in merged for name in row))
        assert {"_step", "_time", *names} == set(columns)
        assert _same([step for step, _, _ in merged], columns["_step"])
        assert _same([time for _, time, _ in merged], columns["_time"])
        for name in set(names[:COLUMNS_MAX]) - {"_step", "_time"}:
            values = [row.get(name) for _, _, row in merged]
            assert _same(values, columns[name]), name
        for name in names[:METRICS_MAX]:
            held = [(*times, row[name]) for *times, row in merged if row.get(name) is not None]
            for expected, column in zip(zip(*held, strict=True), run.metric(name), strict=False):
                assert _same(expected, column), name


def text_can_be_made(data: bytes) -> None:
    """What `datastore cat --json` prints."""
    with Reader(LOG, disk=BytesDisk(data)) as run:
        for record in run.records():
            dumps({field.name: getattr(record, field.name) for field in fields(record)})


def logs_stand_together(data: bytes) -> None:
    """The log beside copies of itself: one that goes on, one of another rank, one that is cut."""
    half = data[: len(data) // 2]
    logs = {LOG: data, "main.0002.tlog": data, "rank1.0001.tlog": half, "monitor.0001.tlog": half}
    with Reader(DIRECTORY, disk=BytesDisk(logs)) as run:
        for name in (*OUTLINE, *WHOLE):
            getattr(run, name)
        assert {len(run.history())} == {len(column) for column in run.history().values()}
        for host in (None, *run.system_hosts):
            assert {len(run.system(host=host))} == {len(c) for c in run.system(host=host).values()}


QUESTIONS: dict[str, Callable[[bytes], None]] = {
    question.__name__: question
    for question in (
        identity,
        chunks,
        payloads,
        outline,
        whole,
        records,
        history,
        metric,
        append,
        check,
    )
}
AGREEMENTS = (
    every_byte_is_accounted_for,
    modes_of_recovery_agree,
    rows_and_columns_agree,
    text_can_be_made,
    logs_stand_together,
)


def ask_everything(data: bytes) -> None:
    """Ask all of it. Raises whatever is no DatastoreError, and AssertionError where two disagree."""
    for question in (*QUESTIONS.values(), *AGREEMENTS):
        with contextlib.suppress(DatastoreError):
            question(data)


def _merged(rows: Iterable[Record]) -> list[tuple[Any, Any, dict[str, Any]]]:
    """The rule word by word: join the last row of the same step unless both hold the same key."""
    merged: list[tuple[Any, Any, dict[str, Any]]] = []
    last: dict[Any, int] = {}
    for row in rows:
        at = last.get(row.step)
        if at is not None and not merged[at][2].keys() & row.data.keys():
            merged[at] = (row.step, row.time, merged[at][2] | row.data)
        else:
            last[row.step] = len(merged)
            merged.append((row.step, row.time, row.data))
    return merged


def _same(expected: Iterable[Any], found: Any) -> bool:
    one, other = list(expected), list(found)
    return len(one) == len(other) and all(map(_is_same, one, other))


def _is_same(expected: Any, found: Any) -> bool:
    if _is_gap(expected):
        return _is_gap(found)
    return bool(expected == found) or repr(expected) == repr(found)  # NaN somewhere within.


def _is_gap(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
