"""Tables: typed columns, media in cells, and what is logged of one that grows."""

import datetime
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tidelog.datastore import Histogram as RecordedHistogram
from tidelog.datastore import Reader
from tidelog.datastore.records import Media
from tidelog.sdk.media import Audio, Histogram, Image, Table
from tidelog.sdk.media.store import MediaStore
from tidelog.sdk.recording import Run

PIXELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.fixture
def run(begin: Callable[..., Run]) -> Run:
    return begin()


def read_back(run: Run, key: str = "t", **arguments: Any) -> Any:
    run.finish()
    with Reader(run.dir) as reader:
        return reader.table(key, **arguments)


ROWS = [
    [1, 0.5, "ü", True, None, [1, 2], {"a": 1}],
    [2**60, math.nan, "", False, None, [], {}],
    [-3, math.inf, "x" * 1000, None, None, None, None],
    [None, -math.inf, None, None, None, None, None],
]
NAMES = ["int", "float", "text", "bool", "none", "list", "map"]


def test_every_type_of_cell_is_read_back_equal(run: Run) -> None:
    """With the types of the columns, NaN and the infinities included."""
    run.log({"t": Table(columns=NAMES, data=ROWS)})
    table = read_back(run)
    assert NAMES == table.columns
    assert {"int": "int", "float": "float", "text": "text", "bool": "bool", "none": "any",
            "list": "list", "map": "map"} == table.types  # fmt: skip
    assert repr(ROWS) == repr(table.rows)
    assert repr([row[1] for row in ROWS]) == repr(table.column("float"))
    assert NAMES == list(table.to_pandas().columns)


def test_the_file_is_json_that_needs_none_of_our_code(tmp_path: Path, store: MediaStore) -> None:
    """pandas reads it as it reads wandb's `.table.json`; more rows than are made into text at once."""
    rows = [[i, i / 8, f"word {i}"] for i in range(1001)]
    media = store.store("t", Table(columns=["a", "b", "c"], data=rows), step=4)
    assert media.path.startswith("media/tables/t_4_")
    assert media.path.endswith(".table.json")
    assert {"rows": 1001, "columns": ["a", "b", "c"]} == media.details
    content = json.loads((tmp_path / media.path).read_bytes())
    assert rows == pd.DataFrame(content["data"], columns=content["columns"]).to_numpy().tolist()
    assert {"a": "int", "b": "float", "c": "text"} == content["column_types"]


@pytest.mark.parametrize(
    ("expected", "kind", "cell"),
    [
        (0.5, "float", np.float32(0.5)),
        (7, "int", np.int64(7)),
        (7.0, "float", torch.tensor(7.0)),
        (True, "bool", np.bool_(True)),
        ([1, 2], "list", np.array([1, 2])),
        ([[1.5]], "list", torch.tensor([[1.5]], requires_grad=True)),
        ([1, "a"], "list", (1, "a")),
        ("2026-11-25T00:00:00", "text", datetime.datetime(2026, 11, 25)),  # noqa: DTZ001
        ("2026-11-25T00:00:00", "text", pd.Timestamp("2026-11-25")),
        ("a\\ud800", "text", "a\ud800"),
    ],
)
def test_a_cell_is_the_plain_value_that_it_stands_for(
    expected: object, kind: str, cell: object, run: Run
) -> None:
    """Of any library."""
    run.log({"t": Table(columns=["c"], data=[[cell]])})
    table = read_back(run)
    assert ([[expected]], {"c": kind}) == (table.rows, table.types)


