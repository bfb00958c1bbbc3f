"""`pause`, `resume`, `retry`, `status` and `start --metrics` as processes, beside a daemon and a hub."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from run_spec import RunSpec, tree
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd
from waiting import PATIENCE_S, until

from tidelog.datastore.disk import Disk
from tidelog.datastore.text import width_of
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import Holder, state_directory
from tidelog.syncd.cli.daemon_answer import why_no_answer


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    with HubProcess(tmp_path / "data") as process:
        yield process


@pytest.fixture
def key(tmp_path: Path) -> str:
    return make_key(tmp_path / "data")


def status() -> dict[str, Any]:
    """Ask the daemon as the commands do, without a process for each question."""
    return ask_daemon(state_directory(os.environ), {"command": "status"}, disk=Disk()) or {}


def test_a_pause_holds_a_daemon_back_over_its_restart(hub: HubProcess, key: str, tmp_path: Path) -> None:
    """SIGKILL included; `resume` lets everything go. Each says what it did."""
    root, data = tmp_path / "root", tmp_path / "data"
    run = RunSpec(root).rows(5)
    start = ("start", "--root", root, "--to", hub.url)
    with SyncdProcess(*start, TIDELOG_API_KEY=key) as daemon:
        until(lambda: tree(root) == tree(data))
        paused = run_syncd("pause")
        assert 0 == paused.returncode
        assert "nothing is sent" in paused.stderr
        assert "paused until `syncd resume`" in paused.stderr
        run.rows(5)
        daemon.kill()
    with SyncdProcess(*start, TIDELOG_API_KEY=key):
        until(lambda: status().get("targets") and status()["targets"][0]["lag"]["rows"] == 5)
        assert tree(root) != tree(data)
        tried = run_syncd("retry")
        assert "nothing is sent" in tried.stderr
        resumed = run_syncd("resume")
        assert (0, True) == (resumed.returncode, "resumed; 1 item to send" in resumed.stderr)
        until(lambda: tree(root) == tree(data))
        assert "it was not paused" in run_syncd("resume").stderr


def test_a_pause_for_a_span_says_until_when(tmp_path: Path) -> None:
    """In words, and in JSON as seconds since the epoch."""
    with SyncdProcess("start", "--root", tmp_path / "root", "--to", f"file://{tmp_path}/usb") as daemon:
        daemon.line_with("uploads to")
        document = json.loads(run_syncd("pause", "--for", "2h", "--json").stdout)
        assert ("pause", True) == (document["type"], document["held"]["is_pause"])
        left_s = document["held"]["until"] - status()["time"]
        assert 7100 < left_s <= 7200
        assert " until 2" in run_syncd("pause", "--for", "2h").stderr
        assert 2 == run_syncd("pause", "--for", "soon").returncode


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_without_a_daemon_the_exit_code_is_3(command: str) -> None:
    """A sentence for people, and a document for programs."""
    done = run_syncd(command, "--json")
    assert (3, True) == (done.returncode, "no daemon runs" in done.stderr)
    assert {"type": command, "running": False} == json.loads(done.stdout)


def test_a_daemon_that_is_silent_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    """It is named, and how to end it; a number that is another process's by now is not."""
    directory, disk = state_directory(os.environ), Disk()

    def words() -> str:
        return why_no_answer(directory, disk, without="start one")

    with SyncdProcess("start", "--root", tmp_path / "root", "--to", f"file://{tmp_path}/usb") as daemon:
        daemon.line_with("uploads to")
        os.kill(daemon.pid, signal.SIGSTOP)
        assert ask_daemon(directory, {"command": "status"}, disk=disk, timeout_s=0.2) is None
        assert f"process {daemon.pid} is the daemon and does not answer" in words()
        daemon.kill()
    assert "no daemon runs; start one" == words()
    with subprocess.Popen(["sleep", "60"]) as other:
        holder = Holder(other.pid, str(directory / "agent.sock"))
        (directory / "daemon.lock").write_text(json.dumps(holder._asdict()))
        assert "no daemon runs; start one" == words()
        other.kill()


