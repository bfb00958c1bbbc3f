"""The agent's commands, as a person runs them: real processes, a real hub."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_spec import RunSpec, tree
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd
from waiting import until

SOON_S, ATTEMPTS = 2.0, 5
"""What is late each time is our doing, and not that of whatever else the machine does."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    with HubProcess(tmp_path / "data") as process:
        yield process


@pytest.fixture
def key(tmp_path: Path) -> str:
    return make_key(tmp_path / "data")


def status() -> dict[str, object]:
    answer: dict[str, object] = json.loads(run_syncd("status", "--json").stdout)
    return answer


def wait_for_equal(root: Path, data: Path) -> None:
    until(lambda: tree(root) == tree(data))


def seconds_until_equal(root: Path, data: Path) -> float:
    began = time.monotonic()
    wait_for_equal(root, data)
    return time.monotonic() - began


def test_login_sync_and_verify(hub: HubProcess, key: str, tmp_path: Path) -> None:
    """The main job by hand; the key is stored for this account alone and never printed."""
    RunSpec(tmp_path / "root").rows(5).media("a.png").finish()
    login = run_syncd("login", "--hub", hub.url, "--key-file", "-", stdin=f"{key}\n")
    assert (0, False) == (login.returncode, key in login.stdout + login.stderr)
    config = Path(os.environ["XDG_CONFIG_HOME"], "tidelog", "config.toml")
    assert 0o600 == config.stat().st_mode & 0o777
    synced = run_syncd("sync", tmp_path / "root", "--json")
    assert (0, "whole") == (synced.returncode, json.loads(synced.stdout)["state"])
    assert "1 of 1 run" in synced.stderr
    verified = run_syncd("verify", tmp_path / "root", "--json")
    document = json.loads(verified.stdout)
    assert (0, "verify", True) == (verified.returncode, document["type"], document["equal"])
    image = tmp_path / "data/mnist/r1/media/images/a.png"
    image.write_bytes(image.read_bytes()[:-1])
    damaged = run_syncd("verify", tmp_path / "root")
    assert 1 == damaged.returncode
    assert "media/images/a.png" in damaged.stdout


def test_login_keeps_other_settings_and_refuses_a_wrong_key(hub: HubProcess) -> None:
    """A refused key is not stored."""
    config = Path(os.environ["XDG_CONFIG_HOME"], "tidelog", "config.toml")
    config.parent.mkdir(parents=True)
    config.write_text('project = "mnist"\n')
    refused = run_syncd("login", "--hub", hub.url, "--key-file", "-", stdin="tide_wrong\n")
    assert (1, 'project = "mnist"\n') == (refused.returncode, config.read_text())
    away = run_syncd("login", "--hub", "http://127.0.0.1:9", "--key-file", "-", stdin="tide_x\n")
    assert 0 == away.returncode
    assert "could not be tried" in away.stderr
    assert 'project = "mnist"' in config.read_text()


def test_a_daemon_that_was_refused_goes_on_with_the_next_login(
    hub: HubProcess, key: str, tmp_path: Path
) -> None:
    """At once, and not with a probe that comes a minute later."""
    data, root = tmp_path / "data", tmp_path / "root"
    login = ("login", "--hub", hub.url, "--key-file", "-")
    assert 0 == run_syncd(*login, stdin=key).returncode
    with SyncdProcess("start", "--root", root, "--retry-max", "3000") as daemon:
        daemon.line_with("uploads to")
        assert 0 == run_syncd("key", "revoke", "test", "--data", data).returncode
        RunSpec(root).rows(5)
        daemon.line_with("is revoked")
        other = run_syncd("key", "create", "other", "--data", data).stdout
        told = run_syncd(*login, stdin=other)
        assert (0, True) == (told.returncode, f"daemon {daemon.pid}, which" in told.stderr)
        wait_for_equal(root, data)


