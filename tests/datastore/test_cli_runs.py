"""`datastore runs`, as a process: what it prints and its exit codes."""

import json
import os
import pty
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from run_spec import RunSpec
from waiting import PATIENCE_S


def runs(cache: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tidelog.datastore", "runs", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        timeout=PATIENCE_S,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two finished runs and one that is missing its first log."""
    RunSpec(tmp_path / "root", "mnist", "r1").rows(3).finish()
    RunSpec(tmp_path / "root", "cifar", "r2").rows(1).finish()
    late = RunSpec(tmp_path / "root", "cifar", "r3").finish()
    (late.path / "main.0001.tlog").rename(late.path / "main.0002.tlog")
    return tmp_path / "root"


def test_each_run_is_a_line(root: Path, tmp_path: Path) -> None:
    """Project and id, state, rows, last step; what is missing and what was asked for."""
    found = runs(tmp_path, root, "--show", "summary.n")
    assert (0, "") == (found.returncode, found.stderr)
    header, *lines = [line.split() for line in found.stdout.splitlines()]
    assert ["RUN", "STATE", "ROWS", "STEP", "UPDATED", "NAME", "summary.n"] == header
    assert ["cifar/r2", "finished", "1", "0"] == lines[0][:4]
    assert ["cifar/r3", "finished,", "1", "missing", "0", "-"] == lines[1][:6]
    assert ["mnist/r1", "finished", "3", "2"] == lines[2][:4]
    assert ["0", "-", "2"] == [line[-1] for line in lines]


def test_json_is_one_document(root: Path, tmp_path: Path) -> None:
    """With what was chosen, in its order."""
    found = runs(tmp_path, root, "--json", "--where", "rows > 0", "--sort", "-rows")
    document = json.loads(found.stdout)
    assert ("runs", ["r1", "r2"]) == (document["type"], [run["id"] for run in document["runs"]])
    assert [3, 2, {"n": 2}] == [
        document["runs"][0]["rows"],
        document["runs"][0]["last_step"],
        {"n": document["runs"][0]["summary"]["n"]},
    ]
    assert [] == document["runs"][0]["missing_logs"]


def test_nothing_that_fits_is_said_and_no_fault(root: Path, tmp_path: Path) -> None:
    """On stderr, for stdout is data."""
    found = runs(tmp_path, root, "--state", "crashed")
    assert (0, "", "no run fits\n") == (found.returncode, found.stdout, found.stderr)
    (tmp_path / "empty").mkdir()
    found = runs(tmp_path, tmp_path / "empty")
    says = f"there is no run in {tmp_path}/empty\n"
    assert (0, "", says) == (found.returncode, found.stdout, found.stderr)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--where", "rows"], "'rows' is no comparison: write a field"),
        (["--state", "asleep"], "'asleep' is not one of"),
        (["--show", "acc"], "'acc' is no field of a run"),
        (["nowhere"], "nowhere is not there"),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_code_2(
    root: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    """That says what to do."""
    found = runs(tmp_path, *([] if arguments == ["nowhere"] else [root]), *arguments)
    assert (2, "") == (found.returncode, found.stdout)
    assert sentence in found.stderr


def test_a_run_that_cannot_be_read_is_named_and_exits_with_2(root: Path, tmp_path: Path) -> None:
    """The others are listed."""
    log = root / "cifar" / "r2" / "main.0001.tlog"
    header = bytearray(log.read_bytes()[:36])
    header[4] = 9
    log.write_bytes(header + zlib.crc32(header).to_bytes(4, "little"))
    found = runs(tmp_path, root)
    assert 2 == found.returncode
    assert f"cifar/r2 cannot be read: {log} has log format version 9" in found.stderr
    assert ["cifar/r2", "cifar/r3", "mnist/r1"] == [
        line.split()[0] for line in found.stdout.splitlines()[1:]
    ]


def test_a_person_sees_progress_only_where_it_takes_long(root: Path, tmp_path: Path) -> None:
    """Three runs leave no trace of a bar on a terminal."""
    near, far = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "tidelog.datastore", "runs", str(root)],
        stdout=subprocess.DEVNULL,
        stderr=far,
        check=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), "TERM": "xterm"},
        timeout=PATIENCE_S,
    )
    os.close(far)
    try:
        seen = os.read(near, 65536)
    except OSError:
        seen = b""
    os.close(near)
    assert b"reading runs" not in seen
