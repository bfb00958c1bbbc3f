"""What a daemon tells while it runs, and `syncd logs`, as a person meets them: real processes."""

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from own_port import own_port
from run_spec import RunSpec, tree
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd
from waiting import PATIENCE_S, until

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import state_directory

SYNCD = [sys.executable, "-m", "tidelog.syncd"]


@pytest.fixture
def log_path(own_home: Path) -> Path:
    return own_home / "state/tidelog/daemon.log"


@pytest.fixture
def background() -> Iterator[Callable[..., int]]:
    """Start a daemon in the background; it is ended with the test."""
    pids: list[int] = []

    def start(*arguments: str | Path, **environment: str) -> int:
        done = run_syncd("start", "--background", *arguments, **environment)
        assert 0 == done.returncode, done.stderr
        pids.append(json.loads(run_syncd("status", "--json").stdout)["pid"])
        return pids[-1]

    yield start
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def tries(target: str) -> int:
    """Return how often a daemon has tried a target that does not answer."""
    answer = ask_daemon(state_directory(os.environ), {"command": "status"}, disk=Disk()) or {}
    outages = [each["outage"] for each in answer.get("targets", ()) if each["target"] == target]
    return sum(outage["tries"] for outage in outages if outage)


def test_an_outage_is_one_warning_and_one_line_when_it_is_over(tmp_path: Path) -> None:
    """However often the hub is tried meanwhile; as JSON each is an object that says of which target."""
    root, data = tmp_path / "root", tmp_path / "data"
    run = RunSpec(root).rows(1)
    key, log = make_key(data), tmp_path / "log.jsonl"
    with own_port() as port, log.open("wb") as stderr:
        url = f"http://127.0.0.1:{port}"
        flags = ("--root", root, "--to", url, "--retry-max", "0.02", "--log-format", "json")
        daemon = subprocess.Popen(
            [*SYNCD, "start", *flags],
            stderr=stderr,
            env={**os.environ, "TIDELOG_API_KEY": key},
        )
        try:
            until(lambda: tries(url) >= 20)
            with HubProcess(data, port=port):
                run.rows(1)
                until(lambda: tree(root) == tree(data))
                until(lambda: b"works again" in log.read_bytes())
        finally:
            daemon.terminate()
            daemon.wait(PATIENCE_S)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert ["info", "warning", "info"] == [event["level"] for event in events[:3]]
    started, away, back = events[:3]
    assert f"uploads to {url}" in started["message"]
    assert (url, True) == (away["target"], "trying again until it works" in away["message"])
    assert (url, True) == (back["target"], "works again after" in back["message"])
    assert all(event["time"].endswith("Z") for event in events)
    # What comes later is of the hub's second end, if the daemon saw it.
    assert 5 >= len(events), events


def test_a_parked_item_says_of_which_run(tmp_path: Path) -> None:
    """For a program that reads the log."""
    run = RunSpec(tmp_path / "root").media("a.png").finish()
    (run.path / "media/images/a.png").unlink()
    arguments = ("start", "--root", tmp_path / "root", "--to", f"file://{tmp_path}/usb")
    with SyncdProcess(*arguments, "--log-format", "json") as daemon:
        event = json.loads(daemon.line_with("is parked"))
    assert ("mnist/r1", f"file://{tmp_path}/usb") == (event["run"], event["target"])


def test_text_on_stderr_has_a_level_and_no_colour_where_no_terminal_is(tmp_path: Path) -> None:
    """The default."""
    with SyncdProcess("start", "--root", tmp_path / "root", "--to", f"file://{tmp_path}/usb") as daemon:
        line = daemon.line_with("uploads to")
        assert " INFO    daemon " in line
        assert "\033" not in line


def test_logs_of_a_daemon_in_the_background(
    background: Callable[..., int], log_path: Path, tmp_path: Path
) -> None:
    """The last lines as text, or as JSON; also after its end, and where it printed something else."""
    pid = background("--root", tmp_path / "root", "--to", f"file://{tmp_path}/usb")
    assert 0o600 == stat.S_IMODE(log_path.stat().st_mode)
    document = json.loads(run_syncd("status", "--json").stdout)
    assert {"to": "file", "path": str(log_path)} == document["log"]
    shown = run_syncd("logs")
    assert (0, f" INFO    daemon {pid} uploads to file://{tmp_path}/usb") == (
        shown.returncode,
        shown.stdout.splitlines()[0][19:],
    )
    os.kill(pid, signal.SIGTERM)
    until(lambda: 3 == run_syncd("status").returncode)
    with log_path.open("a") as log:
        log.write("Fatal Python error: \x1b[2J\n")
    assert "Fatal Python error: \\x1b[2J\n" == run_syncd("logs", "-n", "1").stdout
    events = [json.loads(line) for line in run_syncd("logs", "--json").stdout.splitlines()]
    assert f"daemon {pid} stopped" == events[-2]["message"]
    assert {"message": "Fatal Python error: \x1b[2J"} == events[-1]
    assert "" == run_syncd("logs", "-n", "0").stdout


