"""What the commands print: with names of any bytes, on a poor terminal, to a reader that goes away."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from log_spec import TIME, LogSpec, log_of_every_kind
from run_spec import RunSpec
from waiting import PATIENCE_S

from tidelog.datastore.records import CONFIG, Histogram, Media

DOCUMENTS = ["show", "verify", "runs", "salvage"]


def datastore(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "COLUMNS": "200", **options.pop("env", {})}
    command = [sys.executable, "-m", "tidelog.datastore", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, check=False, env=env, timeout=PATIENCE_S, **options
    )


def run_by_bytes(root: Path, name: bytes) -> None:
    """Put a run into a directory whose name is no UTF-8."""
    directory = os.path.join(os.fsencode(root), b"mnist", name)
    os.makedirs(directory)
    with open(os.path.join(directory, b"main.0001.tlog"), "wb") as file:
        file.write(log_of_every_kind().data)


@pytest.mark.parametrize("command", DOCUMENTS)
def test_a_directory_may_have_any_name(command: str, tmp_path: Path) -> None:
    """Text and JSON name it; JSON gives back the very name that Python has for it."""
    run_by_bytes(tmp_path / "root", b"r\xff\xc3\xbc")
    for options in ([], ["--json"]):
        target = ["-o", tmp_path / f"new{len(options)}"] if command == "salvage" else []
        result = datastore(command, tmp_path / "root", *target, *options)
        assert (b"", True) == (result.stderr, rb"mnist/r\udcff" in result.stdout)
    document = json.loads(result.stdout)
    [run] = document.get("runs", [document])
    assert os.fsencode(run["path"]).endswith(b"mnist/r\xff\xc3\xbc")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_may_know_few_characters(encoding: str, tmp_path: Path) -> None:
    """What it lacks is escaped. JSON is UTF-8 wherever it goes: RFC 8259, section 8.1."""
    RunSpec(tmp_path, "größe", "✓").rows(9).finish()
    poor = {"PYTHONIOENCODING": encoding}
    for command in ("show", "runs", "cat", "verify"):
        text = datastore(command, tmp_path, env=poor)
        assert (0, b"") == (text.returncode, text.stderr)
        document = datastore(command, tmp_path, "--json", env=poor)
        assert (0, b"") == (document.returncode, document.stderr)
        rich = datastore(command, tmp_path, "--json", env={"PYTHONIOENCODING": "utf-8"})
        assert rich.stdout == document.stdout


@pytest.mark.parametrize("arguments", [["export", "\x1b[2J"], ["runs", ".", "\x1b[2J"], ["\x1b[2J"]])
def test_a_name_steers_no_terminal_where_usage_is_told(arguments: list[str]) -> None:
    """A shell puts in for `*` what others have named."""
    result = datastore(*arguments, "-o", "x.csv") if arguments[0] == "export" else datastore(*arguments)
    assert (2, False) == (result.returncode, b"\x1b" in result.stderr)
    assert b"x1b" in result.stderr


def test_a_long_key_moves_no_other_value_away(tmp_path: Path) -> None:
    """It is shortened for people; JSON has all of it."""
    key = "layer." * 50
    run = RunSpec(tmp_path, "p", "r")
    run.log.record(CONFIG, TIME, {"lr": 0.5, "学习": 0.25, key: 1})
    run.finish()
    lines = datastore("show", tmp_path / "p/r").stdout.decode().splitlines()
    [line] = [line for line in lines if "0.5" in line]
    assert len(line) < 80
    [cut] = [line for line in lines if "layer." in line]
    assert cut.index("…  1") < 80
    [wide] = [line for line in lines if "学习" in line]
    assert line.index("0.5") == wide.index("0.25") + 2, "two characters take four cells"
    assert key in json.loads(datastore("show", tmp_path / "p/r", "--json").stdout)["config"]


def test_columns_are_even_whatever_is_in_them(tmp_path: Path) -> None:
    """Characters of two cells, and accents that take none: Unicode's annex 11."""
    for name in ("plain", "训练-1", "カタカナ", "cafe\u0301"):
        RunSpec(tmp_path, "p", name).rows(1).finish()
    lines = datastore("runs", tmp_path).stdout.decode().splitlines()
    wide = {"p/plain": 0, "p/训练-1": 2, "p/カタカナ": 4, "p/cafe\u0301": -1}
    state = lines[0].index("STATE")
    assert {state} == {line.index("finished") + wide[line.split()[0]] for line in lines[1:]}


@pytest.mark.parametrize("command", ["verify", "salvage"])
def test_the_exit_code_of_a_check_does_not_depend_on_who_reads_it(command: str, tmp_path: Path) -> None:
    """Damage is 1 where the output goes into a pipe that nobody reads."""
    for number in range(3):
        RunSpec(tmp_path / "root", run=f"r{number}").rows(30).finish().damage(3)
    read, write = os.pipe()
    os.close(read)
    target = ["-o", str(tmp_path / "new")] if command == "salvage" else []
    result = subprocess.run(
        [sys.executable, "-m", "tidelog.datastore", command, str(tmp_path / "root"), *target],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
        timeout=PATIENCE_S,
    )
    os.close(write)
    assert (b"", 1) == (result.stderr, result.returncode)


@pytest.mark.parametrize("command", ["show", "cat", "verify", "runs"])
def test_a_command_needs_no_stderr(command: str, tmp_path: Path) -> None:
    """As some daemons start their children: 0 is 0 all the same."""
    RunSpec(tmp_path, "mnist", "r1").rows(3).finish()
    line = f'exec "{sys.executable}" -m tidelog.datastore {command} "{tmp_path}" 2>&-'
    result = subprocess.run(["sh", "-c", line], capture_output=True, check=False, timeout=PATIENCE_S)
    assert (0, True) == (result.returncode, b"r1" in result.stdout or b"loss" in result.stdout)


def test_media_is_shown_by_its_type(tmp_path: Path) -> None:
    """A histogram by what it counts, a list by its first file; odd ones are no trouble."""
    image = Media("image", "media/images/a.png", "9f" * 32, 1500, {})
    counts = Histogram({"counts": [1, 2000], "edges": [-1.0, 0.0, 0.5]})
    log = LogSpec().row(
        {"a": image, "b": [image, image], "c": counts, "d": Histogram({"counts": 7})}, step=0
    )
    log.row({"t": Media("table", "media/tables/t.json", "9f" * 32, 500, {"cells": [image]})}, step=1)
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(log.data)
    shown = datastore("show", path).stdout.decode()
    assert "4 image, 1 table; 6.5 kB" in shown
    assert "a histogram of 2,001 values from -1 to 0.5" in shown
    assert "2 files: media/images/a.png, ..." in shown
    row = datastore("cat", "--json", path).stdout.decode().splitlines()[1]
    (cell,) = json.loads(row)["data"]["t"]["cells"]
    assert ("media", "media/images/a.png") == (cell["_type"], cell["path"])
