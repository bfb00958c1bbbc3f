"""The path through NumPy gives exactly what the plain merge gives, on every log."""

import math
import struct
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_spec import LogSpec

from tidelog.datastore.columns import Columns
from tidelog.datastore.format import CHECKPOINT, RECORDS, encode_chunk
from tidelog.datastore.gather import BLOCK_ROWS, Gathered
from tidelog.datastore.log_reader import LogReader
from tidelog.datastore.merge import RowMerger
from tidelog.datastore.records import ROW, SCHEMA, Histogram, Media
from tidelog.datastore.rows import RowLog, read_rows, read_series
from tidelog.datastore.selection import Selection
from tidelog.datastore.stretch import read_stretch

MEDIA = Media("image", "media/images/a.png", "9f" * 32, 68, {})
HISTOGRAM = Histogram({"edges": [0.0, 1.0], "counts": [3]})


def plain(reader: LogReader, selection: Selection | None = None) -> RowMerger:
    """The reference: every chunk by the walk, every row by the merger."""
    selection = selection or Selection()
    merger = RowMerger(selection)
    merger.begin_stream()
    walk = reader.walk()
    for _, content in walk:
        for record in content if isinstance(content, list) else []:
            if record[0] == ROW and selection.has_step(record[2]):
                merger.add_rows(walk.schemas, [record])
    return merger


def exact(column: Any) -> Any:
    """A column so that equality tells dtype, NaN and -0.0 apart."""
    values = [struct.pack("d", v) if isinstance(v, float) else v for v in column.tolist()]
    return column.dtype, values


def comparable(column: Any) -> list[Any]:
    """Values without their type: fewer rows may have a narrower one. A gap may be NaN or None."""
    return [None if value is None or value != value else value for value in column.tolist()]


def assert_same(
    data: bytes,
    path: Path,
    *,
    must_gather: bool = False,
    keys: list[str] | None = None,
    steps: slice | None = None,
) -> None:
    path.write_bytes(data)
    reader = LogReader(path)
    log = RowLog(reader, "main")
    try:
        expected, found = plain(reader, Selection(keys, steps)), read_rows([log], keys=keys, steps=steps)
        assert isinstance(found, Gathered) or not must_gather
        assert expected.names == found.names
        if expected.steps:
            assert exact(expected.step_column) == exact(found.step_column)
            assert exact(expected.time_column) == exact(found.time_column)
        for name in expected.names:
            assert exact(expected.column(name)) == exact(found.column(name)), name
        for name in plain(reader).names:
            series = plain(reader, Selection(None, steps)).series(name)
            alone = read_series([log], name, steps=steps)
            assert len(series.step) == len(alone.step), name
            if len(series.step):
                assert list(map(exact, series)) == list(map(exact, alone)), name
    finally:
        reader.close()


floats = st.floats(allow_nan=True, allow_infinity=True)
integers = st.integers(-(2**63), 2**64 - 1)
others = st.sampled_from([None, True, False, "text", MEDIA, HISTOGRAM, [1, 2]])
runs = st.tuples(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True),
    st.integers(1, 40),  # rows of this schema in a row
    st.sampled_from(["floats", "small", "integers", "mixed"]),
    st.integers(0, 3),  # how far the step goes on with each row
)


@st.composite
def logs(draw: st.DrawFn, *, strides: st.SearchStrategy[int]) -> LogSpec:
    """A log of mixed schemas, ints of all widths, None, strings, media; buffered chunks, checkpoints."""
    kinds = {
        "floats": floats,
        "small": st.integers(-40, 140),
        "integers": integers,
        "mixed": st.one_of(floats, integers, others),
    }
    log = LogSpec()
    step = draw(st.sampled_from([0, 120, 65_530, 2**31 - 5, -50]))
    for names, rows, kind, _ in draw(st.lists(runs, max_size=6)):
        stride, buffered = draw(strides), draw(st.sampled_from([1, 1, 1, 3]))
        values = draw(st.lists(kinds[kind], min_size=len(names), max_size=len(names)))
        held = []
        for row in range(rows):
            if row % 7 == 0:
                values = draw(st.lists(kinds[kind], min_size=len(names), max_size=len(names)))
            data = dict(zip(names, values, strict=True))
            held.append(log.encoder.row(data, step, 1e9 + row))
            if len(held) == buffered:
                log.chunk(RECORDS, b"".join(held))
                held = []
            step += stride
        if held:
            log.chunk(RECORDS, b"".join(held))
        if draw(st.booleans()):
            log.checkpoint()
    return log