def test_a_stored_key_goes_to_its_own_hub_alone(hub: HubProcess, key: str, tmp_path: Path) -> None:
    """An address from elsewhere does not get it; TIDELOG_API_KEY is the person's own word."""
    RunSpec(tmp_path / "root").finish()
    assert 0 == run_syncd("login", "--hub", hub.url, "--key-file", "-", stdin=key).returncode
    other = hub.url.replace("127.0.0.1", "localhost")
    refused = run_syncd("sync", tmp_path / "root", "--to", other)
    assert 2 == refused.returncode
    assert f"syncd login --hub {other}" in refused.stderr
    allowed = run_syncd("sync", tmp_path / "root", "--to", other, TIDELOG_API_KEY=key)
    assert 0 == allowed.returncode


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["sync", "."], 2, "syncd login --hub URL"),
        (["start"], 2, "syncd login --hub URL"),
        (["sync", ".", "--to", "ftp://x"], 2, "http://HOST:PORT"),
        (["sync", "nowhere", "--to", "file:///tmp/x"], 2, "nowhere"),
        (["verify", "nowhere", "--to", "file:///tmp/x"], 2, "nowhere"),
        (["sync", "", "--to", "file:///tmp/x"], 2, "name one, or `.` for this folder"),
        (["clean", " ", "--to", "file:///tmp/x"], 2, "name one, or `.` for this folder"),
        (["watch", "file:///tmp/x"], 2, "is an address, no folder"),
        (["verify", "no\nsuch\x1b[2J", "--to", "file:///tmp/x"], 2, "\\n"),
        (["sync", ".", "--timeout", "nan"], 2, "'nan' is no number of seconds"),
        (["status", "--watch", "nan"], 2, "'nan' is no number of seconds"),
        (["status", "--watch", "1e300"], 2, "not in the range"),
        (["top", "--interval", "inf"], 2, "not in the range"),
        (["pause", "--for", "999999w"], 2, "longer than 100 years"),
        (["login"], 2, "--key-file -"),
        (["login", "--hub", "file:///tmp/x"], 2, "needs no key"),
        (["status"], 3, "syncd start"),
        (["retry"], 3, "syncd sync"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_missing_is_said_in_one_sentence(arguments: list[str], code: int, words: str) -> None:
    """With the command that helps, and no traceback."""
    done = run_syncd(*arguments)
    assert (code, True) == (done.returncode, words in done.stderr), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["sync", "verify", "clean", "unpack"])
def test_a_command_for_one_target_refuses_two(command: str, tmp_path: Path) -> None:
    """Were the last one taken, the person would believe that the runs are at the first one, too."""
    one, two = tmp_path / "one", tmp_path / "two"
    RunSpec(tmp_path / "root").rows(1)
    done = run_syncd(command, tmp_path / "root", "--to", f"file://{one}", "--to", f"file://{two}")
    assert (2, True) == (done.returncode, "one target at a time" in done.stderr)
    assert not two.exists()


def test_a_run_whose_folder_is_no_name_keeps_no_other_here(tmp_path: Path) -> None:
    """It is named and is exit code 1; what is proven or packed is all the rest."""
    root, usb, archive = tmp_path / "root", tmp_path / "usb", tmp_path / "runs.tar.zst"
    RunSpec(root).rows(2).finish()
    expected = tree(root)
    odd = os.path.join(os.fsencode(root), b"mnist", b"r\xff")
    os.mkdir(odd)
    with open(os.path.join(odd, b"main.0001.tlog"), "wb") as log:
        log.write(next(iter(expected.values())))
    for arguments in (("sync", root), ("verify", root), ("pack", root, "-o", archive)):
        target = () if arguments[0] == "pack" else ("--to", f"file://{usb}")
        done = run_syncd(*arguments, *target, "--json")
        assert (1, True) == (done.returncode, "is not valid Unicode" in done.stderr), arguments
        assert json.loads(done.stdout)["type"] == arguments[0]
        assert expected == tree(usb)
    assert archive.exists()


