"""`datastore verify`: 0 all is whole, 1 something is damaged or missing, 2 something cannot be read."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datastore_command import datastore
from run_spec import RunSpec, tree
from waiting import PATIENCE_S

from tidelog.datastore.check import check_run


def sound(root: Path, name: str = "sound") -> RunSpec:
    return RunSpec(root, "mnist", name).rows(3).media("a.png").saved("m.npz", 100).finish()


def damaged(root: Path) -> None:
    RunSpec(root, "mnist", "damaged").rows(5).finish().damage(3)


def lacking_a_log(root: Path) -> None:
    sound(root, "lacking").new_log("main.0003.tlog").rows(2).finish()


def lacking_a_file(root: Path) -> None:
    (sound(root, "file").path / "media/images/a.png").unlink()


def torn(root: Path) -> None:
    RunSpec(root, "mnist", "torn").rows(5).tear(4)


def unborn(root: Path) -> None:
    (sound(root, "unborn").path / "main.0002.tlog").write_bytes(b"TID")


def newer(root: Path) -> None:
    run = sound(root, "newer")
    data = bytearray((run.path / "main.0001.tlog").read_bytes())
    data[4] = 2
    import zlib

    data[36:40] = zlib.crc32(data[:36]).to_bytes(4, "little")
    (run.path / "main.0001.tlog").write_bytes(data)


@pytest.mark.parametrize(
    ("states", "code", "sentence"),
    [
        ([], 0, "whole"),
        ([torn, unborn], 0, "torn tail: main.0001.tlog ends in"),
        ([damaged], 1, "1 chunk lost"),
        ([lacking_a_log], 1, "missing: main.0002.tlog is not there"),
        ([lacking_a_file], 1, "media/images/a.png cannot be read"),
        ([newer], 2, "log format version 2"),
        ([torn, damaged], 1, "torn tail"),
        ([newer, damaged, lacking_a_log, torn], 2, "missing: main.0002.tlog"),
    ],
    ids=lambda value: "+".join(s.__name__ for s in value) if isinstance(value, list) else None,
)
def test_the_exit_code_is_that_of_the_worst(
    states: list[Any], code: int, sentence: str, tmp_path: Path
) -> None:
    """Beside a sound run in the same root, which is checked all the same; the files stay as they are."""
    sound(tmp_path)
    for state in states:
        state(tmp_path)
    before = tree(tmp_path)
    result = datastore("verify", tmp_path)
    assert code == result.returncode
    assert sentence in result.stdout + result.stderr
    assert "mnist/sound: 4 rows in 1 log, 2 files" in result.stdout
    document = json.loads(datastore("verify", "--json", tmp_path).stdout)
    is_sound = {Path(run["path"]).name: run["is_whole"] for run in document["runs"]}
    assert is_sound["sound"]
    assert (code == 0) == (all(is_sound.values()) and not document["unreadable"])
    assert before == tree(tmp_path)


def test_a_path_that_is_not_there_hides_no_other(tmp_path: Path) -> None:
    """All others are checked, and the code is 2."""
    run = sound(tmp_path)
    result = datastore("verify", tmp_path / "nothing", run.path)
    assert 2 == result.returncode
    assert "is not there" in result.stderr
    assert "whole" in result.stdout


def test_a_lone_log_is_asked_for_no_other(tmp_path: Path) -> None:
    """Who names one log is not told that its run lacks others."""
    run = sound(tmp_path)
    (run.path / "main.0001.tlog").rename(run.path / "main.0002.tlog")
    assert ["main.0001.tlog"] == check_run(run.path).missing_logs
    assert check_run(run.path / "main.0002.tlog").is_whole


@pytest.mark.parametrize("command", ["verify", "salvage"])
def test_a_terminal_sees_how_far_it_is(command: str, tmp_path: Path) -> None:
    """A bar on stderr, and on stdout the same as without one."""
    root = tmp_path / "root"
    run = sound(root)
    run.new_log("main.0002.tlog").chunk_of(3_000_000).finish()
    arguments = [command, root, *(["-o", tmp_path / "new"] if command == "salvage" else [])]
    terminal, stderr = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tidelog.datastore", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(stderr)
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # So a terminal ends on Linux.
            break
    out, _ = process.communicate(timeout=PATIENCE_S)
    os.close(terminal)
    assert 0 == process.returncode
    assert b"MB" in shown
    assert {"verify": b"verifying", "salvage": b"salvaging"}[command] in shown
    assert b"2 files" in out
    assert b"\x1b" not in out


def test_salvage_prints_what_is_lost_and_ends_with_1(tmp_path: Path) -> None:
    """With --json the very document that lies in the copy; the copy then verifies."""
    root = tmp_path / "root"
    run = RunSpec(root, "mnist", "r1").rows(9).finish().damage(4)
    result = datastore("salvage", run.path, "-o", tmp_path / "new")
    assert (1, "") == (result.returncode, result.stderr)
    start, end = run.log.starts[4], run.log.ends[4]
    lost = f"{end - start} bytes at offset {start}, 1 chunk, between step 2 and step 4"
    assert f"LOST  main.0001.tlog: {lost}" in result.stdout
    assert "kept 8 rows in 1 log" in result.stdout
    assert 0 == datastore("verify", tmp_path / "new").returncode
    as_json = datastore("salvage", root, "-o", tmp_path / "json", "--json")
    document = json.loads(as_json.stdout)
    assert document == json.loads((tmp_path / "json" / "salvage.json").read_text())
    assert ("salvage", False, ["mnist/r1"]) == (
        document["type"],
        document["is_whole"],
        [each["path"] for each in document["runs"]],
    )


def test_salvage_of_what_is_whole_ends_with_0_and_of_nothing_with_2(tmp_path: Path) -> None:
    """A torn tail is told and costs nothing; bad usage makes no copy."""
    torn(tmp_path / "root")
    result = datastore("salvage", tmp_path / "root", "-o", tmp_path / "new")
    assert 0 == result.returncode
    assert "torn tail: main.0001.tlog" in result.stdout
    for arguments in (
        [tmp_path / "root"],
        [tmp_path / "root", "-o", tmp_path / "root" / "x"],
        [tmp_path / "root", "-o", tmp_path / "new"],
        [tmp_path / "nothing", "-o", tmp_path / "other"],
    ):
        result = datastore("salvage", *arguments)
        assert 2 == result.returncode
        assert "Traceback" not in result.stderr
        assert result.stderr
    assert {"root", "new"} == {path.name for path in tmp_path.iterdir()}