@given(log=logs(strides=st.integers(0, 3)))
@settings(max_examples=120)
def test_every_log_gives_the_same_columns(log: LogSpec, tmp_path_factory: Any) -> None:
    """Whatever is in it, so long as no step goes back."""
    assert_same(log.data, tmp_path_factory.mktemp("log") / "main.0001.tlog", must_gather=True)


@given(
    log=logs(strides=st.integers(-2, 3)),
    keys=st.sampled_from([None, ["a"], ["[ab]"], ["*"], ["c", "d*"], []]),
    first=st.one_of(st.none(), st.integers(-60, 200)),
    length=st.one_of(st.none(), st.integers(-5, 60)),
)
@settings(max_examples=120)
def test_what_is_chosen_is_the_same_by_every_path(
    log: LogSpec, keys: Any, first: int | None, length: int | None, tmp_path_factory: Any
) -> None:
    """Columns by name or pattern, rows by step, also where steps go back."""
    steps = slice(first, None if length is None else (first or 0) + length)
    path = tmp_path_factory.mktemp("log") / "main.0001.tlog"
    assert_same(log.data, path, keys=keys, steps=steps)


@given(
    log=logs(strides=st.integers(0, 3)),
    first=st.one_of(st.none(), st.integers(-60, 200)),
    length=st.integers(-5, 60),
)
@settings(max_examples=80)
def test_choosing_rows_before_merging_is_choosing_merged_rows(
    log: LogSpec, first: int | None, length: int, tmp_path_factory: Any
) -> None:
    """Rows merge with others of their step alone."""
    path = tmp_path_factory.mktemp("log") / "main.0001.tlog"
    path.write_bytes(log.data)
    reader = LogReader(path)
    stop = (first or 0) + length
    chosen = read_rows([RowLog(reader, "main")], steps=slice(first, stop))
    whole = read_rows([RowLog(reader, "main")])
    steps, names = whole.step_column, chosen.names
    is_chosen = (steps < stop) if first is None else (steps >= first) & (steps < stop)
    assert steps[is_chosen].tolist() == chosen.step_column.tolist()
    assert exact(whole.time_column[is_chosen]) == exact(chosen.time_column)
    for name in names:
        assert comparable(whole.column(name)[is_chosen]) == comparable(chosen.column(name))
    reader.close()


@given(log=logs(strides=st.integers(0, 2)), harm=st.data())
@settings(max_examples=120)
def test_every_damage_costs_the_same_rows(
    log: LogSpec, harm: st.DataObject, tmp_path_factory: Any
) -> None:
    """Bits flipped, sectors zeroed, a cut: wherever they are."""
    data = bytearray(log.data)
    for _ in range(harm.draw(st.integers(1, 4))):
        at = harm.draw(st.integers(40, len(data)))
        kind = harm.draw(st.sampled_from(["flip", "zero", "cut"]))
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << harm.draw(st.integers(0, 7))
        elif kind == "zero":
            data[at : at + 512] = bytes(len(data[at : at + 512]))
        elif kind == "cut":
            del data[at:]
    assert_same(bytes(data), tmp_path_factory.mktemp("log") / "main.0001.tlog")


def uniform(rows: int) -> LogSpec:
    log = LogSpec()
    for step in range(rows):
        log.row({"loss": 1 / (step + 1), "n": step, "nan": math.nan}, step=step, time=1e9 + step)
    return log


@pytest.mark.parametrize("bit", range(8))
def test_damage_in_a_stretch_costs_the_same_rows(bit: int, tmp_path: Path) -> None:
    """Each byte of a chunk in the middle of a stretch flipped: both paths skip that chunk alone."""
    log = uniform(60)
    start, end = log.starts[30], log.ends[30]
    for at in range(start, end):
        data = bytearray(log.data)
        data[at] ^= 1 << bit
        assert_same(bytes(data), tmp_path / "main.0001.tlog", must_gather=True)