def test_an_unreachable_hub_is_exit_code_3(tmp_path: Path) -> None:
    """After --timeout, for sync and verify."""
    RunSpec(tmp_path / "root").finish()
    to = ("--to", "http://127.0.0.1:9")
    synced = run_syncd("sync", tmp_path / "root", *to, "--timeout", "0.3", TIDELOG_API_KEY="k")
    assert (3, True) == (synced.returncode, "cannot be reached" in synced.stderr)
    assert 3 == run_syncd("verify", tmp_path / "root", *to, TIDELOG_API_KEY="k").returncode
    without_key = run_syncd("sync", tmp_path / "root", *to)
    assert (2, True) == (without_key.returncode, "syncd login --hub" in without_key.stderr)


def test_json_is_printed_whatever_happens(tmp_path: Path) -> None:
    """One document on stdout, also where no hub and no daemon answers."""
    root, to = RunSpec(tmp_path / "root").finish().path, ("--to", "http://127.0.0.1:9", "--json")
    verified = run_syncd("verify", root, *to, TIDELOG_API_KEY="k")
    document = json.loads(verified.stdout)
    assert ("verify", False, "unreachable") == tuple(document[n] for n in ("type", "equal", "state"))
    assert "Connection refused" in document["reason"]
    synced = run_syncd("sync", root, *to, "--timeout", "0.2", TIDELOG_API_KEY="k")
    assert "unreachable" == json.loads(synced.stdout)["state"]
    shared = run_syncd("share", "mnist/r1", *to, TIDELOG_API_KEY="k")
    document = json.loads(shared.stdout)
    assert (3, "share", []) == (shared.returncode, document["type"], document["shares"])
    assert "Connection refused" in document["reason"]
    assert {"type": "retry", "running": False} == json.loads(run_syncd("retry", "--json").stdout)


