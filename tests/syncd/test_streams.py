"""What is printed where nobody can read it, or not as Unicode: a command does its work all the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from run_spec import RunSpec, tree
from syncd_process import run_syncd

COMMANDS = {
    "sync": ["sync", "{root}", "--to", "file://{usb}"],
    "verify": ["verify", "{root}", "--to", "file://{usb}"],
    "clean": ["clean", "{root}", "--to", "file://{usb}", "--older-than", "1w"],
    "pack": ["pack", "{root}", "-o", "{tmp}/runs.tar.zst"],
    "status": ["status"],
    "watch": ["watch", "{root}"],
    "doctor": ["doctor", "--to", "file://{usb}", "--json"],
    "profiles": ["profiles"],
    "delete": ["delete", "mnist/r1", "--to", "http://127.0.0.1:9"],
    "login": ["login", "--hub", "http://127.0.0.1:9", "--key-file", "-"],
}


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_closed_stream_changes_nothing_but_what_is_shown(
    name: str, closed: str, tmp_path: Path
) -> None:
    """No traceback, the same exit code, and what is printed lands in no file that was opened."""
    root, usb = tmp_path / "root", tmp_path / "usb"
    RunSpec(root).rows(3).finish()
    run_syncd("sync", root, "--to", f"file://{usb}")
    before = tree(root), tree(usb)
    words = [word.format(root=root, usb=usb, tmp=tmp_path) for word in COMMANDS[name]]
    expected = run_syncd(*words, stdin="")
    command = [sys.executable, "-m", "tidelog.syncd", *words]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (expected.returncode, False) == (done.returncode, "Traceback" in done.stderr), done.stderr
    assert before == (tree(root), tree(usb))


def test_a_terminal_that_is_no_unicode_is_shown_codes_and_a_program_json(tmp_path: Path) -> None:
    """Names of projects and runs may hold any character."""
    root, to = tmp_path / "root", ("--to", f"file://{tmp_path}/usb")
    RunSpec(root, "验证").rows(3).finish()
    latin = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    assert 0 == run_syncd("sync", root, *to, **latin).returncode
    shown = run_syncd("verify", root, *to, **latin)
    assert 0 == shown.returncode, shown.stderr
    assert shown.stdout.startswith("\\u9a8c\\u8bc1/r1: equal")
    [run] = json.loads(run_syncd("verify", root, *to, "--json", **latin).stdout)["runs"]
    assert "验证" == run["project"]
