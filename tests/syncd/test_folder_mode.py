"""`syncd off` and `on`, and what a training script in that folder makes of them."""

from pathlib import Path

import pytest
from syncd_process import run_syncd

from tidelog.sdk.current import Current


def mode_of_a_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Begin a run in a folder as a script would, with a hub configured, and return its mode."""
    monkeypatch.chdir(folder)
    script = Current(environ={"TIDELOG_HUB": "http://127.0.0.1:9"}, syncd=lambda root: ["true"])
    run = script.init({"project": "p"})
    run.finish()
    return run.mode


def test_a_folder_may_be_switched_off_and_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that are begun there follow it; what else the file says stays, and who may read it."""
    file = tmp_path / ".tidelog.toml"
    assert "online" == mode_of_a_run(tmp_path, monkeypatch)
    file.write_text('# ours\nproject = "kept"\n')
    file.chmod(0o600)
    off = run_syncd("off", tmp_path)
    assert (0, "") == (off.returncode, off.stdout)
    assert f"begun in {tmp_path} are recorded offline" in off.stderr
    assert ["# ours", 'mode = "offline"', 'project = "kept"'] == sorted(file.read_text().splitlines())
    assert 0o600 == file.stat().st_mode & 0o777
    assert "offline" == mode_of_a_run(tmp_path, monkeypatch)
    assert 0 == run_syncd("on", tmp_path).returncode
    assert "online" == mode_of_a_run(tmp_path, monkeypatch)
    assert 1 == file.read_text().count("mode")


@pytest.mark.parametrize("command", ["off", "on"])
def test_a_file_that_is_no_settings_file_is_left_alone(command: str, tmp_path: Path) -> None:
    """One sentence names it."""
    file = tmp_path / ".tidelog.toml"
    file.write_text("not toml")
    result = run_syncd(command, tmp_path)
    assert 2 == result.returncode
    assert ".tidelog.toml cannot be read as TOML" in result.stderr
    assert "not toml" == file.read_text()


def test_a_folder_that_is_not_there_is_bad_usage(tmp_path: Path) -> None:
    """The sentence names it."""
    result = run_syncd("off", tmp_path / "nowhere")
    assert 2 == result.returncode
    assert "nowhere" in result.stderr