@pytest.mark.parametrize(
    ("arguments", "variable"),
    [
        (["start"], "XDG_STATE_HOME"),
        (["start", "--background"], "XDG_STATE_HOME"),
        (["login", "--hub", "http://127.0.0.1:9", "--key-file", "-"], "XDG_CONFIG_HOME"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_folder_that_cannot_be_made_is_named(arguments: list[str], variable: str) -> None:
    """Exit code 2 and one sentence."""
    places = {"TIDELOG_HUB": "http://127.0.0.1:9", "TIDELOG_API_KEY": "k", variable: "/dev/null"}
    done = run_syncd(*arguments, stdin="tide_x", **places)
    assert (2, True) == (done.returncode, "/dev/null" in done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_a_sync_says_the_same_as_a_verify_of_a_log_without_a_byte(tmp_path: Path) -> None:
    """Nothing to send, nothing that differs."""
    run, to = RunSpec(tmp_path / "root"), ("--to", f"file://{tmp_path}/usb")
    (run.path / run.name).write_bytes(b"")
    synced, verified = run_syncd("sync", run.path, *to), run_syncd("verify", run.path, *to)
    assert (0, 0) == (synced.returncode, verified.returncode), verified.stdout
    assert "0 bytes" not in synced.stderr


def test_ctrl_c_ends_a_sync_with_130(tmp_path: Path) -> None:
    """One line, no traceback."""
    RunSpec(tmp_path / "root").finish()
    to = ("--to", "http://127.0.0.1:9")
    with SyncdProcess("sync", tmp_path / "root", *to, TIDELOG_API_KEY="k") as process:
        process.line_with("cannot be reached")
        os.kill(process.pid, signal.SIGINT)
        process.line_with("interrupted")
        assert 130 == process.wait()


def test_ctrl_c_ends_a_question_with_130(tmp_path: Path) -> None:
    """Exit code 1 is that the hub refuses the key."""
    command = [sys.executable, "-m", "tidelog.syncd", "login", "--hub", "http://127.0.0.1:9"]
    person, terminal = pty.openpty()
    with subprocess.Popen(
        command, stdin=terminal, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stderr is not None
        asked = process.stderr.read(1)
        os.kill(process.pid, signal.SIGINT)
        said = asked + process.stderr.read()
    os.close(person)
    os.close(terminal)
    assert (130, True) == (process.returncode, b"interrupted" in said), said


def test_a_refused_key_ends_a_sync(hub: HubProcess, tmp_path: Path) -> None:
    """It does not wait for the timeout."""
    RunSpec(tmp_path / "root").finish()
    done = run_syncd("sync", tmp_path / "root", "--to", hub.url, TIDELOG_API_KEY="tide_wrong")
    assert (1, True) == (done.returncode, "refuses the key" in done.stderr)


def test_damage_and_parked_items_are_exit_code_1(tmp_path: Path) -> None:
    """And named."""
    root, to = tmp_path / "root", ("--to", f"file://{tmp_path}/usb")
    RunSpec(root, run="damaged").rows(9).damage(4).finish()
    done = run_syncd("sync", root, *to)
    assert (1, True) == (done.returncode, "damaged from byte" in done.stderr)
    run = RunSpec(root, run="parked").media("a.png").finish()
    (run.path / "media/images/a.png").unlink()
    done = run_syncd("sync", run.path, *to, "--json")
    document = json.loads(done.stdout)
    assert (1, "parked") == (done.returncode, document["state"])
    assert ["media/images/a.png"] == [entry["item"] for entry in document["parked"]]


def test_a_daemon_uploads_live_rows_and_new_runs_and_drains_on_sigterm(
    hub: HubProcess, key: str, tmp_path: Path
) -> None:
    """New bytes, new runs and new roots; a second daemon says who has the state."""
    root, data = tmp_path / "root", tmp_path / "data"
    run, copy = RunSpec(root).rows(3), data / "mnist" / "r1"
    with SyncdProcess("start", "--root", root, "--to", hub.url, TIDELOG_API_KEY=key) as daemon:
        daemon.line_with("uploads to")
        wait_for_equal(root, data)
        assert any(SOON_S > seconds_until_equal(run.rows(1).path, copy) for _ in range(ATTEMPTS))
        RunSpec(root, "cifar", "new").media("x.png").finish()
        wait_for_equal(root, data)
        second = run_syncd("start", "--root", root, "--to", hub.url, TIDELOG_API_KEY=key)
        assert (2, True) == (second.returncode, str(daemon.pid) in second.stderr)
        answer = status()
        assert (True, daemon.pid, 2) == (answer["running"], answer["pid"], answer["runs"])
        assert 0 == run_syncd("retry").returncode
        assert "watches" in run_syncd("status").stdout
        assert 0 == daemon.terminate()
    assert {"type": "status", "running": False} == status()


def test_in_the_background_the_root_is_that_of_the_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon itself runs in no folder; what `./tidelog` means is said where a person says it."""
    monkeypatch.chdir(tmp_path)
    try:
        done = run_syncd("start", "--background", "--to", f"file://{tmp_path}/usb")
        assert 0 == done.returncode, done.stderr
        assert [str(tmp_path / "tidelog")] == status()["roots"]
    finally:
        answer = status()
        if answer["running"]:
            os.kill(int(str(answer["pid"])), 15)


def test_background_starts_one_daemon_and_hands_roots_to_it(
    hub: HubProcess, key: str, tmp_path: Path
) -> None:
    """What the sdk's online mode calls; the roots are known after the next start too."""
    environment = {"TIDELOG_API_KEY": key, "TIDELOG_HUB": hub.url}
    one, two = tmp_path / "one", tmp_path / "two"
    RunSpec(one, run="a").finish()
    RunSpec(two, run="b", seed=2).finish()
    try:
        for root in (one, two):
            done = run_syncd("start", "--background", "--root", root, **environment)
            assert 0 == done.returncode, done.stderr
        first = status()
        assert [str(one), str(two)] == sorted(first["roots"])  # type: ignore[call-overload]
        other = run_syncd("start", "--background", "--root", one, "--to", f"file://{tmp_path}/usb")
        assert (2, True) == (other.returncode, f"uploads to {hub.url}, not to file:" in other.stderr)
        until(lambda: 2 == len(tree(tmp_path / "data")))
        os.kill(int(str(first["pid"])), 9)
        assert 0 == run_syncd("start", "--background", **environment).returncode
        assert sorted(map(str, (one, two))) == sorted(status()["roots"])  # type: ignore[call-overload]
    finally:
        answer = status()
        if answer["running"]:
            os.kill(int(str(answer["pid"])), 15)