def test_a_chunk_of_another_log_ends_a_stretch(tmp_path: Path) -> None:
    """The same bytes under another tag: its CRCs start elsewhere."""
    log = uniform(60)
    start, end = log.starts[30], log.ends[30]
    foreign = encode_chunk(1, 30, log.data[start + 20 : end], tag=7)
    assert_same(log.data[:start] + foreign + log.data[end:], tmp_path / "main.0001.tlog")


@pytest.mark.parametrize(
    "order",
    [
        [*range(90), *range(70, 75), *range(90, 120)],  # Some come twice,
        [*range(80), *range(81, 120)],  # one is gone without a trace,
        [*range(80), 81, 80, *range(82, 120)],  # two changed places.
    ],
)
def test_chunks_that_are_not_in_their_order_end_a_stretch(order: list[int], tmp_path: Path) -> None:
    """Each of them is whole: their numbers alone tell."""
    log = uniform(120)
    chunks = [log.data[start:end] for start, end in zip(log.starts, log.ends, strict=True)]
    data = log.data[: log.starts[0]] + b"".join(chunks[number] for number in order)
    assert_same(data, tmp_path / "main.0001.tlog", must_gather=True)


def test_late_data_for_an_earlier_step_is_left_to_the_plain_merge(tmp_path: Path) -> None:
    """A step that goes back, at once or behind a stretch."""
    log = uniform(60).row({"val": 1.0}, step=3).row({"val": None}, step=4)
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(log.data)
    reader = LogReader(path)
    assert isinstance(read_rows([RowLog(reader, "main")]), RowMerger)
    reader.close()
    assert_same(log.data, path)


def test_a_row_that_is_no_numbers_is_no_stretch() -> None:
    """Strings and the like are read one by one."""
    log = LogSpec().row({"a": "text"}, step=0).row({"a": "text"}, step=1).row({"a": "text"}, step=2)
    assert read_stretch(log.data, log.starts[2], 2, log._tag, {0: ("a",)}) is None


def test_a_column_mapping_behaves_like_one() -> None:
    """`Columns` is a mapping whose length is its rows."""
    columns = Columns({"_step": np.array([0, 1]), "a": np.array([0.5, 1.5])}, rows=2)
    assert 2 == len(columns)
    assert ["_step", "a"] == list(columns) == columns.keys()
    assert "a" in columns
    assert "<Columns of 2 rows: _step, a>" == repr(columns)
    with pytest.raises(KeyError, match="there are: _step, a"):
        columns["b"]


def test_a_log_that_is_cut_anywhere_behind_a_stretch_is_read(tmp_path: Path) -> None:
    """A torn tail of every length: inside the header, right behind it, inside the payload."""
    log = uniform(12)
    for size in range(log.ends[9], len(log.data)):
        assert_same(log.data[:size], tmp_path / "main.0001.tlog", must_gather=True)


ODD_CHUNKS = [
    *((RECORDS, payload) for payload in (b"", b"\x94", b"\xdc\x00", b"\xdc\x00\x05", b"\x95\x01\x00")),
    (RECORDS, msgpack.packb([ROW, 7, 3, 1e9, 0.5])),  # Of a schema that nobody wrote.
    (RECORDS, msgpack.packb([ROW, 0, 3, 1e9, 0.5])),  # Shorter than its schema.
    (RECORDS, msgpack.packb([SCHEMA, 0, ["other"]])),
    (CHECKPOINT, b"\xc1"),
    (CHECKPOINT, msgpack.packb({"schemas": [7]})),
    (CHECKPOINT, msgpack.packb({"schemas": [[0, "loss"]]})),
    (CHECKPOINT, msgpack.packb({"schemas": [[9, ["new"]]]})),
    (9, b"a type that is newer than this"),
]


@pytest.mark.parametrize(("kind", "payload"), ODD_CHUNKS)
def test_an_odd_chunk_is_judged_as_the_plain_merge_does(
    kind: int, payload: bytes, tmp_path: Path
) -> None:
    """Its CRCs hold; by whichever way the chunk before it was read, the rows are the same."""
    for rows in range(4, 16):
        log = uniform(rows)
        log.chunk(kind, payload)
        log.row({"loss": 0.5, "n": 1, "nan": math.nan}, step=rows + 1)
        assert_same(log.data, tmp_path / "main.0001.tlog", must_gather=True)


