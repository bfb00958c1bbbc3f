"""The path through NumPy gives exactly what the plain merge gives, on every log."""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_spec import LogSpec

from tidelog.datastore.columns import Columns
from tidelog.datastore.format import RECORDS, encode_chunk
from tidelog.datastore.gather import gather
from tidelog.datastore.log_reader import LogReader
from tidelog.datastore.merge import RowMerger
from tidelog.datastore.records import ROW, Media
from tidelog.datastore.stretch import read_stretch

MEDIA = Media("image", "media/images/a.png", "9f" * 32, 68, {})


def plain(reader: LogReader) -> RowMerger:
    merger = RowMerger()
    walk = reader.walk()
    for _, content in walk:
        for record in content if isinstance(content, list) else []:
            if record[0] == ROW:
                merger.add(walk.schemas[record[1]], record)
    return merger


def exact(column: Any) -> Any:
    """A column so that equality tells dtype, NaN and -0.0 apart."""
    values = [struct.pack("d", v) if isinstance(v, float) else v for v in column.tolist()]
    return column.dtype, values


def assert_same(data: bytes, path: Path, *, must_gather: bool = False) -> None:
    path.write_bytes(data)
    reader = LogReader(path)
    try:
        expected, gathered = plain(reader), gather([reader])
        assert gathered is not None or not must_gather
        if gathered is None:
            return
        assert expected.names == gathered.names
        assert len(expected.steps) == len(gathered.step_column)
        if expected.steps:
            assert exact(expected.step_column) == exact(gathered.step_column)
            assert exact(expected.time_column) == exact(gathered.time_column)
        for name in expected.names:
            assert exact(expected.column(name)) == exact(gathered.column(name)), name
            rows, values = expected.present(name)
            found_rows, found = gathered.present(name)
            assert rows == list(found_rows), name
            assert exact(values) == exact(found), name
    finally:
        reader.close()


floats = st.floats(allow_nan=True, allow_infinity=True)
integers = st.integers(-(2**63), 2**64 - 1)
others = st.sampled_from([None, True, False, "text", MEDIA, [1, 2]])
runs = st.tuples(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True),
    st.integers(1, 40),  # rows of this schema in a row
    st.sampled_from(["floats", "small", "integers", "mixed"]),
    st.integers(0, 3),  # how far the step goes on with each row
)


@given(plan=st.lists(runs, max_size=6), data=st.data())
@settings(max_examples=120, deadline=None)
def test_every_log_gives_the_same_columns(
    plan: list[tuple[list[str], int, str, int]], data: st.DataObject, tmp_path_factory: Any
) -> None:
    """Mixed schemas, ints of all widths, None, strings, media, steps that repeat, checkpoints."""
    kinds = {
        "floats": floats,
        "small": st.integers(-40, 140),
        "integers": integers,
        "mixed": st.one_of(floats, integers, others),
    }
    log = LogSpec()
    step = data.draw(st.sampled_from([0, 120, 65_530, 2**31 - 5, -50]))
    for names, rows, kind, stride in plan:
        values = data.draw(st.lists(kinds[kind], min_size=len(names), max_size=len(names)))
        for row in range(rows):
            if row % 7 == 0:
                values = data.draw(st.lists(kinds[kind], min_size=len(names), max_size=len(names)))
            log.row(dict(zip(names, values, strict=True)), step=step, time=1e9 + row)
            step += stride
        if data.draw(st.booleans()):
            log.checkpoint()
    assert_same(log.data, tmp_path_factory.mktemp("log") / "main.0001.tlog", must_gather=True)


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


def test_late_data_for_an_earlier_step_is_left_to_the_plain_merge(tmp_path: Path) -> None:
    """A step that goes back: the answer is None, at once or in the middle of a stretch."""
    log = uniform(60).row({"val": 1.0}, step=3)
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(log.data)
    reader = LogReader(path)
    assert gather([reader]) is None
    reader.close()


def test_a_row_that_is_too_long_or_no_numbers_is_no_stretch() -> None:
    """Strings, images and rows over the limit are read by the walk."""
    for data in ({"a": "text"}, {f"k{i}": float(i) for i in range(600)}):
        log = LogSpec().row(data, step=0).row(data, step=1).row(data, step=2)
        assert read_stretch(log.data, log.starts[2], 2, log._tag) is None


def test_a_column_mapping_behaves_like_one() -> None:
    """`Columns` is a mapping whose length is its rows."""
    columns = Columns({"_step": np.array([0, 1]), "a": np.array([0.5, 1.5])}, rows=2)
    assert 2 == len(columns)
    assert ["_step", "a"] == list(columns) == columns.keys()
    assert "a" in columns
    with pytest.raises(KeyError, match="there are: _step, a"):
        columns["b"]


def test_a_log_that_is_cut_anywhere_behind_a_stretch_is_read(tmp_path: Path) -> None:
    """A torn tail of every length: inside the header, right behind it, inside the payload."""
    log = uniform(12)
    for size in range(log.ends[9], len(log.data)):
        assert_same(log.data[:size], tmp_path / "main.0001.tlog", must_gather=True)


@pytest.mark.parametrize("payload", [b"", b"\x94", b"\xdc\x00", b"\xdc\x00\x05", b"\x95\x01\x00"])
def test_a_chunk_that_ends_where_a_row_would_go_on_is_damage(payload: bytes, tmp_path: Path) -> None:
    """Its CRCs hold, and it comes where a stretch is looked for: skipped, as the plain merge does."""
    log = uniform(8)
    log.chunk(RECORDS, payload)
    log.row({"loss": 0.5, "n": 1, "nan": math.nan}, step=9)
    assert_same(log.data, tmp_path / "main.0001.tlog", must_gather=True)