def test_media_cells_are_media_of_the_run(run: Run) -> None:
    """Stored once each, named by the table's value in the row, read back as Media."""
    table = Table(columns=["image", "sound", "counts", "n"])
    masks = {"m": {"mask_data": PIXELS}}
    for n in range(2):
        table.add_data(Image(PIXELS, masks=masks, caption=str(n)), Audio([0.5], sample_rate=8),
                       Histogram([1, 2], num_bins=2), n)  # fmt: skip
    run.log({"t": table})
    run.finish()
    with Reader(run.dir) as reader:
        found = reader.table("t")
        (of_table,) = reader.media("tables")
        named = {media.path for media in reader.media()}
        (in_row,) = reader.history()["t"]
    assert {"image": "image", "sound": "audio", "counts": "histogram", "n": "int"} == found.types
    images = found.column("image")
    assert ["0", "1"] == [image.details["caption"] for image in images]
    assert isinstance(images[0].details["masks"]["m"], Media)
    assert RecordedHistogram({"counts": [1, 1], "edges": [1.0, 1.5, 2.0]}) == found.rows[0][2]
    assert {str(path.relative_to(run.dir)) for path in run.dir.rglob("media/*/*")} == named
    assert 4 == len(named)
    assert of_table.path == in_row.path
    assert {images[0].path, found.rows[0][1].path} == {media.path for media in in_row.details["cells"]}


def test_a_media_cell_that_fails_costs_no_other(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """It is None, and told; whether it fails when it is logged or when it is encoded."""
    cells = [Image(PIXELS), Image("/not/there.png"), Image(b"no image"), Image(np.zeros(3))]
    run.log({"t": Table(columns=["c"], data=[[cell] for cell in cells])})
    table = read_back(run)
    assert [True, False, False, False] == [cell is not None for cell in table.column("c")]
    assert "a cell of a Table was left out: " in capsys.readouterr().err


# -- how it is filled ----------------------------------------------------------------------------


def test_a_table_is_filled_from_what_people_have(run: Run) -> None:
    """Lists, tuples, dicts, an array, a DataFrame; columns and rows one by one."""
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, np.nan]})
    assert [[1, "x", 0.5], [2, None]] == [Table(dataframe=frame).data[0], Table(data=frame).data[1][:2]]
    assert math.isnan(Table(data=frame).data[1][2])
    assert {"a": "int", "b": "text", "c": "float"} == Table(data=frame)._types.as_dict()
    assert [[1, 2], [3, 4]] == Table(columns=["a", "b"], data=np.array([[1, 2], [3, 4]])).data
    assert [[1, 2]] == Table(columns=["a", "b"], rows=[(1, 2)]).data
    by_name = Table(data=[{"a": 1, "b": 2}])
    assert (["a", "b"], [[1, 2]]) == (by_name.columns, by_name.data)
    assert ["Input", "Output", "Expected"] == Table().columns
    table = Table(columns=["a"])
    table.add_data(1)
    table.add_row([2])
    table.add_column("b", ["x", "y"])
    table.add_computed_columns(lambda index, row: {"c": row["a"] * 10 + index})
    assert (["a", "b", "c"], [[1, "x", 10], [2, "y", 21]]) == (table.columns, table.data)
    assert ["x", "y"] == table.get_column("b")
    np.testing.assert_array_equal([1, 2], table.get_column("a", convert_to="numpy"))
    assert [(0, [1, "x", 10]), (1, [2, "y", 21])] == list(table.iterrows())
    assert ([0, 1], 2) == (table.get_index(), len(table))
    assert [10, 21] == table.get_dataframe()["c"].tolist()
    by_column = Table(columns=[])
    by_column.add_column("x", [1, 2])
    assert [[1], [2]] == by_column.data


@pytest.mark.parametrize(
    ("types", "words", "arguments", "cells"),
    [
        ("float", "", {}, [1, 0.5]),
        ("mixed", "column 'c' of int of a Table got a cell of text", {}, [1, "a"]),
        ("mixed", "", {"allow_mixed_types": True}, [1, "a"]),
        ("mixed", "column 'c' of text of a Table got a cell of int", {"dtype": str}, [1]),
        ("float", "column 'c' of int of a Table got a cell of float", {"dtype": [int]}, [0.5]),
        ("float", "", {"dtype": float}, [1, 2]),
        ("mixed", "column 'c' of image of a Table got a cell of text", {"dtype": Image}, ["a"]),
        ("int", "got None, though optional=False", {"optional": False}, [1, None]),
        ("int", "", {"optional": [True]}, [1, None]),
    ],
)
def test_a_cell_that_does_not_fit_its_column_is_kept_and_told(
    types: str, words: str, arguments: dict[str, Any], cells: list[Any]
) -> None:
    """wandb raises here; nothing of ours does, and no cell is lost."""
    table = Table(columns=["c"], data=[[cell] for cell in cells], **arguments)
    assert ({"c": types}, cells) == (table._types.as_dict(), table.get_column("c"))
    assert [words] if words else [] == [fault.text for fault in table.faults if words in fault.text]
    assert len(table.faults) == bool(words)