def test_the_log_of_a_daemon_is_bounded_while_it_runs(
    background: Callable[..., int], log_path: Path, tmp_path: Path
) -> None:
    """It goes on in a new file once the old one is full; `logs -f` goes on with it."""
    pid = background("--root", tmp_path / "root", "--to", f"file://{tmp_path}/usb")
    following = subprocess.Popen([*SYNCD, "logs", "-f"], stdout=subprocess.PIPE, text=True)
    try:
        assert following.stdout is not None
        assert "uploads to" in following.stdout.readline()
        with log_path.open("ab") as log:  # As if it had been told much.
            log.write((b"x" * 1023 + b"\n") * 1024)
        os.kill(pid, signal.SIGHUP)
        until(lambda: log_path.with_name("daemon.log.1").exists())
        lines = [following.stdout.readline() for _ in range(1025)]
        assert "the configuration was read again" in lines[-1]
        assert {"x" * 1023 + "\n"} == set(lines[:-1])
        os.kill(following.pid, signal.SIGINT)
        assert 130 == following.wait(PATIENCE_S)
    finally:
        following.kill()
        following.communicate()
    assert 10_000 > log_path.stat().st_size


def test_logs_says_where_they_are_when_they_are_elsewhere(tmp_path: Path) -> None:
    """A daemon in the foreground tells whoever started it; before any daemon there is no log."""
    none = run_syncd("logs")
    assert (3, True) == (none.returncode, "no log yet" in none.stderr)
    with SyncdProcess("start", "--root", tmp_path / "root", "--to", f"file://{tmp_path}/usb") as daemon:
        daemon.line_with("uploads to")
        shown = run_syncd("logs")
        assert (3, True) == (shown.returncode, "stderr is" in shown.stderr), shown.stderr


FAKE_JOURNALCTL = """#!/bin/sh
echo "$@"
exit 0
"""


@pytest.fixture
def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in that prints what it is asked: no journal runs where tests do."""
    program = tmp_path / "bin/journalctl"
    program.parent.mkdir()
    program.write_text(FAKE_JOURNALCTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def test_logs_of_a_service_are_the_journals(journalctl: None, own_home: Path) -> None:
    """Of a service that is installed and has ended, too."""
    unit = own_home / "config/systemd/user/syncd.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    done = run_syncd("logs", "-f", "-n", "7", "--json")
    expected = "--user-unit syncd.service --lines 7 --no-pager --follow --output json\n"
    assert (0, expected) == (done.returncode, done.stdout)


def test_a_daemon_that_the_journal_hears_sends_logs_there(journalctl: None, tmp_path: Path) -> None:
    """It names its unit; lines have priorities instead of times."""
    heard = tmp_path / "journal"
    with heard.open("wb") as stream:
        status = os.fstat(stream.fileno())
        daemon = subprocess.Popen(
            [*SYNCD, "start", "--root", tmp_path / "root", "--to", f"file://{tmp_path}/usb"],
            stderr=stream,
            env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"},
        )
        try:
            until(lambda: b"uploads to" in heard.read_bytes())
            assert heard.read_bytes().startswith(b"<6>daemon ")
            done = run_syncd("logs", "-n", "7")
            assert (0, True) == (done.returncode, "--lines 7 --no-pager" in done.stdout)
        finally:
            daemon.terminate()
            daemon.wait(PATIENCE_S)


def test_a_log_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    """Exit code 2, one sentence, with the remedy."""
    to = ("--to", f"file://{tmp_path}/usb")
    done = run_syncd("start", "--root", tmp_path, *to, "--log-file", "/dev/null/x")
    assert (2, True) == (done.returncode, "name another --log-file" in done.stderr), done.stderr


def test_a_daemon_outlives_its_terminal_and_tells_a_file_from_then_on(
    tmp_path: Path, log_path: Path
) -> None:
    """The SIGHUP of a terminal that goes is no wish for another configuration, nor for an end."""
    terminal, end = os.openpty()
    daemon = subprocess.Popen(
        [*SYNCD, "start", "--root", str(tmp_path / "root"), "--to", f"file://{tmp_path}/usb"],
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(end)
    with daemon:
        try:
            until(lambda: run_syncd("status").returncode == 0)
            os.close(terminal)
            until(lambda: log_path.exists() and "terminal was closed" in log_path.read_text())
            shown = run_syncd("logs")
            assert (0, True) == (shown.returncode, "terminal was closed" in shown.stdout)
            RunSpec(tmp_path / "root").rows(2)
            until(lambda: tree(tmp_path / "root") == tree(tmp_path / "usb"))
            daemon.terminate()
            assert 0 == daemon.wait(PATIENCE_S)
            assert "read again" not in log_path.read_text()
        finally:
            daemon.kill()
