"""`syncd watch` and `syncd unwatch`, with a real daemon and without one."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from run_spec import RunSpec, tree
from syncd_process import SyncdProcess, run_syncd
from waiting import until


def run_json(*arguments: str | Path) -> dict[str, Any]:
    done = run_syncd(*arguments, "--json")
    document: dict[str, Any] = json.loads(done.stdout)
    assert arguments[0] == document["type"]
    return document


def roots() -> list[str]:
    return sorted(run_json("status")["roots"])


def daemon_for(target: Path, *arguments: str | Path) -> SyncdProcess:
    process = SyncdProcess("start", "--to", f"file://{target}", *arguments)
    process.line_with("uploads to")
    return process


def test_roots_come_and_go_while_the_daemon_runs(tmp_path: Path) -> None:
    """What lies in a new one is uploaded, what comes into an old one is not; a restart knows both."""
    one, two, usb = tmp_path / "one", tmp_path / "two", tmp_path / "usb"
    first = RunSpec(one).rows(2)
    with daemon_for(usb, "--root", one) as daemon:
        until(lambda: tree(one) == tree(usb))
        RunSpec(two, "cifar", "r2").rows(2)
        done = run_syncd("watch", two)
        assert (0, f"watches {two}\n") == (done.returncode, done.stderr)
        until(lambda: tree(usb) == {**tree(one), **tree(two)})
        assert "already" in run_syncd("watch", two).stderr
        assert 0 == run_syncd("unwatch", one).returncode
        assert [str(two)] == roots()
        before = tree(usb)
        first.rows(1)
        RunSpec(two, "cifar", "r3").rows(2)
        until(lambda: tree(usb) == {**before, **tree(two)})
        assert 0 == daemon.terminate()
    with daemon_for(usb):
        assert [str(two)] == roots()


def test_a_pattern_is_kept_and_takes_in_whoever_comes_later(tmp_path: Path) -> None:
    """The daemon's word for it is the pattern, and it is taken back by the pattern."""
    scratch, usb = tmp_path / "scratch", tmp_path / "usb"
    RunSpec(scratch / "ann" / "tidelog", "ann").rows(1)
    pattern = f"{scratch}/*/tidelog"
    with daemon_for(usb, "--root", pattern):
        until(lambda: len(tree(usb)) == 1)
        RunSpec(scratch / "bob" / "tidelog", "bob").rows(1)
        until(lambda: len(tree(usb)) == 2)
        assert [pattern] == roots()
        folders = [folder["folder"] for folder in run_json("status")["folders"]]
        assert [f"{scratch}/ann/tidelog", f"{scratch}/bob/tidelog"] == sorted(folders)
        refused = run_syncd("unwatch", scratch / "bob" / "tidelog")
        assert (2, True) == (refused.returncode, f"  {pattern}\n" in refused.stderr)
        assert 0 == run_syncd("unwatch", pattern).returncode
        assert [] == roots()


def test_without_a_daemon_the_next_start_knows(tmp_path: Path) -> None:
    """The command says so; an unwatched root is not watched then."""
    one, two, usb = tmp_path / "one", tmp_path / "two", tmp_path / "usb"
    RunSpec(one).rows(1)
    done = run_syncd("watch", one, two)
    assert (0, 2) == (done.returncode, done.stderr.count("the next `syncd start` watches it"))
    answer = run_json("unwatch", two)
    expected = {"type": "unwatch", "running": False, "roots": [str(one)]}
    assert {**expected, "unwatched": [{"root": str(two), "was_watched": True}]} == answer
    assert {"root": str(one), "is_new": False} == run_json("watch", one)["watched"][0]
    with daemon_for(usb):
        assert [str(one)] == roots()
        until(lambda: tree(one) == tree(usb))


def test_an_unknown_root_names_those_that_there_are(tmp_path: Path) -> None:
    """With and without a daemon; of several, the known ones are let go."""
    one = tmp_path / "one"
    run_syncd("watch", one, tmp_path / "two")
    refused = run_syncd("unwatch", tmp_path / "three", tmp_path / "two")
    assert (2, True) == (refused.returncode, f"  {one}\n" in refused.stderr), refused.stderr
    assert f"watches {tmp_path / 'two'} no more" in refused.stderr
    with daemon_for(tmp_path / "usb"):
        refused = run_syncd("unwatch", tmp_path / "three")
        assert (2, True) == (refused.returncode, f"  {one}\n" in refused.stderr)


def test_what_is_no_root_is_refused_with_the_root(tmp_path: Path) -> None:
    """A run, a project, the folder above a root, a file: as a root none of them would have a run."""
    run = RunSpec(tmp_path / "root")
    no_roots = {run.path: "a run", run.path.parent: "a project", tmp_path: "the folder above a root"}
    for path, what in no_roots.items():
        refused = run_syncd("watch", path)
        expected = f"syncd: {path} is {what}, not a root: watch {tmp_path / 'root'}\n"
        assert (2, expected) == (refused.returncode, refused.stderr)
    refused = run_syncd("watch", run.path / run.name)
    assert (2, True) == (refused.returncode, "is no folder" in refused.stderr)
    assert 0 == run_syncd("watch", tmp_path / "root").returncode