@pytest.mark.parametrize(
    ("words", "act"),
    [
        ("a row of 3 cells was left out of a Table of 2 columns (a, b)", lambda t: t.add_data(1, 2, 3)),
        ("'c' of 3 cells was left out of a Table of 1 rows", lambda t: t.add_column("c", [1, 2, 3])),
        ("'a' of 1 cells was left out", lambda t: t.add_column("a", [1])),
        ("is kept as text", lambda t: t.add_data(object(), 1)),
    ],
)
def test_what_does_not_fit_a_table_is_told_and_left_out(
    words: str, act: Callable[[Table], None]
) -> None:
    """The rest of the table stays."""
    table = Table(columns=["a", "b"], data=[[0, 0]])
    act(table)
    assert any(words in fault.text for fault in table.faults)
    assert [0, 0] == table.data[0]


@pytest.mark.parametrize("arguments", [{"data": 7}, {"columns": 7}, {"dataframe": 7}, {"log_mode": "x"}])
def test_a_table_of_something_else_is_told(arguments: dict[str, Any]) -> None:
    """Making one never raises."""
    assert 1 == len(Table(**arguments).faults)


# -- what is logged of one that grows -------------------------------------------------------------


def test_an_incremental_table_logs_the_rows_since_the_last_time(run: Run) -> None:
    """Each file holds its own; a reader joins them, up to any step."""
    table = Table(columns=["n"], log_mode="INCREMENTAL")
    for step in range(3):
        for n in range(2):
            table.add_data(10 * step + n)
        run.log({"t": table}, step=step)
    run.finish()
    with Reader(run.dir) as reader:
        sizes = [media.details["rows"] for media in reader.media("tables")]
        assert [2, 2, 2] == sizes
        assert [[0], [1], [10], [11], [20], [21]] == reader.table("t").rows
        assert [[0], [1], [10], [11]] == reader.table("t", step=1).rows


def test_a_second_incremental_table_of_a_key_begins_anew(run: Run) -> None:
    """As that of a run that was resumed."""
    for first in (0, 100):
        table = Table(columns=["n"], log_mode="INCREMENTAL", data=[[first]])
        run.log({"t": table})
        table.add_data(first + 1)
        run.log({"t": table})
    assert [[100], [101]] == read_back(run).rows


@pytest.mark.parametrize("log_mode", ["IMMUTABLE", "MUTABLE"])
def test_any_other_table_is_logged_whole_as_it_is_then(log_mode: str, run: Run) -> None:
    """wandb drops what was added to an immutable one; no row of ours is dropped."""
    table = Table(columns=["n"], data=[[1]], log_mode=log_mode)
    run.log({"t": table})
    table.add_data(2)
    run.log({"t": table})
    run.finish()
    with Reader(run.dir) as reader:
        assert [[[1]], [[1], [2]]] == [reader.table("t", step=step).rows for step in (0, 1)]


def test_a_large_table_is_encoded_beside_training_as_it_was_then(run: Run) -> None:
    """Rows that are added right after belong to the next time."""
    table = Table(columns=["n", "text"], data=[[n, f"row {n}"] for n in range(20_000)])
    run.log({"t": table, "loss": 0.5})
    table.add_data(-1, "later")
    run.finish()
    with Reader(run.dir) as reader:
        assert 20_000 == len(reader.table("t").rows)
        assert [{"loss": 0.5}] == [r.data for r in reader.records() if r.kind == "row"][:1]
        history = reader.history()
        assert (1, 0.5) == (len(history), history["loss"][0])
