"""Calls of one step become one row; no value is ever dropped, whatever the order of the steps."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_spec import TIME, LogSpec

from tidelog.datastore import Reader
from tidelog.datastore.columns import MISSING, Columns, make_column
from tidelog.datastore.merge import RowMerger

Row = tuple[int, dict[str, int]]


def naive(rows: list[Row]) -> list[tuple[int, float, dict[str, int]]]:
    """The rule word by word: join the last row of the same step unless both hold the same key."""
    merged: list[tuple[int, float, dict[str, int]]] = []
    last: dict[int, int] = {}
    for time, (step, data) in enumerate(rows):
        at = last.get(step)
        if at is not None and not merged[at][2].keys() & data.keys():
            merged[at] = (step, float(time), merged[at][2] | data)
        else:
            last[step] = len(merged)
            merged.append((step, float(time), dict(data)))
    return merged


@given(
    rows=st.lists(
        st.tuples(st.integers(-2, 6), st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9))),
        max_size=30,
    ),
    splits=st.lists(st.integers(0, 30), max_size=2),
)
@settings(max_examples=300)
def test_merging_is_what_the_naive_reference_says(rows: list[Row], splits: list[int]) -> None:
    """Any steps, any keys, asked for in the middle as well; streams are kept apart."""
    merger, expected = RowMerger(), []
    ids: dict[tuple[str, ...], int] = {}
    schemas: dict[int, tuple[str, ...]] = {}
    bounds = [0, *sorted(min(at, len(rows)) for at in splits), len(rows)]
    for start, end in itertools.pairwise(bounds):
        merger.begin_stream()
        for time, (step, data) in enumerate(rows[start:end]):
            schema_id = ids.setdefault(tuple(data), len(ids))
            schemas[schema_id] = tuple(data)
            merger.add_rows(schemas, [[1, schema_id, step, float(time), *data.values()]])
            if time % 5 == 4:
                assert merger.names == list(dict.fromkeys(merger.names))
        expected += naive(rows[start:end])
    held: list[dict[str, int]] = [{} for _ in merger.steps]
    for name in merger.names:
        for row, value in zip(*merger.present(name), strict=True):
            held[row][name] = value
    assert expected == list(zip(merger.steps, merger.times, held, strict=True))


COLUMNS: list[tuple[list[Any], str, list[Any]]] = [
    ([1.5, 2], "float64", [1.5, 2.0]),
    ([1.5, MISSING, None], "float64", [1.5, "nan", "nan"]),
    ([1, 2], "int64", [1, 2]),
    ([1, MISSING], "object", [1, None]),
    ([2**63, 0], "uint64", [2**63, 0]),
    ([2**63, -1], "object", [2**63, -1]),
    ([True, False], "bool", [True, False]),
    ([True, 1.0], "object", [True, 1.0]),
    (["a", None], "object", ["a", None]),
    ([[1], [2, 3]], "object", [[1], [2, 3]]),
    ([MISSING, None], "object", [None, None]),
    ([], "object", []),
]


@pytest.mark.parametrize(("values", "dtype", "expected"), COLUMNS)
def test_a_column_has_the_narrowest_type_that_keeps_every_value(
    values: list[Any], dtype: str, expected: list[Any]
) -> None:
    """A gap is NaN among floats, None elsewhere; lists stay lists."""
    column = make_column(values)
    assert dtype == str(column.dtype)
    assert expected == ["nan" if value != value else value for value in column.tolist()]


def test_columns_are_a_mapping() -> None:
    """A name that no row has is a KeyError that tells which there are."""
    columns = Columns({"_step": [0], "a": [1]}, rows=1)
    assert (["_step", "a"], [[0], [1]]) == (list(columns), columns.values())
    assert (1, True, False, None) == (len(columns), "a" in columns, "b" in columns, columns.get("b"))
    with pytest.raises(KeyError, match=r"no row has 'b'; there are: _step, a"):
        columns["b"]


def test_without_numpy_columns_are_lists_of_the_same_values(tmp_path: Path) -> None:
    """A process in which NumPy cannot be imported reads the same history and metric."""
    log = LogSpec()
    for step in range(40):
        log.row({"f": step / 7, "i": step, "s": "x"}, step=step)
        if step % 3 == 0:
            log.row({"late": 1.5}, step=step)
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    code = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "numpy":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Block())
from tidelog.datastore import Reader
with Reader(sys.argv[1]) as run:
    history = run.history()
    assert all(type(column) is list for column in history.values())
    late = run.metric("late")
    print(repr({name: history[name] for name in history}), repr(list(late)), sep="\\n")
assert "numpy" not in sys.modules
"""
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True
    ).stdout
    with Reader(tmp_path) as run:
        history, late = run.history(), run.metric("late")
    expected = repr({name: history[name].tolist() for name in history})
    assert [expected, repr([column.tolist() for column in late])] == out.splitlines()
    assert TIME == history["_time"][0]
    assert np.isnan(history["late"][1])


def test_a_gap_prints_as_what_it_is() -> None:
    """Unlike a None that somebody logged."""
    assert "[None, MISSING]" == repr([None, MISSING])
