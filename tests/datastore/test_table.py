"""Tables that were logged are read back; a file that is none says so."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from log_spec import LogSpec

from tidelog.datastore import Histogram, Media, Reader, RecordError
from tidelog.datastore.errors import FileMismatchError
from tidelog.datastore.table import read_table

DIGEST = "9f" * 32


def encoded(**content: Any) -> bytes:
    table = {"columns": ["a"], "column_types": {"a": "float"}, "data": [[1], ["NaN"], [None]]}
    return json.dumps({**table, **content}).encode()


def test_floats_are_floats_again() -> None:
    """JSON knows neither NaN nor the infinities, and 1 may be 1.0 there."""
    table = read_table("x", encoded(data=[[1], ["NaN"], ["-Infinity"], [None]]))
    assert "[[1.0], [nan], [-inf], [None]]" == repr(table.rows)


def test_media_and_histograms_are_themselves_again() -> None:
    """However deep; a map that is neither stays a map."""
    media = {"_type": "media", "type": "mask", "path": "media/masks/m.png", "sha256": DIGEST, "size": 1}
    image = {**media, "type": "image", "path": "media/images/i.png", "masks": {"m": media}}
    counts = {"_type": "histogram", "counts": [1], "edges": [0.0, 1.0]}
    table = read_table("x", encoded(column_types={}, data=[[image], [counts], [{"b": [1, {}]}]]))
    mask = Media("mask", "media/masks/m.png", DIGEST, 1, {})
    assert [
        Media("image", "media/images/i.png", DIGEST, 1, {"masks": {"m": mask}}),
        Histogram({"counts": [1], "edges": [0.0, 1.0]}),
        {"b": [1, {}]},
    ] == table.column("a")
    assert {"a": "any"} == table.types


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        encoded(data=[[1, 2]]),
        encoded(data=7),
        encoded(data=[["one"]]),
        encoded(column_types=[]),
        encoded(column_types={}, data=[[{"_type": "media"}]]),
    ],
    ids=lambda data: str(data[:12]),
)
def test_a_file_that_is_no_table_says_so(data: bytes) -> None:
    """With its name."""
    with pytest.raises(RecordError, match=r"t_0\.table\.json is no table"):
        read_table("t_0.table.json", data)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a table at step 3, whose file is as the log says."""
    (tmp_path / "media/tables").mkdir(parents=True)
    data = encoded()
    (tmp_path / "media/tables/t.table.json").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    table = Media("table", "media/tables/t.table.json", digest, len(data), {})
    log = LogSpec().row({"t": table}, step=3)
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    return tmp_path


def test_a_column_that_is_not_there_names_those_that_are(run: Path) -> None:
    """As does a table."""
    with Reader(run) as reader:
        with pytest.raises(KeyError, match="no column 'b'; there are: a"):
            reader.table("t").column("b")
        with pytest.raises(KeyError, match="no table 'u' was logged; there are: t"):
            reader.table("u")
        with pytest.raises(KeyError, match="no table 't' was logged up to step 2; there are: t"):
            reader.table("t", step=2)
        assert 3 == len(reader.table("t", step=3).rows)


def test_a_file_that_is_not_what_the_log_says_is_not_believed(run: Path) -> None:
    """By its SHA-256."""
    (run / "media/tables/t.table.json").write_bytes(encoded(data=[]))
    with Reader(run) as reader, pytest.raises(FileMismatchError, match="SHA-256 is not"):
        reader.table("t")
