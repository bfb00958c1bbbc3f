"""Commands about many runs: each is named, and one that cannot be read hides no other."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from datastore_command import datastore
from run_spec import RunSpec
from waiting import PATIENCE_S

from tidelog.datastore import Writer

GOLDEN = Path(__file__).parent.parent / "golden" / "v1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three runs, the second one of a newer version, the third with damage."""
    root = tmp_path / "root"
    RunSpec(root, run="r1").rows(2).finish()
    newer = RunSpec(root, run="r2").path / "main.0001.tlog"
    shutil.copy(GOLDEN / "refused" / "newer_version.tlog", newer)
    RunSpec(root, run="r3").rows(3).finish().damage(2)
    return root


@pytest.mark.parametrize("command", ["show", "cat", "verify", "runs"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_run_that_cannot_be_read_hides_no_other(command: str, options: list[str], root: Path) -> None:
    """It is named with its log on stderr; 2 goes before the 1 of damage."""
    result = datastore(command, root, *options)
    assert 2 == result.returncode
    assert f"{root}/mnist/r2/main.0001.tlog has log format version 2" in result.stderr
    assert "r1" in result.stdout
    assert "r3" in result.stdout
    if options and command != "cat":
        assert {"r1", "r3"} <= {Path(run["path"]).name for run in json.loads(result.stdout)["runs"]}


@pytest.mark.parametrize("command", ["show", "cat", "verify"])
def test_a_path_that_leads_nowhere_hides_no_other(command: str, root: Path) -> None:
    """Of several that are given."""
    result = datastore(command, root / "nowhere", root / "mnist" / "r1")
    assert (2, f"datastore: {root}/nowhere is not there\n") == (result.returncode, result.stderr)
    assert "r1" in result.stdout


def test_show_says_in_json_what_it_could_not_read(root: Path) -> None:
    """As `verify` does."""
    document = json.loads(datastore("show", root, "--json").stdout)
    assert ["r1", "r3"] == [run["id"] for run in document["runs"]]
    assert [str(root / "mnist" / "r2")] == [each["path"] for each in document["unreadable"]]


def test_cat_tells_of_which_run_a_record_is(root: Path) -> None:
    """Of one run the logs alone are named, as all of it is of that run; JSON is always the same."""
    lines = datastore("cat", root).stdout.splitlines()
    assert [f"{root}/mnist/r1: main.0001.tlog#0", f"{root}/mnist/r3: main.0001.tlog#3"] == [
        lines[0].partition("  ")[0],
        lines[-1].partition("  ")[0],
    ]
    assert datastore("cat", root / "mnist" / "r1").stdout.startswith("main.0001.tlog#0  ")
    records = [json.loads(line) for line in datastore("cat", root, "--json").stdout.splitlines()]
    assert {str(root / "mnist" / "r1"), str(root / "mnist" / "r3")} == {r["path"] for r in records}


def test_following_says_how_a_run_ended_that_did_not_finish(tmp_path: Path) -> None:
    """Its records end no otherwise than those of one that did."""
    with_end, without = tmp_path / "r1", tmp_path / "r2"
    with_end.mkdir()
    Writer(with_end).close()
    without.mkdir()
    script = "import os, sys; from tidelog.datastore import Writer; Writer(sys.argv[1]); os._exit(1)"
    subprocess.run([sys.executable, "-c", script, str(without)], check=False, timeout=PATIENCE_S)
    assert "" == datastore("cat", "--follow", with_end).stderr
    assert f"datastore: {without} has ended: crashed\n" == datastore("cat", "--follow", without).stderr
