"""The command `datastore`, as a process: what it prints, and its exit codes 0, 1 and 2."""

import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datastore_command import datastore
from log_spec import TIME, LogSpec, log_of_every_kind
from waiting import PATIENCE_S

from tidelog.datastore.errors import NotARunError
from tidelog.datastore.find import find_runs
from tidelog.datastore.records import EXIT, FILE, RUN, Media
from tidelog.datastore.text import duration_text, size_text, sparkline

COMMANDS = ["show", "cat", "verify"]


def strict(text: str) -> Any:
    """Parse JSON as the RFC has it: no NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root of two projects: one run of every kind of record, one that is plain."""
    image = b"\x89PNG" + bytes(64)
    log = LogSpec()
    media = Media("image", "media/images/a_0.png", hashlib.sha256(image).hexdigest(), 68, {})
    log.row({"loss": math.nan, "sample": media, "top": math.inf}, step=0)
    sha256 = hashlib.sha256(b"abc").hexdigest()
    log.record(FILE, TIME, {"path": "files/m.npz", "size": 3, "sha256": sha256})
    log.row({"loss": 0.5}, step=1)
    log.final()
    run = tmp_path / "root" / "mnist" / "r1"
    (run / "media" / "images").mkdir(parents=True)
    (run / "files").mkdir()
    (run / "main.0001.tlog").write_bytes(log.data)
    (run / "media" / "images" / "a_0.png").write_bytes(image)
    (run / "files" / "m.npz").write_bytes(b"abc")
    other = tmp_path / "root" / "cifar" / "r2"
    other.mkdir(parents=True)
    (other / "main.0001.tlog").write_bytes(LogSpec().row({"a": 1}, step=0).final().data)
    return tmp_path / "root"