def test_rows_of_many_metrics_are_a_stretch(tmp_path: Path) -> None:
    """From 16 elements on msgpack writes the length of an array in another way."""
    for metrics in (11, 12, 13):
        log = LogSpec()
        for step in range(40):
            log.row({f"m{n}": step / (n + 1) for n in range(metrics)}, step=step)
        names = {0: tuple(f"m{n}" for n in range(metrics))}
        stretch = read_stretch(log.data, log.starts[2], 2, log._tag, names)
        assert stretch is not None
        assert 38 == len(stretch.rows)
        assert_same(log.data, tmp_path / "main.0001.tlog", must_gather=True)


def test_rows_in_blocks_are_the_rows_one_by_one(tmp_path: Path) -> None:
    """Texts are no stretch, and too many of them to become an array only at the end."""
    log = LogSpec()
    for start in range(0, 3 * BLOCK_ROWS, 1000):
        rows = [log.encoder.row({"text": f"t{n}"}, n, 1e9) for n in range(start, start + 1000)]
        log.chunk(RECORDS, b"".join(rows))
    assert_same(log.data, tmp_path / "main.0001.tlog", must_gather=True)


@pytest.mark.parametrize("steps", [slice(20, None), slice(None, 35), slice(20, 35), slice(99, None)])
def test_the_steps_of_a_stretch_may_be_limited_at_either_end(steps: slice, tmp_path: Path) -> None:
    """The rows that are left are those of the plain merge."""
    assert_same(uniform(60).data, tmp_path / "main.0001.tlog", must_gather=True, steps=steps)


def test_a_row_that_joins_a_stretch_may_look_like_one_itself(tmp_path: Path) -> None:
    """A call of the same step with other names, alone between two stretches."""
    log = LogSpec()
    for step in range(200):
        log.row({"loss": 1 / (step + 1)}, step=step)
        if step % 20 == 19:
            log.row({"val": step / 2}, step=step)
    path = tmp_path / "main.0001.tlog"
    assert_same(log.data, path, must_gather=True)
    reader = LogReader(path)
    assert 200 == len(read_rows([RowLog(reader, "main")]).step_column)
    reader.close()


@pytest.mark.parametrize(
    "values",
    [
        [step - 30 for step in range(60)],  # From one byte to another kind of one byte.
        [2**63 + step for step in range(60)],
        [*(step / 8 for step in range(60)), *range(60), *(2**63 + step for step in range(60))],
    ],
    ids=["negative", "uint64", "floats, then ints"],
)
def test_numbers_of_every_kind_are_a_stretch(values: list[Any], tmp_path: Path) -> None:
    """And keep their type, where their column has one."""
    log = LogSpec()
    for step, value in enumerate(values):
        log.row({"a": value}, step=step)
    assert_same(log.data, tmp_path / "main.0001.tlog", must_gather=True)


def goes_back(step: int, time: float) -> tuple[int, float]:
    return (1030 if step == 1050 else step), time


def is_beyond_int64(step: int, time: float) -> tuple[int, float]:
    return step + (2**40 if step < 1050 else 2**63), time


def has_int_times(step: int, time: float) -> tuple[int, float]:
    return step, int(time)


@pytest.mark.parametrize("value", [0.5, "text"], ids=["stretch", "single rows"])
@pytest.mark.parametrize("odd", [goes_back, is_beyond_int64, has_int_times])
def test_steps_and_times_that_are_no_column_of_theirs_are_left_to_the_plain_merge(
    odd: Any, value: object, tmp_path: Path
) -> None:
    """Whether the rows are made alike or not."""
    log = LogSpec()
    for n in range(1000, 1080):
        step, time = odd(n, 1e9 + n)
        log.row({"a": value}, step=step, time=time)
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(log.data)
    reader = LogReader(path)
    assert isinstance(read_rows([RowLog(reader, "main")]), RowMerger)
    reader.close()
    assert_same(log.data, path)
