"""What people do with columns: NumPy, pandas, Arrow and Parquet, with every kind of value and gap."""

import errno
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from blocked import run_without
from faults.faulty_disk import FaultyDisk
from hypothesis import given
from hypothesis import strategies as st
from log_spec import TIME, LogSpec
from pyarrow import parquet

from tidelog.datastore import Columns, DatastoreError, Reader, Series
from tidelog.datastore.columns import make_column
from tidelog.datastore.records import Histogram, Media

IMAGE = Media("image", "media/images/a_0.png", "9f" * 32, 68, {"caption": "sieben"})
BINS = Histogram({"edges": [0.0, 1.0], "counts": [3]})


def columns_of(**values: list[Any]) -> Columns:
    rows = len(next(iter(values.values())))
    held = {"_step": list(range(rows)), "_time": [TIME + row for row in range(rows)], **values}
    return Columns({name: make_column(column) for name, column in held.items()}, rows=rows)


EVERY_KIND = {
    "loss": [0.5, math.nan, -math.inf],
    "n": [1, 2, 3],
    "gap": [1, None, 2**53 + 1],
    "wide": [2**63, 0, 2**64 - 1],
    "wide_gap": [2**64 - 1, None, 0],
    "widest": [-1, 0, 2**64 - 1],
    "mixed": [0.5, 2**53 + 1, None],
    "ok": [True, False, True],
    "ok_gap": [True, None, False],
    "text": ["Ufer", "≈", ""],
    "text_gap": ["=1+1", None, "a,b"],
    "sample": [IMAGE, None, IMAGE],
    "weights": [BINS, None, None],
    "shape": [[1, 2], None, [[]]],
    "nested": [{"a": None}, {"b": math.nan}, None],
    "any": ["x", 1, None],
    "none": [None, None, None],
}