def test_a_root_that_is_a_target_or_lies_around_one_is_refused(tmp_path: Path) -> None:
    """By a command and by the settings: its runs would be uploaded to where they are."""
    usb = tmp_path / "media" / "usb"
    usb.mkdir(parents=True)
    with daemon_for(usb, "--root", tmp_path / "root"):
        for root in (usb, usb.parent):
            refused = run_syncd("watch", root)
            assert (2, True) == (refused.returncode, f"{usb} lies inside {root}" in refused.stderr)
        assert [str(tmp_path / "root")] == roots()
    config = Path(os.environ["XDG_CONFIG_HOME"], "tidelog", "config.toml")
    config.parent.mkdir(parents=True)
    config.write_text(f'[sync]\nroots = ["{usb.parent}"]\n')
    refused = run_syncd("start", "--to", f"file://{usb}")
    assert (2, True) == (refused.returncode, f"{usb} lies inside" in refused.stderr)


def test_a_broken_state_is_begun_anew_and_not_in_silence(tmp_path: Path) -> None:
    """The roots that it named are nowhere else: their runs would stay here, and nobody would know."""
    one, two = tmp_path / "one", tmp_path / "two"
    run_syncd("watch", one)
    table = Path(os.environ["XDG_STATE_HOME"], "tidelog", "state", "data.mdb")
    table.write_bytes(b"x" * 5000)
    told = run_syncd("watch", two)
    assert (0, True) == (told.returncode, "name the roots again" in told.stderr), told.stderr
    table.write_bytes(b"x" * 5000)
    with SyncdProcess("start", "--root", two, "--to", f"file://{tmp_path}/usb") as daemon:
        assert "WARNING" in daemon.line_with("name the roots again")


@pytest.mark.parametrize("command", ["watch", "unwatch"])
def test_a_state_that_cannot_be_written_is_told(command: str, tmp_path: Path) -> None:
    """Exit code 2 and one sentence."""
    refused = run_syncd(command, tmp_path, XDG_STATE_HOME="/dev/null")
    assert (2, True) == (refused.returncode, "/dev/null" in refused.stderr), refused.stderr
    assert "Traceback" not in refused.stderr


def test_names_that_are_no_unicode_are_shown_and_watched(tmp_path: Path) -> None:
    """In the status for people and for programs."""
    root = tmp_path / os.fsdecode(b"r\xff")
    RunSpec(root)
    (root / os.fsdecode(b"p\xfe")).mkdir()
    with daemon_for(tmp_path / "usb"):
        watched = run_syncd("watch", root)
        assert (0, "watches") == (watched.returncode, watched.stderr[:7]), watched.stderr
        until(lambda: tree(tmp_path / "usb"))
        assert str(root) in run_json("status")["roots"]
        until(lambda: "not valid Unicode" in run_syncd("status").stdout)
        assert 0 == run_syncd("unwatch", root).returncode


def test_roots_of_the_configuration_come_and_go_with_it(tmp_path: Path) -> None:
    """On SIGHUP; a command takes one away until the next start, and says so."""
    one, two = tmp_path / "one", tmp_path / "two"
    config = Path(os.environ["XDG_CONFIG_HOME"], "tidelog", "config.toml")
    config.parent.mkdir(parents=True)
    config.write_text(f'[sync]\nroots = ["{one}", "{two}"]\n')
    with daemon_for(tmp_path / "usb") as daemon:
        assert [str(one), str(two)] == roots()
        assert 0 == run_syncd("watch", tmp_path / "three").returncode
        config.write_text(f'[sync]\nroots = ["{two}/*"]\n')
        os.kill(daemon.pid, signal.SIGHUP)
        expected = [str(tmp_path / "three"), f"{two}/*"]
        until(lambda: roots() == expected)
        unwatched = run_syncd("unwatch", f"{two}/*")
        assert (0, True) == (unwatched.returncode, "comes back with the next start" in unwatched.stderr)
        assert expected[:1] == roots()


@pytest.mark.parametrize("arguments", [("watch", ""), ("unwatch", " "), ("start", "--root", "")])
def test_an_empty_root_is_refused(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an unset variable of a shell, and would mean the folder one happens to be in."""
    RunSpec(tmp_path / "tidelog").rows(1)
    monkeypatch.chdir(tmp_path)
    done = run_syncd(*arguments)
    assert 2 == done.returncode
    assert "is no folder: name one" in done.stderr


def test_a_project_as_a_root_is_told_when_the_daemon_starts(tmp_path: Path) -> None:
    """Nothing of it would be found, and everything else would look well."""
    root, usb = tmp_path / "runs", tmp_path / "usb"
    RunSpec(root).rows(1)
    with daemon_for(usb, "--root", root / "mnist") as daemon:
        assert f"is a project, not a root: watch {root}" in daemon.line_with("not a root")
