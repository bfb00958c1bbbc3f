"""Records survive the way into bytes and back; bytes that no tidelog wrote are damage, and no more."""

import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_spec import LOG_ID, TIME, LogSpec

from tidelog.datastore import Reader, RecordError
from tidelog.datastore.format import CHECKPOINT, FINAL, PAYLOAD_BYTES_MAX, RECORDS
from tidelog.datastore.payload import decode_map, decode_records, encode_map
from tidelog.datastore.record_encoder import RecordEncoder
from tidelog.datastore.records import (
    CONFIG,
    EXIT,
    FILE,
    MEDIA_DEPTH_MAX,
    RUN,
    SCHEMA,
    Histogram,
    Media,
    check_record,
    media_within,
)

numbers = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([-(2**63), 2**63 - 1, 2**64 - 1, 0, -1, 127, 128, -32, -33]),
    st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=20))
maps = st.dictionaries(st.text(max_size=8), scalars, max_size=4)
media = st.builds(Media, st.text(max_size=5), st.text(max_size=9), st.just("9f" * 32), st.just(7), maps)
values = st.recursive(
    st.one_of(scalars, st.builds(Histogram, maps)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=10,
)


def exact(value: Any) -> Any:
    """A value so that equality tells apart NaN's bits, -0.0 and 0.0, True and 1, 1 and 1.0."""
    if isinstance(value, float):
        return "float", struct.pack("<d", value)
    if isinstance(value, (list, tuple)):
        return [exact(each) for each in value]
    if isinstance(value, dict):
        return {key: exact(each) for key, each in value.items()}
    if isinstance(value, Histogram):
        return "histogram", exact(dict(value.fields))
    if isinstance(value, Media):
        return "media", exact(value.fields())
    return type(value).__name__, value


@given(
    rows=st.lists(
        st.tuples(
            st.dictionaries(st.text(max_size=6), values, max_size=5), st.integers(-(2**63), 2**63)
        ),
        max_size=8,
    )
)
@settings(max_examples=150)
def test_rows_come_back_bit_for_bit(rows: list[tuple[dict[str, Any], int]]) -> None:
    """Every value of every type, NaN's payload bits and the edges of 64 bits included."""
    encoder, schemas, found = RecordEncoder(), {}, []
    for data, step in rows:
        for record in decode_records(encoder.row(data, step, 0.5)):
            check_record(record)
            if record[0] == 0:
                schemas[record[1]] = record[2]
            else:
                found.append((dict(zip(schemas[record[1]], record[4:], strict=True)), record[2]))
    assert exact(rows) == exact(found)


@given(data=media)
def test_media_come_back_with_their_details(data: Media) -> None:
    """The four own fields win over details of the same name."""
    [schema, row] = decode_records(RecordEncoder().row({"m": data}, 0, 0.0))
    assert ["m"] == schema[2]
    assert exact(data) == exact(row[4])


@given(payload=st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_are_records_or_a_record_error(payload: bytes) -> None:
    """Nothing else is ever raised."""
    try:
        for record in decode_records(payload):
            check_record(record)
    except RecordError:
        pass


def pack(*values: Any) -> bytes:
    return b"".join(msgpack.packb(value) for value in values)


def array32(length: int) -> bytes:
    return b"\xdd" + struct.pack(">I", length)


ROW = pack([0, 0, ["a"]])
HOSTILE = {
    "no array": pack({"a": 1}),
    "an empty array": pack([]),
    "a kind that is no int": pack(["row", 1]),
    "a kind that is a bool": pack([True, 1]),
    "invalid UTF-8": b"\x93\x07\xcb" + struct.pack(">d", 1.0) + b"\xa2\xff\xfe",
    "a huge array": array32(2**32 - 1),
    "a huge map": b"\xdf\xff\xff\xff\xff",
    "a huge string": b"\xdb\xff\xff\xff\xff",
    "huge arrays in each other": array32(15 << 20) * 900,
    "huge arrays behind a record": ROW + array32(15 << 20) * 900,
    "huge arrays in an extension": msgpack.packb([3, 0.5, {"a": msgpack.ExtType(1, array32(9 << 20))}]),
    "deep nesting": b"\x91" * 100_000,
    "deep nesting that ends": b"\x91" * 1000 + b"\x00",
    "an extension that is no map": pack([3, 0.5, {"a": msgpack.ExtType(2, b"\x90")}]),
    "media without a path": pack([3, 0.5, {"a": msgpack.ExtType(1, pack({"type": "x"}))}]),
    "media of a size that is a string": pack(
        [3, 0.5, {"a": msgpack.ExtType(1, pack({"type": "", "path": "", "sha256": "", "size": "1"}))}]
    ),
    "a map with a list as key": b"\x93\x03\x00\x81\x90\x00",
    "a map with a histogram as key": b"\x93\x03\x00\x81\xc7\x01\x02\x80\x00",
    "a row without a schema": pack([1, 7, 0, 0.5, 1]),
    "a row of the wrong length": ROW + pack([1, 0, 0, 0.5]),
    "a row whose step is a float": ROW + pack([1, 0, 0.5, 0.5, 1]),
    "a row whose time is a string": ROW + pack([1, 0, 0, "now", 1]),
    "a row that ends early": pack([1, 0]),
    "a schema of numbers": pack([0, 0, [1, 2]]),
    "a schema without names": pack([0, 0]),
    "a config that is a list": pack([3, 0.5, [1]]),
    "an exit that is a number": pack([9, 0.5, 1]),
    "a metric whose name is a number": pack([5, 1, {}]),
    "a console line without text": pack([7, 0.5, "stdout"]),
    "a record and a byte that msgpack never uses": pack([3, 0.5, {}]) + b"\xc1",
    "half a record": pack([3, 0.5, {"a": 1}])[:-1],
    "a record and a half": pack([3, 0.5, {}]) + pack([3, 0.5, {"a": 1}])[:-1],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_whole_chunk_of_hostile_bytes_is_damage(name: str, tmp_path: Path) -> None:
    """Its CRCs hold; it is reported as one lost chunk, and what is around it is read."""
    payload = HOSTILE[name]
    log = LogSpec().record(CONFIG, TIME, {"before": 1})
    log.chunk(RECORDS, payload)
    log.record(CONFIG, TIME, {"after": 1}).final()
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    tracemalloc.start()
    try:
        with Reader(tmp_path, block_bytes=4096) as run:
            assert {"before": 1, "after": 1} == run.config
            assert [("main.0001.tlog", log.starts[1], len(payload) + 20, 1)] == [
                tuple(damage) for damage in run.damage
            ]
            assert 2 <= len(list(run.records())) <= 3
            assert "finished" == run.state
        # A walk that has come to the end asks for one chunk of the largest size.
        assert 24_000_000 > tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


ODD_MAPS = [
    {},
    {"schemas": 5},
    {"schemas": {"a": 1}},
    {"summary": [1], "set_by_hand": 7, "means": "x"},
    {"summary": {1: 2, b"x": 3, None: 4}, "set_by_hand": {5: 6}},
    {"summary": {"a": 1.0}, "means": {"a": [0, 1.0]}},
    {"summary": {"a": 1.0}, "means": {"a": [-1, 1.0]}},
    {"summary": {"a": 1.0}, "means": {"a": ["x", None], "b": [1], "c": [True, 2], 7: [1, 2]}},
    {"rows": "many", "last_step": [], "previous": -1},
    {"state": ["finished"], "exit_code": "zero"},
    {"state": "dancing", "exit_code": 2**64 - 1},
]
ODD_SCHEMAS: list[Any] = [5, None, "abc", "", [], {}, {"a": 1}, [0], [0, "ab"], ["0", ["a"]], [0, [1]]]


@pytest.mark.parametrize("kind", [CHECKPOINT, FINAL])
@pytest.mark.parametrize(
    "content", [*ODD_MAPS, *({"schemas": [entry]} for entry in ODD_SCHEMAS), 5, [1], "text", None]
)
def test_a_checkpoint_of_any_shape_raises_nothing(content: Any, kind: int, tmp_path: Path) -> None:
    """What of it makes no sense is left out or reported; rows are read as ever."""
    log = LogSpec()
    log.record(5, "a", {"summary": "mean"}).record(5, "x*", {"summary": "max"})
    log.row({"a": 1.0}, step=0)
    log.chunk(kind, msgpack.packb(content))
    if kind == CHECKPOINT:
        log.row({"a": 3.0}, step=1)
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    with Reader(tmp_path) as run:
        assert [1.0, 3.0][: 1 + (kind == CHECKPOINT)] == list(run.history()["a"])
        assert run.state in ("finished", "failed", "crashed", "running", "unknown")
        assert all(isinstance(key, str) for key in run.summary)
        assert len(run.damage) <= 1
        assert run.exit_code is None


@pytest.mark.parametrize(
    "facts",
    [
        {"pid": 2**64 - 1, "host": "here"},
        {"pid": -5, "host": "here"},
        {"pid": 0, "host": "here"},
        {"pid": 1, "pid_started": "then", "host": "here", "boot_id": [1]},
        {"supersedes": 5},
        {"supersedes": [[1, 2, 3], ["ab", 1, "x"], "abc", ["00", -5, 2**64 - 1]]},
        {"id": ["x"], "project": {"a": 1}, "name": 5, 7: 8},
    ],
)
def test_facts_of_any_shape_raise_nothing(facts: dict[Any, Any], tmp_path: Path) -> None:
    """A pid that no process can have, ranges of chunks that make no sense."""
    facts = {k: os.uname().nodename if v == "here" else v for k, v in facts.items()}
    log = LogSpec().record(RUN, TIME, facts).row({"a": 1}, step=0)
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    with Reader(tmp_path) as run:
        expected = "crashed" if "pid" in facts else "unknown"
        assert expected == run.state
        assert [run.id, run.project, run.name] == [str(x) for x in (run.id, run.project, run.name)]
        assert [1] == list(run.history()["a"])


@pytest.mark.parametrize(
    "ending", [{}, {"code": "x"}, {"code": None}, {"code": [1]}, {"code": 2**64 - 1}]
)
def test_an_exit_record_of_any_shape_raises_nothing(ending: dict[str, Any], tmp_path: Path) -> None:
    """An exit code that is no 0 is a failure; one that is no int is none."""
    (tmp_path / "main.0001.tlog").write_bytes(LogSpec().record(EXIT, TIME, ending).data)
    with Reader(tmp_path) as run:
        assert "failed" == run.state
        assert (ending.get("code") if isinstance(ending.get("code"), int) else None) == run.exit_code


def test_a_value_too_deep_for_a_checkpoint_leaves_the_summary_out() -> None:
    """A row may hold it; a checkpoint would put it one level deeper than msgpack goes."""
    value: Any = 0.5
    for _ in range(1023):
        value = [value]
    encoder = RecordEncoder()
    encoder.row({"deep": value}, 3, TIME)
    expected = {"rows": 1, "last_step": 3, "previous": 40, "state": "finished", "exit_code": 0}
    assert expected == decode_map(encoder.checkpoint(40, state="finished", exit_code=0))


ODD_FILES: list[dict[str, Any]] = [
    {},
    {"path": 5, "size": 1, "sha256": "ab"},
    {"path": "files/a", "size": "1", "sha256": "ab"},
    {"path": "files/a", "size": 1, "sha256": None},
]


@pytest.mark.parametrize("entry", ODD_FILES)
def test_a_file_record_of_any_shape_raises_nothing(entry: dict[str, Any], tmp_path: Path) -> None:
    """What names no file is left out; those beside it are there."""
    sound = {"path": "files/m.npz", "size": 3, "sha256": "ab" * 32}
    log = LogSpec().record(FILE, TIME, entry).record(FILE, TIME, sound)
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    with Reader(tmp_path) as run:
        assert [("files/m.npz", 3, "ab" * 32, "now")] == run.files()


def test_a_summary_too_large_for_a_checkpoint_is_left_out() -> None:
    """Two rows fit into a chunk each, what both come to does not; the counts are there."""
    encoder = RecordEncoder()
    for step, name in enumerate("ab"):
        encoder.row({name: "x" * 9_000_000}, step, TIME)
    assert {"rows": 2, "last_step": 1, "previous": 40} == decode_map(encoder.checkpoint(40))


def test_the_beginning_of_a_log_is_as_many_chunks_as_it_takes() -> None:
    """Names that are too many for one: each schema is there twice, no payload is over the limit."""
    encoder = RecordEncoder()
    for name in "abc":
        encoder.row({name * 7_000_000: 1}, 0, TIME)
    payloads = list(encoder.beginning(TIME, {"pid": 1}))
    records = [record for payload in payloads for record in decode_records(payload)]
    schemas = [(0, "a"), (1, "b"), (2, "c")]
    assert {"pid": 1} == records[0][2]
    assert [*schemas, *schemas] == [(record[1], record[2][0][0]) for record in records[1:]]
    assert ([2, 1, 2, 1], True) == (
        [sum(record[0] == SCHEMA for record in decode_records(payload)) for payload in payloads],
        all(len(payload) <= PAYLOAD_BYTES_MAX for payload in payloads),
    )


@pytest.mark.parametrize("value", [object(), 2**64, "\ud800", {1, 2}])
def test_a_map_that_msgpack_cannot_hold_is_a_record_error(value: object) -> None:
    """As a record of it is."""
    with pytest.raises(RecordError, match="a map cannot hold this"):
        encode_map({"a": value})


def test_an_extension_that_is_newer_than_this_is_kept_as_it_is(tmp_path: Path) -> None:
    """Its code and its bytes; what is beside it is read as ever."""
    log = LogSpec().row({"a": msgpack.ExtType(77, b"new"), "b": 1}, step=0)
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    with Reader(tmp_path) as run:
        (row,) = run.records()
        assert ({"a": msgpack.ExtType(77, b"new"), "b": 1}, []) == (row.data, run.damage)


def test_no_log_holds_its_own_chunks_again(tmp_path: Path) -> None:
    """One that says so is read as ever, beside others."""
    log = LogSpec().record(RUN, TIME, {"supersedes": [[LOG_ID.hex(), 0, 9]]}).row({"a": 1}, step=0)
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    (tmp_path / "main.0002.tlog").write_bytes(LogSpec(bytes(16)).row({"a": 2}, step=1).data)
    with Reader(tmp_path) as run:
        assert ([1, 2], []) == (list(run.history()["a"]), run.damage)


def nested(levels: int) -> Media:
    within = {"parts": [nested(levels - 1)]} if levels > 1 else {}
    return Media("image", f"media/x{levels}.png", "9f" * 32, levels, within)


def test_media_may_hold_media() -> None:
    """Four levels come back as they were: a table, its images, their masks, and one more."""
    encoder = RecordEncoder()
    assert [nested(4)] == decode_records(encoder.row({"a": nested(4)}, 0, TIME))[-1][4:]
    assert [4, 3, 2, 1] == [media.size for media in media_within([nested(4)])]


def test_media_beyond_the_fourth_level_stays_undecoded() -> None:
    """A bound for what a log of somebody else may cost; its bytes are kept."""
    (found,) = decode_records(RecordEncoder().row({"a": nested(5)}, 0, TIME))[-1][4:]
    assert [5, 4, 3, 2] == [media.size for media in media_within([found])]
    *_, last = media_within([found])
    assert isinstance(last.details["parts"][0], msgpack.ExtType)


def test_media_is_found_no_deeper_than_the_limit() -> None:
    """Lists and maps that hold themselves end."""
    endless: list[Any] = [nested(1)]
    endless.append(endless)
    assert MEDIA_DEPTH_MAX + 1 == len(list(media_within(endless)))
