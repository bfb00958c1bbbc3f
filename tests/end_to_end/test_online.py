"""`init(mode="online")` as scripts use it: a daemon is there afterwards, one for all of them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run_spec import RunSpec, tree
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd
from waiting import PATIENCE_S, until

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import state_directory

SCRIPT = """
import sys
from tidelog import sdk
run = sdk.init(project="mnist", dir=sys.argv[1], mode="online")
run.log({"loss": 0.5})
run.finish()
"""


def status() -> dict[str, Any]:
    """Return what the daemon of this test answers; empty where none does."""
    return ask_daemon(state_directory(os.environ), {"command": "status"}, disk=Disk()) or {}


def train(root: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", SCRIPT, root], stderr=subprocess.DEVNULL)


def logs(root: Path) -> dict[str, bytes]:
    """Return the logs below a folder, as what they are called at the hub."""
    return {name: data for name, data in tree(root).items() if name.endswith(".tlog")}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubProcess]:
    """A hub that the scripts of the test know; the daemon that they started is ended."""
    with HubProcess(tmp_path / "data") as process:
        monkeypatch.setenv("TIDELOG_HUB", process.url)
        monkeypatch.setenv("TIDELOG_API_KEY", make_key(tmp_path / "data"))
        yield process
        if pid := status().get("pid"):
            os.kill(pid, signal.SIGTERM)
            until(lambda: not status())


def test_scripts_that_start_at_once_have_one_daemon(hub: HubProcess, tmp_path: Path) -> None:
    """Their roots differ, the daemon outlives them, and its log is where `syncd logs` looks."""
    roots = [tmp_path / f"root{number}" for number in range(3)]
    scripts = [train(root) for root in roots]
    assert [0, 0, 0] == [script.wait(PATIENCE_S) for script in scripts]
    until(lambda: sorted(map(str, roots)) == sorted(status().get("roots", ())))
    expected = {name for root in roots for name in logs(root)}
    until(lambda: expected == set(logs(tmp_path / "data")))
    said = run_syncd("logs").stdout
    assert 1 == said.count("uploads to"), said
    assert (True, "file") == (status()["version"] != "", status()["log"]["to"])


def test_a_script_finds_the_service_that_runs_already(hub: HubProcess, tmp_path: Path) -> None:
    """As `syncd install` starts one: the root is handed over, no second daemon comes."""
    service_root = tmp_path / "service"
    with SyncdProcess("start", "--root", service_root, "--to", hub.url) as service:
        service.line_with("uploads to")
        assert 0 == train(tmp_path / "root").wait(PATIENCE_S)
        until(lambda: str(tmp_path / "root") in status()["roots"])
        assert service.pid == status()["pid"]
        until(lambda: logs(tmp_path / "root") == logs(tmp_path / "data"))


def test_the_next_script_replaces_a_daemon_that_was_killed(hub: HubProcess, tmp_path: Path) -> None:
    """Its lock, its socket and its log are left over."""
    root = tmp_path / "root"
    assert 0 == train(root).wait(PATIENCE_S)
    first = until(lambda: status().get("pid"))
    os.kill(first, signal.SIGKILL)
    RunSpec(root, run="between").finish()
    assert 0 == train(root).wait(PATIENCE_S)
    until(lambda: status().get("pid") not in (None, first))
    until(lambda: logs(root) == logs(tmp_path / "data"))
    assert 2 == run_syncd("logs").stdout.count("uploads to")


def test_without_a_hub_training_goes_on_and_says_what_to_do(tmp_path: Path) -> None:
    """No daemon can be started: the run is recorded all the same."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "root"], capture_output=True, text=True, check=False
    )
    assert (0, {}) == (done.returncode, status()), done.stderr
    assert 1 == len(logs(tmp_path / "root"))