def bad_inputs(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    for name, data in {"empty": b"", "seven": b"TIDE\1\0(", "other": b"PK\3\4" * 99}.items():
        (tmp_path / f"{name}.tlog").write_bytes(data)
    (tmp_path / "no_logs").mkdir()
    (tmp_path / "fifo").mkdir()
    os.mkfifo(tmp_path / "fifo" / "x.tlog")
    newer = bytearray(LogSpec().data)
    newer[4] = 2
    import zlib

    newer[36:40] = zlib.crc32(newer[:36]).to_bytes(4, "little")
    (tmp_path / "newer.tlog").write_bytes(newer)
    return {
        "missing": (tmp_path / "missing", "is not there"),
        "empty": (tmp_path / "empty.tlog", "has 0 bytes"),
        "seven": (tmp_path / "seven.tlog", "has 7 bytes"),
        "other": (tmp_path / "other.tlog", "starts with"),
        "newer": (tmp_path / "newer.tlog", "version 2"),
        "no_logs": (tmp_path / "no_logs", "there is no log in it"),
        "fifo": (tmp_path / "fifo", "there is no log in it"),
    }


@pytest.mark.parametrize("kind", ["missing", "empty", "seven", "other", "newer", "no_logs", "fifo"])
@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_read_is_one_line_and_exit_code_2(
    command: str, kind: str, tmp_path: Path
) -> None:
    """On stderr, with the path; never a traceback."""
    path, says = bad_inputs(tmp_path)[kind]
    result = datastore(command, path)
    assert (2, "", 1) == (result.returncode, result.stdout, result.stderr.count("\n"))
    assert result.stderr.startswith("datastore: ")
    assert says in result.stderr
    assert path.name in result.stderr


@pytest.mark.parametrize("arguments", [[], ["show"], ["show", "--no-such", "x"], ["no-such"]])
def test_bad_usage_is_exit_code_2(arguments: list[str]) -> None:
    """And says how it is used."""
    result = datastore(*arguments)
    assert 2 == result.returncode
    assert "Usage:" in result.stderr + result.stdout


def test_a_command_alone_prints_its_help_in_lines() -> None:
    """As --help does: it is our own text, and no name that would have to be escaped."""
    assert datastore("--help").stdout == datastore().stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_sound_root_is_exit_code_0_and_json_parses(command: str, root: Path) -> None:
    """NaN and the infinities are text; cat has one object per record and line."""
    assert 0 == datastore(command, root).returncode
    result = datastore(command, "--json", root)
    assert (0, "") == (result.returncode, result.stderr)
    if command == "cat":
        records = [strict(line) for line in result.stdout.splitlines()]
        rows = [record for record in records if record["kind"] == "row"]
        assert [{"a": 1}, "NaN", "Infinity"] == [
            rows[0]["data"],
            rows[1]["data"]["loss"],
            rows[1]["data"]["top"],
        ]
        assert {"path", "kind", "log", "seq", "time", "step", "data"} == set(records[0])
    else:
        strict(result.stdout)
    single = strict(datastore("show", "--json", root / "mnist" / "r1").stdout)
    assert ("run", "r1", "mnist", "finished", 2) == tuple(
        single[key] for key in ("type", "id", "project", "state", "rows")
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_damage_is_exit_code_1_and_named(command: str, tmp_path: Path) -> None:
    """The log, the offset, the length and how many chunks; the rest is printed."""
    log = log_of_every_kind()
    data = bytearray(log.data)
    data[log.starts[4] + 25] ^= 1
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(data)
    result = datastore(command, path)
    assert 1 == result.returncode
    everything = result.stdout + result.stderr
    assert f"{log.ends[4] - log.starts[4]} bytes at offset {log.starts[4]}" in everything
    assert "1 chunk" in everything
    assert "Traceback" not in everything


def test_a_torn_tail_is_no_damage(tmp_path: Path) -> None:
    """It is what a crash leaves: told, with exit code 0."""
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(log_of_every_kind().data[:-9])
    for command in ("show", "verify"):
        result = datastore(command, path)
        if command == "show":
            assert 0 == result.returncode
        assert "torn tail" in result.stdout


@pytest.mark.parametrize("fault", ["changed", "cut", "gone", "directory"])
def test_verify_names_a_file_that_is_not_what_the_ledger_says(fault: str, root: Path) -> None:
    """Another SHA-256, another size, nothing there, something else there."""
    path = root / "mnist" / "r1" / "media" / "images" / "a_0.png"
    held = path.read_bytes()
    path.unlink()
    if fault == "directory":
        path.mkdir()
    elif fault != "gone":
        path.write_bytes(held[:-1] if fault == "cut" else bytes(len(held)))
    result = datastore("verify", root)
    assert 1 == result.returncode
    assert "file: media/images/a_0.png" in result.stdout
    document = strict(datastore("verify", "--json", root).stdout)
    assert "media/images/a_0.png" in json.dumps(document)


@pytest.mark.parametrize("path", ["../../secret", "/etc/passwd", "a\0b", ""])
def test_verify_follows_no_ledger_out_of_the_run(path: str, tmp_path: Path) -> None:
    """A path outside the grammar is a fault, not a file."""
    log = LogSpec().record(FILE, TIME, {"path": path, "size": 1, "sha256": "00"})
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    result = datastore("verify", tmp_path)
    assert 1 == result.returncode
    assert "is no path below a run directory" in result.stdout


def test_hostile_values_are_shown_and_steer_nothing(tmp_path: Path) -> None:
    """Escape sequences, NaN as a time, nesting as deep as a record can hold."""
    nested: Any = 1
    for _ in range(400):
        nested = [nested]
    log = LogSpec().record(2, TIME, {"id": "\x1b[2Jid", "name": "\x1b]0;x\x07"})
    log.row({"e\x1b[31m": "\x1b[31mred", "nested": nested}, step=0, time=math.nan)
    log.row({"a": 1}, step=1, time=1e300)
    log.final()
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    for command in COMMANDS:
        for options in ([], ["--json"]):
            result = datastore(command, *options, tmp_path)
            assert (0, "") == (result.returncode, result.stderr)
            assert "\x1b" not in result.stdout


def test_cat_prints_kinds_and_follows_to_the_end(root: Path) -> None:
    """`--kind` chooses; `--follow` of a run that has ended ends."""
    out = datastore("cat", root / "mnist" / "r1", "--kind", "file", "--follow").stdout
    assert 1 == out.count("\n")
    assert "files/m.npz" in out


def test_a_reader_that_goes_away_is_no_error(root: Path) -> None:
    """As in `datastore cat PATH | head -1`: neither a traceback nor the exit code of damage."""
    log = LogSpec()
    for step in range(5000):
        log.row({"a": step}, step=step)
    path = root / "main.0001.tlog"
    path.write_bytes(log.data)
    with subprocess.Popen(
        [sys.executable, "-m", "tidelog.datastore", "cat", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (b"", 0) == (process.stderr.read(), process.wait(PATIENCE_S))


def test_runs_are_found_from_a_log_a_run_a_project_and_a_root(root: Path) -> None:
    """Hidden folders, such as a hub's own, are not looked into."""
    run = root / "mnist" / "r1"
    (root / ".hub" / "x").mkdir(parents=True)
    (root / ".hub" / "x" / "main.0001.tlog").write_bytes(b"")
    assert [run / "main.0001.tlog"] == find_runs(run / "main.0001.tlog")
    assert [run] == find_runs(run) == find_runs(root / "mnist")
    assert [root / "cifar" / "r2", run] == find_runs(root)
    with pytest.raises(NotARunError, match="is not there"):
        find_runs(root / "nothing")


def test_sizes_durations_and_curves_as_text() -> None:
    """Decimal units, the two largest units of time, a bar per value."""
    assert ["0 B", "999 B", "1.0 kB", "1.0 MB", "5.0 GB", "2000.0 TB"] == [
        size_text(size) for size in (0, 999, 1000, 999_999, 5e9, 2e15)
    ]
    assert ["0.5 s", "1 min 0 s", "1 h 1 min", "2 d 1 h", "nan s", "inf s"] == [
        duration_text(s) for s in (0.5, 59.99 + 0.2, 3660, 2 * 86400 + 3600, math.nan, math.inf)
    ]
    assert "▁█" == sparkline([0, 1])
    assert "" == sparkline([math.nan])
    assert 40 == len(sparkline(list(range(1000))))


def test_show_names_the_logs_that_are_missing(root: Path) -> None:
    """What a run holds besides is shown."""
    run = root / "mnist" / "r1"
    (run / "main.0001.tlog").rename(run / "main.0002.tlog")
    assert "MISSING    main.0001.tlog" in datastore("show", run).stdout
    assert ["main.0001.tlog"] == strict(datastore("show", run, "--json").stdout)["missing_logs"]


def test_show_tells_what_the_machine_did_and_why_the_trainer_died(root: Path) -> None:
    """Mean and maximum of what people ask for; all of it as JSON, whatever else a log may hold."""
    run = root / "mnist" / "r1"
    log = LogSpec(b"1" * 16).record(RUN, TIME, {"host": "node1"}).row({"loss": 0.5}, step=0)
    (run / "main.0001.tlog").write_bytes(log.data)
    monitor = LogSpec(b"m" * 16).record(RUN, TIME, {"host": "node1"})
    monitor.row({"system/cpu_percent": 20.0, "system/process/memory_bytes": 3 * 10**9}, step=0)
    monitor.row({"system/cpu_percent": 40, "system/gpu/1/power_watts": 411.5, "odd": "text"}, step=1)
    monitor.row({"system/cpu_percent": math.nan, "system/memory_percent": None}, step=2)
    monitor.record(EXIT, TIME, {"code": -9, "reason": "killed by SIGKILL", "log": (b"1" * 16).hex()})
    (run / "monitor.0001.tlog").write_bytes(monitor.data)
    shown = datastore("show", run)
    assert 0 == shown.returncode
    for line in (
        "state      crashed (-9)",
        "reason     killed by SIGKILL",
        "rows       1, last step 0",
        "machine    node1, 3 samples",
        "CPU                mean 30 %  max 40 %",
        "processes' memory  mean 3.0 GB  max 3.0 GB",
        "GPU 1 power        mean 412 W  max 412 W",
    ):
        assert line in shown.stdout
    told = strict(datastore("show", run, "--json").stdout)
    assert ("crashed", -9, "killed by SIGKILL") == tuple(
        told[key] for key in ("state", "exit_code", "exit_reason")
    )
    assert {"mean": 30.0, "max": 40.0} == told["system"]["node1"]["metrics"]["system/cpu_percent"]
    assert "odd" not in told["system"]["node1"]["metrics"]
