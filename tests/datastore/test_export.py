"""`datastore export`, as a process: a run's rows as Parquet, CSV and JSON lines, and what it refuses."""

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from blocked import run_without
from datastore_command import datastore
from hypothesis import given
from hypothesis import strategies as st
from log_spec import TIME, LogSpec
from pyarrow import parquet
from run_spec import RunSpec
from waiting import PATIENCE_S

from tidelog.datastore import Columns, Media
from tidelog.datastore.columns import make_column
from tidelog.datastore.export import export

IMAGE = Media("image", "media/images/a_0.png", "9f" * 32, 68, {"caption": "sieben"})
FORMATS = ["parquet", "csv", "jsonl"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with every sort of column, and gaps in all of them."""
    log = LogSpec()
    log.row({"loss": 0.1, "n": 1, "text": '=1+1,"\r\n', "val/acc": 0.5}, step=0)
    log.row({"loss": math.nan, "n": 2**53 + 1, "ok": True, "sample": IMAGE}, step=5)
    log.row({"loss": math.inf, "shape": [1, None], "val/acc": 0.75}, step=10)
    log.final()
    path = tmp_path / "tidelog" / "mnist" / "r1"
    path.mkdir(parents=True)
    (path / "main.0001.tlog").write_bytes(log.data)
    return path


def test_csv_reads_back_as_it_was(run: Path, tmp_path: Path) -> None:
    """RFC 4180: text is quoted where it must be and never escaped; what is missing is empty."""
    result = datastore("export", run, "-o", tmp_path / "a.csv")
    assert (0, "") == (result.returncode, result.stderr)
    assert (
        f"{tmp_path / 'a.csv'}: 3 rows of 9 columns, {(tmp_path / 'a.csv').stat().st_size} B\n"
        == result.stdout
    )
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    assert "_step _time loss n text val/acc ok sample shape".split() == names
    assert (tmp_path / "a.csv").read_bytes().endswith(b'"[1, null]"\r\n')
    assert ["0", repr(TIME), "0.1", "1", '=1+1,"\r\n', "0.5", "", "", ""] == rows[0]
    assert ["5", repr(TIME), "nan", "9007199254740993", "", "nan", "True"] == rows[1][:7]
    assert {"_type": "media", **IMAGE.fields()} == json.loads(rows[1][7])
    assert ["10", repr(TIME), "inf", "", "", "0.75", "", "", "[1, null]"] == rows[2]
    frame = pd.read_csv(tmp_path / "a.csv")
    assert ["0.1", "nan", "inf"] == [str(value) for value in frame["loss"]]


def test_json_lines_are_objects_with_every_name(run: Path, tmp_path: Path) -> None:
    """NaN and the infinities are text, as `datastore cat --json` has them; what is missing is null."""
    assert 0 == datastore("export", run, "-o", tmp_path / "a.JSONL").returncode
    rows = [json.loads(line) for line in (tmp_path / "a.JSONL").read_text().splitlines()]
    assert {
        "_step": 5,
        "_time": TIME,
        "loss": "NaN",
        "n": 2**53 + 1,
        "text": None,
        "val/acc": "NaN",
        "ok": True,
        "sample": {"_type": "media", **IMAGE.fields()},
        "shape": None,
    } == rows[1]
    assert ["Infinity", [1, None]] == [rows[2]["loss"], rows[2]["shape"]]


def test_parquet_has_types_and_nulls(run: Path, tmp_path: Path) -> None:
    """A missing int is null."""
    assert 0 == datastore("export", run, "-o", tmp_path / "a.parquet").returncode
    table = parquet.read_table(tmp_path / "a.parquet")
    assert [1, 2**53 + 1, None] == table["n"].to_pylist()
    assert "[0.1, nan, inf]" == repr(table["loss"].to_pylist())


@pytest.mark.parametrize("suffix", FORMATS)
def test_nan_is_missing_where_that_is_asked_for(suffix: str, run: Path, tmp_path: Path) -> None:
    """A spreadsheet and SQL leave an empty value out of a mean, but not NaN."""
    path = tmp_path / f"a.{suffix}"
    assert 0 == datastore("export", run, "-o", path, "--nan-as-null", "--keys", "loss").returncode
    if suffix == "csv":
        with path.open(newline="", encoding="utf-8") as file:
            assert ["0.1", "", "inf"] == [row["loss"] for row in csv.DictReader(file)]
    elif suffix == "jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert [0.1, None, "Infinity"] == [row["loss"] for row in rows]
    else:
        assert [0.1, None, math.inf] == parquet.read_table(path)["loss"].to_pylist()


@pytest.mark.parametrize(
    ("steps", "expected"),
    [("0:10", [0, 5]), ("5:", [5, 10]), (":5", [0]), (":", [0, 5, 10]), ("-3:1", [0]), ("11:", [])],
)
def test_steps_begin_with_the_first_and_end_before_the_last(
    steps: str, expected: list[int], run: Path, tmp_path: Path
) -> None:
    """As a slice in Python; no rows have no columns but the step and the time."""
    path = tmp_path / "a.parquet"
    assert 0 == datastore("export", run, "-o", path, f"--steps={steps}", "--keys", "val/*").returncode
    table = parquet.read_table(path)
    assert ["_step", "_time", *["val/acc"] * bool(expected)] == table.column_names
    assert expected == table["_step"].to_pylist()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_is_there_stays_without_force(suffix: str, run: Path, tmp_path: Path) -> None:
    """With it the new one takes its place in one step; nothing else is left in the folder."""
    path = tmp_path / "out" / f"a.{suffix}"
    path.parent.mkdir()
    path.write_text("mine")
    result = datastore("export", run, "-o", path)
    assert (2, "mine") == (result.returncode, path.read_text())
    assert "is there already: --force writes over it" in result.stderr
    assert 0 == datastore("export", run, "-o", path, "--force").returncode
    assert b"mine" != path.read_bytes()
    assert [path] == list(path.parent.iterdir())


def test_damage_is_exit_code_1_and_the_rest_is_written(tmp_path: Path) -> None:
    """And named: the log, the offset, the chunks."""
    spec = RunSpec(tmp_path).rows(9).finish().damage(4, bit=170)
    result = datastore("export", spec.path, "-o", tmp_path / "a.jsonl")
    assert 1 == result.returncode
    assert f"main.0001.tlog is damaged: {spec.log.ends[4] - spec.log.starts[4]} bytes" in result.stderr
    steps = [json.loads(line)["_step"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [0, 1, 2, 4, 5, 6, 7, 8] == steps


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["r1", "-o", "a.txt"], "a.txt ends in none of .parquet, .csv, .jsonl: name the format so"),
        (["r1", "-o", "no/a.csv"], "no is no folder: make it first"),
        (["r1", "-o", "dir.csv"], "dir.csv is a folder: name a file in it"),
        (["r1", "-o", "a.csv", "--steps", "7"], "'7' is no range of steps; write 100:200, 100: or :200"),
        (["r1", "-o", "a.csv", "--steps", ""], "'' is no range of steps"),
        (["r1", "-o", "a.csv", "--keys", "los"], "no column of r1 is named 'los'; there are: _step,"),
        ([".", "-o", "a.csv"], ". holds 2 runs, a file takes one: name it (r1, r2)"),
        (["nothing", "-o", "a.csv"], "nothing is not there"),
        (["r1"], "Missing option '-o'"),
    ],
)
def test_what_cannot_be_exported_is_a_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, run: Path
) -> None:
    """Nothing is written, not even half a file."""
    project = run.parent
    (project / "dir.csv").mkdir()
    (project / "r2").mkdir()
    (project / "r2" / "main.0001.tlog").write_bytes(LogSpec().row({"a": 1}, step=0).data)
    before = sorted(project.rglob("*"))
    result = subprocess.run(
        [sys.executable, "-m", "tidelog.datastore", "export", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=project,
        env={**os.environ, "COLUMNS": "200"},
        timeout=PATIENCE_S,
    )
    assert (2, "") == (result.returncode, result.stdout)
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert before == sorted(project.rglob("*"))


def test_help_shows_examples() -> None:
    """And every option."""
    text = datastore("export", "--help").stdout
    for piece in ("Examples:", "-o run.parquet", "--keys", "--steps", "--force", "--nan-as-null"):
        assert piece in text


def test_without_pyarrow_csv_works_and_parquet_says_what_to_install(run: Path, tmp_path: Path) -> None:
    """Before the run is read; NumPy is not needed for either."""
    program = "from tidelog.datastore.cli import main\nsys.argv[0] = 'datastore'\nmain()"
    packages = ["pyarrow", "numpy"]
    result = run_without(packages, program, "export", run, "-o", tmp_path / "a.csv", "--steps", "5:")
    assert (0, "") == (result.returncode, result.stderr)
    assert 3 == len((tmp_path / "a.csv").read_text().splitlines())
    result = run_without(packages, program, "export", run, "-o", tmp_path / "a.parquet")
    assert (2, "") == (result.returncode, result.stdout)
    assert "datastore: a Parquet file needs pyarrow" in result.stderr
    assert "pip install 'tidelog[arrow]'" in result.stderr


@given(texts=st.lists(st.text(st.characters(codec="utf-8")), min_size=1), floats=st.data())
def test_any_text_and_any_float_round_trip_through_csv(
    texts: list[str], floats: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Delimiters, quotes, line ends, zeros and formulas; every bit of a float."""
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    numbers = floats.draw(st.lists(st.floats(), min_size=len(texts), max_size=len(texts)))
    held = {"t": make_column(texts), "f": make_column(numbers)}
    export(Columns(held, rows=len(texts)), path, ".csv")
    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    assert ["t", "f"] == names
    assert texts == [row[0] for row in rows]
    assert list(map(repr, numbers)) == [repr(float(row[1])) for row in rows]