def by_type(types: dict[Any, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, each in types.items():
        found.setdefault(str(each), []).append(name)
    return found


def test_pandas_gets_nullable_types_where_a_row_lacks_a_value() -> None:
    """Ints stay ints and flags stay flags, also beside a gap; what is neither is an object as it was."""
    frame = columns_of(**EVERY_KIND).to_pandas()
    texts = {name: frame.dtypes[name] for name in ("text", "text_gap")}
    assert {pd.Series(["x", None]).dtype} == set(texts.values()), "str from pandas 3 on, object before"
    assert {
        "int64": ["_step", "n"],
        "float64": ["_time", "loss"],
        "Int64": ["gap"],
        "uint64": ["wide"],
        "UInt64": ["wide_gap"],
        "bool": ["ok"],
        "boolean": ["ok_gap"],
        "object": ["widest", "mixed", "sample", "weights", "shape", "nested", "any", "none"],
    } == by_type(dict(frame.dtypes.drop(list(texts))))
    assert [1, pd.NA, 2**53 + 1] == frame["gap"].tolist()
    assert [2**64 - 1, pd.NA, 0] == frame["wide_gap"].tolist()
    assert EVERY_KIND["widest"] == frame["widest"].tolist()
    assert IMAGE is frame["sample"][0]
    assert [[1, 2], None, [[]]] == frame["shape"].tolist()
    assert (3, 19) == frame.shape


def test_arrow_has_null_for_what_is_missing_and_rounds_no_number() -> None:
    """A missing int is null, never 0 or NaN; what no type of Arrow holds exactly is JSON text."""
    table = columns_of(**EVERY_KIND).to_arrow()
    assert {
        "int64": ["_step", "n", "gap"],
        "double": ["_time", "loss"],
        "uint64": ["wide", "wide_gap"],
        "bool": ["ok", "ok_gap"],
        "string": ["text", "text_gap"],
        "JSON text": ["widest", "mixed", "sample", "weights", "shape", "nested", "any"],
        "null": ["none"],
    } == by_type({each.name: "JSON text" if each.metadata else each.type for each in table.schema})
    held = table.to_pydict()
    for name in ("n", "gap", "wide", "wide_gap", "ok", "ok_gap", "text", "text_gap", "none"):
        assert EVERY_KIND[name] == held[name], name
    assert ["0.5", "9007199254740993", None] == held["mixed"]
    assert ["-1", "0", "18446744073709551615"] == held["widest"]
    assert ['"x"', "1", None] == held["any"]
    assert {"_type": "media", **IMAGE.fields()} == json.loads(held["sample"][0])
    assert {"_type": "histogram", **BINS.fields} == json.loads(held["weights"][0])
    assert {"b": "NaN"} == json.loads(held["nested"][1])


def test_nan_is_null_in_arrow_only_where_that_is_asked_for() -> None:
    """A column of floats has NaN both for a missing value and for one that was logged."""
    columns = columns_of(loss=[0.5, None, math.nan], n=[1, 2, 3])
    assert ["0.5", "nan", "nan"] == [str(value) for value in columns.to_arrow()["loss"].to_pylist()]
    assert [0.5, None, None] == columns.to_arrow(nan_as_null=True)["loss"].to_pylist()
    assert (0, 2) == tuple(
        columns.to_arrow(nan_as_null=each)["loss"].null_count for each in (False, True)
    )


KINDS = (st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=5))
MIXED = st.lists(st.none() | st.one_of(KINDS) | st.lists(st.integers(0, 9), max_size=2))


@given(values=st.one_of(MIXED, *(st.lists(st.none() | kind) for kind in KINDS)))
def test_lists_and_arrays_give_the_same_table(values: list[Any]) -> None:
    """Where NumPy is not installed a column is a list; nothing of a value is lost either way."""
    arrays = columns_of(values=values).to_arrow()
    column = [math.nan if v is None and _is_float(values) else v for v in values]
    lists = Columns({"values": column}, rows=len(values)).to_arrow()
    assert repr(arrays["values"].to_pylist()) == repr(lists["values"].to_pylist())
    assert arrays.schema.field("values").equals(lists.schema.field("values"), check_metadata=True)
    for value, held in zip(values, lists["values"].to_pylist(), strict=True):
        if isinstance(value, int) and isinstance(held, (int, float)):
            assert value == held


def _is_float(values: list[Any]) -> bool:
    return hasattr(column := make_column(values), "dtype") and column.dtype == np.float64


def test_arrow_and_parquet_need_no_numpy(tmp_path: Path) -> None:
    """A process without NumPy writes the same Parquet file."""
    log = LogSpec().row({"f": 0.5, "n": 1, "s": "x"}, step=0).row({"f": math.nan}, step=1)
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    program = """
from tidelog.datastore import Reader
Reader(sys.argv[1]).history().to_parquet(sys.argv[2])
assert "numpy" not in sys.modules
"""
    result = run_without(["numpy"], program, tmp_path, tmp_path / "a.parquet")
    assert (0, "") == (result.returncode, result.stderr)
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.equals(Reader(tmp_path).history().to_arrow()) is False, "NaN is not equal to itself"
    assert [1, None] == table["n"].to_pylist()
    assert repr(Reader(tmp_path).history().to_arrow().to_pydict()) == repr(table.to_pydict())


@pytest.mark.parametrize(
    ("package", "call", "sentence"),
    [
        ("pyarrow", "to_arrow()", "an Arrow table needs pyarrow, .*: pip install 'tidelog\\[arrow\\]'"),
        ("pyarrow", "to_parquet('x')", "needs pyarrow, .*: pip install 'tidelog\\[arrow\\]'"),
        ("pandas", "to_pandas()", "needs pandas, .*: pip install 'tidelog\\[analysis\\]'"),
        ("numpy", "to_numpy()", "needs numpy, .*: pip install 'tidelog\\[numpy\\]'"),
        ("numpy", "astype('float32')", "needs numpy, .*: pip install 'tidelog\\[numpy\\]'"),
    ],
)
def test_a_missing_package_is_named_with_what_to_install(
    package: str, call: str, sentence: str, tmp_path: Path
) -> None:
    """As a DatastoreError that is an ImportError too; no file is left."""
    program = f"""
import os
os.chdir(sys.argv[1])
from tidelog.datastore import Columns, DatastoreError
try:
    Columns({{"a": [1]}}, rows=1).{call}
except ImportError as error:
    assert isinstance(error, DatastoreError)
    print(error)
"""
    result = run_without([package], program, tmp_path)
    assert "" == result.stderr
    with pytest.raises(AssertionError, match=sentence):
        raise AssertionError(result.stdout)
    assert [] == list(tmp_path.iterdir())


def test_parquet_reads_back_as_it_was(tmp_path: Path) -> None:
    """Types, values and the encoding of what is JSON text; also with no rows at all."""
    columns = columns_of(**EVERY_KIND)
    columns.to_parquet(tmp_path / "a.parquet")
    table = parquet.read_table(tmp_path / "a.parquet")
    assert repr(columns.to_arrow().to_pydict()) == repr(table.to_pydict())
    assert {b"encoding": b"json"} == table.schema.field("sample").metadata
    columns.to_parquet(tmp_path / "a.parquet", nan_as_null=True)
    assert [0.5, None, -math.inf] == parquet.read_table(tmp_path / "a.parquet")["loss"].to_pylist()
    empty = Columns({"_step": make_column([]), "_time": make_column([])}, rows=0)
    empty.to_parquet(tmp_path / "empty.parquet")
    assert (0, 2) == parquet.read_table(tmp_path / "empty.parquet").shape
    assert ["a.parquet", "empty.parquet"] == sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_full_disk_leaves_the_parquet_file_that_was_there(call: str, tmp_path: Path) -> None:
    """It appears whole or not at all, and nothing of a try stays behind."""
    path = tmp_path / "a.parquet"
    columns_of(a=[1]).to_parquet(path)
    before = path.read_bytes()
    disk = FaultyDisk()
    disk.fail(call, errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        columns_of(a=[2]).to_parquet(path, disk=disk)
    assert [before] == [each.read_bytes() for each in tmp_path.iterdir()]


def test_a_short_write_is_carried_on(tmp_path: Path) -> None:
    """A write may take fewer bytes than it was given."""
    disk = FaultyDisk()
    disk.write_short(3)
    columns_of(a=[2]).to_parquet(tmp_path / "a.parquet", disk=disk)
    assert [2] == parquet.read_table(tmp_path / "a.parquet")["a"].to_pylist()


def test_a_matrix_has_a_row_per_row_and_a_column_per_name() -> None:
    """In the order asked for; flags are 0 and 1, missing is NaN."""
    columns = columns_of(
        loss=[0.5, None], n=[3, None], ok=[True, None], yes=[True, False], no=[None, None]
    )
    array = columns.to_numpy(names=["n", "loss", "ok", "yes", "no"])
    expected = [[3, 0.5, 1, 1, math.nan], [math.nan, math.nan, math.nan, 0, math.nan]]
    assert (repr(expected), np.float64) == (repr(_ints(array.tolist())), array.dtype)
    assert array.flags.c_contiguous
    assert (2, 7) == columns.to_numpy().shape
    assert [0, TIME] == columns.to_numpy()[0, :2].tolist()
    assert (2, 0) == columns.to_numpy(names=[]).shape
    assert [[1, 3]] == columns_of(a=[1], b=[3]).to_numpy(int, names=["a", "b"]).tolist()


def _ints(rows: list[list[float]]) -> list[list[float]]:
    return [
        [int(value) if value == value and value.is_integer() else value for value in row] for row in rows
    ]


def test_a_matrix_names_what_it_cannot_hold() -> None:
    """The columns that are no numbers, the number that does not fit, the name that is not there."""
    columns = columns_of(**EVERY_KIND)
    with pytest.raises(
        ValueError, match=r"not only numbers are in 'text', 'text_gap', 'sample', 'weights'"
    ):
        columns.to_numpy()
    with pytest.raises(ValueError, match=r"'shape' and 2 more: say which columns with names=\[\.\.\.\]"):
        columns.to_numpy()
    with pytest.raises(ValueError, match=r"column 'loss' holds 0\.5, which int64 cannot"):
        columns.to_numpy(int, names=["n", "loss"])
    with pytest.raises(ValueError, match="column 'wide' holds 9223372036854775808, which int64 cannot"):
        columns.to_numpy(int, names=["wide"])
    with pytest.raises(ValueError, match="column 'gap' holds nan, which int64 cannot"):
        columns_of(gap=[1, None]).to_numpy(int, names=["gap"])
    with pytest.raises(ValueError, match=r"column 'half' holds 0\.5, which int8 cannot"):
        columns_of(half=[0.5]).to_numpy("int8", names=["half"])
    with pytest.raises(KeyError, match="no row has 'nothing'"):
        columns.to_numpy(names=["nothing"])
    with pytest.raises(ValueError, match="dtype object is no type of numbers; use one such as float32"):
        columns.to_numpy(object)


def test_a_cast_changes_the_columns_of_numbers_alone() -> None:
    """`_step` and `_time` would lose their last digits as float32."""
    columns = columns_of(**EVERY_KIND).astype("float32")
    dtypes = {name: str(column.dtype) for name, column in columns.items()}
    numbers = {"loss", "n", "gap", "wide", "wide_gap", "widest", "mixed"}
    assert numbers == {name for name, dtype in dtypes.items() if dtype == "float32"}
    assert ("int64", "float64", "bool") == (dtypes["_step"], dtypes["_time"], dtypes["ok"])
    assert "[1.0, nan, 9007199254740992.0]" == repr(columns["gap"].tolist())
    assert [np.float32(0.5), -math.inf] == columns["loss"][[0, 2]].tolist()
    assert 3 == len(columns)
    narrow = columns_of(n=[1, 2], f=[0.5, 1.5]).astype("int8")
    assert ["int8", "float64"] == [str(narrow[name].dtype) for name in ("n", "f")]


def test_a_cast_that_would_lose_a_number_raises() -> None:
    """Beyond float32 a finite number would be infinite, beyond int8 another one."""
    with pytest.raises(ValueError, match=r"column 'f' holds 1e\+39, which float32 cannot"):
        columns_of(f=[0.5, 1e39]).astype("float32")
    with pytest.raises(ValueError, match="column 'n' holds -129, which int8 cannot"):
        columns_of(n=[-129]).astype("int8")
    with pytest.raises(ValueError, match="dtype bool is no type of numbers"):
        columns_of(n=[1]).astype(bool)


def test_a_series_becomes_a_frame_a_table_or_a_matrix() -> None:
    """Each with step, time and value."""
    series = Series(np.array([0, 1]), np.array([TIME, TIME + 1]), np.array([0.5, math.nan]))
    assert ["step", "time", "value"] == list(series.to_pandas().columns)
    assert ["int64", "double", "double"] == [str(each) for each in series.to_arrow().schema.types]
    assert 1 == series.to_arrow(nan_as_null=True)["value"].null_count
    assert [[0, TIME, 0.5]] == series.to_numpy()[:1].tolist()


def test_a_series_is_shown_in_a_line() -> None:
    """A million numbers on a terminal tell nobody anything."""
    assert "<Series of 2 points, steps 3 to 9>" == repr(Series([3, 9], [TIME, TIME], [1.0, 2.0]))
    assert "<Series of 0 points>" == repr(Series([], [], []))


def test_the_error_is_one_of_ours() -> None:
    """Whoever catches DatastoreError catches a missing package as well."""
    from tidelog.datastore.errors import MissingPackageError

    assert issubclass(MissingPackageError, DatastoreError)
    assert issubclass(MissingPackageError, ImportError)


def test_arrow_shares_the_memory_of_an_array() -> None:
    """A column of numbers is not copied."""
    columns = columns_of(f=[0.5, 1.5])
    held = columns.to_arrow()["f"].chunk(0)
    assert isinstance(held, pa.Array)
    assert columns["f"].__array_interface__["data"][0] == held.buffers()[1].address