def test_quiet_hours_of_the_file_hold_from_sighup_on(hub: HubProcess, key: str, tmp_path: Path) -> None:
    """And end with it, in a daemon that goes on meanwhile."""
    root, data = tmp_path / "root", tmp_path / "data"
    run = RunSpec(root).rows(5)
    config = Path(os.environ["XDG_CONFIG_HOME"], "tidelog", "config.toml")
    config.parent.mkdir(parents=True)
    config.write_text(f'[sync]\ntargets = ["{hub.url}"]\n')
    with SyncdProcess("start", "--root", root, TIDELOG_API_KEY=key) as daemon:
        until(lambda: tree(root) == tree(data))
        begin, end = (datetime.now().astimezone() + timedelta(hours=h) for h in (-1, 1))
        quiet_hours = f'quiet_hours = ["{begin:%H:%M}-{end:%H:%M}"]'
        config.write_text(f'[sync]\ntargets = ["{hub.url}"]\n{quiet_hours}\n')
        os.kill(daemon.pid, signal.SIGHUP)
        daemon.line_with("the configuration was read again")
        assert until(lambda: status().get("held"))["reason"].startswith("quiet hours until")
        run.rows(5)
        until(lambda: status().get("targets") and status()["targets"][0]["lag"]["rows"] == 5)
        assert tree(root) != tree(data)
        config.write_text(f'[sync]\ntargets = ["{hub.url}"]\n')
        os.kill(daemon.pid, signal.SIGHUP)
        until(lambda: tree(root) == tree(data))


def test_status_watch_appends_where_it_is_no_terminal(tmp_path: Path) -> None:
    """One document a line with --json; without colours; it ends with 3 when the daemon does."""
    with SyncdProcess("start", "--root", tmp_path / "root", "--to", f"file://{tmp_path}/usb") as daemon:
        daemon.line_with("uploads to")
        watch = [sys.executable, "-m", "tidelog.syncd", "status", "--watch", "0.1"]
        both = [
            subprocess.Popen([*watch, *more], stdout=subprocess.PIPE, text=True)
            for more in ([], ["--json"])
        ]
        text, documents = both[0].stdout, both[1].stdout
        assert text is not None
        assert documents is not None
        for _ in range(3):
            assert daemon.pid == json.loads(documents.readline())["pid"]
        lines = [text.readline() for _ in range(30)]
        assert 2 <= sum(line.startswith(f"daemon {daemon.pid}") for line in lines)
        daemon.terminate()
        rest = documents.read().splitlines()
        assert {"type": "status", "running": False} == json.loads(rest[-1])
        text.read()
        assert [3, 3] == [process.wait(PATIENCE_S) for process in both]
        text.close()
        documents.close()


def test_names_from_anybody_fit_80_columns_and_steer_no_terminal(tmp_path: Path) -> None:
    """Wide characters, a run whose name is as long as it may be, a root that is no Unicode."""
    root = tmp_path / os.fsdecode(b"r\xff\x1b[2J")
    RunSpec(root, "验证" * 10, "x" * 120).rows(3)
    to = f"file://{tmp_path}/not/there"
    with SyncdProcess("start", "--root", root, "--to", to) as daemon:
        daemon.line_with("uploads to")
        until(lambda: status().get("targets") and status()["targets"][0]["outage"])
        lines = run_syncd("status", COLUMNS="80").stdout.splitlines()
        assert 80 >= max(map(width_of, lines))
        assert all(line.isprintable() for line in lines)
        assert any("3 rows" in line for line in lines)
        assert root.name in "".join(json.loads(run_syncd("status", "--json").stdout)["roots"])


def test_metrics_are_served_where_the_flag_says(tmp_path: Path) -> None:
    """Loopback here; an address that is none is bad usage, said before anything begins."""
    start = ("start", "--root", tmp_path / "root", "--to", f"file://{tmp_path}/usb", "--metrics")
    with SyncdProcess(*start, "127.0.0.1:0") as daemon:
        daemon.line_with("uploads to")
        url = until(lambda: status().get("metrics"))
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
            text = response.read().decode()
        assert "tidelog_runs 0.0" in text
        assert f"  metrics     {url}" in run_syncd("status").stdout
    wrong = run_syncd(*start, "9464")
    assert (2, True) == (wrong.returncode, "write HOST:PORT" in wrong.stderr)
