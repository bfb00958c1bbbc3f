"""`syncd install` and `uninstall` as a person runs them; a stand-in for systemctl notes its calls."""

import os
import pwd
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from run_spec import RunSpec
from syncd_process import SyncdProcess, run_syncd

from tidelog.datastore.disk import Disk
from tidelog.syncd.cli import group
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.install.account import find_account
from tidelog.syncd.install.manager import Launchd, Systemd, choose_manager
from tidelog.syncd.install.planning import plan_agent, plan_hub

CALLS = "calls.txt"


@pytest.fixture(autouse=True)
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that answers as systemctl does when all goes well; no systemd runs where tests do."""
    return make_systemctl(tmp_path, monkeypatch, "exit 0")


def make_systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> Path:
    program = tmp_path / "bin/systemctl"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/{CALLS}\n{end}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


@pytest.fixture
def unit(own_home: Path) -> Path:
    return own_home / "config/systemd/user/syncd.service"


def calls(tmp_path: Path) -> list[str]:
    path = tmp_path / CALLS
    return path.read_text().splitlines() if path.exists() else []


def test_install_writes_the_unit_and_starts_it(unit: Path, own_home: Path, tmp_path: Path) -> None:
    """With the interpreter of this environment, absolute paths, and a state folder that is there."""
    to = ("--to", f"file://{tmp_path}/usb")
    done = run_syncd("install", "--root", tmp_path / "my runs", *to, "--now")
    assert (0, f"wrote {unit}") == (done.returncode, done.stderr.splitlines()[0]), done.stderr
    command = f'"{sys.executable}" "-P" "-m" "tidelog.syncd" "start" "--root" "{tmp_path}/my runs"'
    assert f'ExecStart={command} "--to" "file://{tmp_path}/usb"' in unit.read_text().splitlines()
    state = own_home / "state/tidelog"
    assert 0o700 == state.stat().st_mode & 0o777
    assert f'ReadWritePaths="{state}" "{tmp_path}"' in unit.read_text()
    assert ["--user daemon-reload", "--user enable --now syncd"] == calls(tmp_path)


def test_install_again_replaces_and_uninstall_removes(unit: Path, tmp_path: Path) -> None:
    """A second uninstall has nothing to do, and says so."""
    to = ("--to", f"file://{tmp_path}/usb")
    run_syncd("install", "--root", tmp_path / "one", *to)
    again = run_syncd("install", "--root", tmp_path / "two", *to, "--now")
    assert f"replaced {unit}" in again.stderr
    assert ("two" in unit.read_text(), "one" in unit.read_text()) == (True, False)
    # Ended before its daemon would be taken for another's.
    assert "--user disable --now syncd" == calls(tmp_path)[0]
    (tmp_path / CALLS).unlink()
    removed = run_syncd("uninstall")
    assert (0, f"removed {unit}\n", False) == (removed.returncode, removed.stderr, unit.exists())
    assert ["--user disable --now syncd", "--user daemon-reload"] == calls(tmp_path)
    nothing = run_syncd("uninstall")
    assert (0, True) == (nothing.returncode, "no service of ours" in nothing.stderr)


def test_somebody_elses_unit_is_left_alone(unit: Path, tmp_path: Path) -> None:
    """Neither replaced nor removed nor stopped."""
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    for command in (["install", "--to", f"file://{tmp_path}/usb", "--now"], ["uninstall"]):
        done = run_syncd(*command)
        assert (2, True) == (done.returncode, "was not written by `syncd install`" in done.stderr)
    assert ("[Service]\nExecStart=/bin/true\n", []) == (unit.read_text(), calls(tmp_path))


def test_print_shows_the_unit_and_changes_nothing(unit: Path, own_home: Path, tmp_path: Path) -> None:
    """On stdout, for a machine where somebody else installs it."""
    done = run_syncd("install", "--print", "--to", f"file://{tmp_path}/usb")
    assert (0, True) == (done.returncode, done.stdout.startswith("# Written by `syncd install`"))
    assert (False, False, []) == (unit.exists(), (own_home / "state").exists(), calls(tmp_path))


def test_a_unit_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """One sentence with the remedy; nothing is started."""
    to = ("--to", f"file://{tmp_path}/usb")
    done = run_syncd("install", *to, "--now", XDG_CONFIG_HOME="/dev/null")
    assert (2, True) == (done.returncode, "needs sudo" in done.stderr), done.stderr
    assert [] == calls(tmp_path)


def test_a_daemon_that_runs_already_is_named(unit: Path, tmp_path: Path) -> None:
    """It has the state: the service could not start beside it."""
    to = ("--to", f"file://{tmp_path}/usb")
    with SyncdProcess("start", "--root", tmp_path / "root", *to) as daemon:
        daemon.line_with("uploads to")
        done = run_syncd("install", "--root", tmp_path / "root", *to, "--now")
        assert (2, True) == (done.returncode, f"`kill {daemon.pid}`" in done.stderr)
        assert not unit.exists()
        assert 0 == run_syncd("install", "--root", tmp_path / "root", *to).returncode


def test_what_the_manager_refuses_is_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its words; where there is none, with what to do instead."""
    make_systemctl(tmp_path, monkeypatch, "echo 'Failed to connect to bus' >&2; exit 1")
    to = ("--to", f"file://{tmp_path}/usb")
    done = run_syncd("install", *to, "--now")
    assert (1, True) == (done.returncode, "failed: Failed to connect to bus" in done.stderr)
    monkeypatch.setenv("PATH", "/nowhere")
    done = run_syncd("install", *to, "--now")
    assert (1, True) == (done.returncode, "there is no systemctl here" in done.stderr)


def test_the_key_of_a_shell_is_no_key_of_a_service(tmp_path: Path) -> None:
    """It is not written into the unit; that it is missing is said at once."""
    done = run_syncd("install", "--to", "https://hub.lab", TIDELOG_API_KEY="tide_secret")
    assert (0, True) == (done.returncode, "no API key for https://hub.lab" in done.stderr)
    shown = run_syncd("install", "--to", "https://hub.lab", "--print", TIDELOG_API_KEY="tide_secret")
    assert "tide_secret" not in shown.stdout
    key = tmp_path / "key"
    key.write_text("tide_secret")
    done = run_syncd("install", "--to", "https://hub.lab", TIDELOG_API_KEY_FILE=str(key))
    assert "no API key" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hub"], "--data DIR"),
        (["--hub", "--data", "x", "--root", "y"], "--root goes with the agent"),
        (["--data", "x"], "--data and --listen go with --hub"),
        (["--account", "ada"], "--account goes with --system"),
        (["--system", "--account", "no-such-account"], "no account 'no-such-account'"),
        (["--to", "ftp://x"], "http://HOST:PORT"),
        ([], "syncd login --hub URL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_go_together_is_said(arguments: list[str], words: str) -> None:
    """In one sentence, with exit code 2 of click's, or as the error that `main` gives that code."""
    done = CliRunner().invoke(group, ["install", *arguments])
    said = done.output if isinstance(done.exception, SystemExit) else str(done.exception)
    assert words in " ".join(said.split()), said
    assert 2 == done.exit_code or isinstance(done.exception, CannotStartError)


def test_a_service_names_what_it_would_not_find_by_itself(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub or a root of this shell or folder is written down; one of the settings file is not."""
    owner, disk = find_account(None, os.environ, is_user=True), Disk()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDELOG_HUB", "http://hub.lab")
    named = plan_agent((), (), owner, disk, is_user=True)
    tail = ("start", "--root", str(tmp_path / "tidelog"), "--to", "http://hub.lab")
    assert tail == named.command[-len(tail) :]
    monkeypatch.delenv("TIDELOG_HUB")
    settings = own_home / "config/tidelog/config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('hub = "http://hub.lab"\n[sync]\nroots = ["/runs"]\n')
    assert "start" == plan_agent((), (), owner, disk, is_user=True).command[-1]
    settings.write_text(f'[sync]\ntargets = ["file://{tmp_path}/usb"]\nroots = ["/runs"]\n')
    planned = plan_agent((), (), owner, disk, is_user=True)
    assert ("start", str(tmp_path)) == (planned.command[-1], planned.writable[1])


def test_a_service_has_of_the_shell_what_it_needs_and_no_password(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies, certificates and folders; a unit can be read by others."""
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "ca.pem")
    monkeypatch.setenv("https_proxy", "http://ada:secret@proxy:3128")
    monkeypatch.setenv("no_proxy", ".lab")
    monkeypatch.chdir(tmp_path)
    owner = find_account(None, os.environ, is_user=True)
    planned = dict(plan_agent((), (f"file://{tmp_path}/usb",), owner, Disk(), is_user=True).environment)
    expected = {"SSL_CERT_FILE": f"{tmp_path}/ca.pem", "no_proxy": ".lab", "https_proxy": None}
    assert expected == {name: planned.get(name) for name in expected}
    assert str(own_home / "state") == planned["XDG_STATE_HOME"]


def test_a_service_of_the_system_is_of_who_called_sudo(tmp_path: Path) -> None:
    """With that account's own folders, whatever the environment of root says."""
    environ = {"SUDO_USER": "daemon", "XDG_STATE_HOME": "/root/state", "HOME": "/root"}
    owner = find_account(None, environ, is_user=False)
    entry = pwd.getpwnam("daemon")
    assert ("daemon", entry.pw_uid, entry.pw_dir) == (owner.name, owner.user_id, str(owner.home))
    planned = plan_agent(("/runs",), (f"file://{tmp_path}/usb",), owner, Disk(), is_user=False)
    assert ("daemon", f"{entry.pw_dir}/.local/state/tidelog") == (planned.account, planned.writable[0])
    assert "nobody" == find_account("nobody", environ, is_user=False).name


def test_known_roots_are_not_named_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the state remembers is watched anyway; ./tidelog is for the first time."""
    monkeypatch.chdir(tmp_path)
    RunSpec(tmp_path / "root").rows(1)
    to = f"file://{tmp_path}/usb"
    with SyncdProcess("start", "--root", tmp_path / "root", "--to", to) as daemon:
        daemon.line_with("uploads to")
        assert 0 == daemon.terminate()
    owner = find_account(None, os.environ, is_user=True)
    planned = plan_agent((), (to,), owner, Disk(), is_user=True)
    assert ("start", "--to", to) == planned.command[-3:]


def test_a_hub_as_a_service(tmp_path: Path) -> None:
    """Its data folder is made, and is all that it may write."""
    done = run_syncd(
        "install", "--hub", "--data", tmp_path / "hub", "--listen", "127.0.0.1:7071", "--now"
    )
    assert 0 == done.returncode, done.stderr
    assert (tmp_path / "hub").is_dir()
    assert "--user enable --now syncd-hub" == calls(tmp_path)[-1]
    owner = find_account(None, os.environ, is_user=True)
    on_mac = plan_hub(str(tmp_path / "hub"), None, owner, is_user=True, platform="darwin")
    assert ("--log-file", f"{tmp_path}/hub/.hub/serve.log") == on_mac.command[-2:]
    assert (str(tmp_path / "hub"),) == on_mac.writable


def test_each_system_has_its_manager(tmp_path: Path) -> None:
    """launchd on macOS, else systemd; of the user, else of the system."""

    def path_of(platform: str, *, is_system: bool) -> str:
        manager = choose_manager(platform, {}, home=tmp_path, user_id=501, is_system=is_system)
        return str(manager.path("syncd"))

    assert f"{tmp_path}/.config/systemd/user/syncd.service" == path_of("linux", is_system=False)
    assert "/etc/systemd/system/syncd.service" == path_of("linux", is_system=True)
    assert f"{tmp_path}/Library/LaunchAgents/tidelog.syncd.plist" == path_of("darwin", is_system=False)
    assert "/Library/LaunchDaemons/tidelog.syncd.plist" == path_of("darwin", is_system=True)
    mac = Launchd(tmp_path, domain="gui/501")
    plist = str(tmp_path / "tidelog.syncd.plist")
    assert [["launchctl", "bootstrap", "gui/501", plist]] == mac.starting("syncd")
    assert [["launchctl", "bootout", "gui/501/tidelog.syncd"]] == mac.stopping("syncd")
    assert ["systemctl", "disable", "--now", "x"] == Systemd(tmp_path, is_user=False).stopping("x")[0]
