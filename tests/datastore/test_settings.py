"""Where the program's own options come from, and what a wrong one is answered with."""

from pathlib import Path

import pytest

from tidelog.datastore.settings import SettingsError, config_directory, read_settings


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tidelog").mkdir()
    return {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}


def values(environ: dict[str, str], directory: Path) -> dict[str, str]:
    found = read_settings(environ, directory=str(directory))
    return {name: setting.value for name, setting in found.items()}


def test_nearer_settings_win(home: dict[str, str], tmp_path: Path) -> None:
    """TIDELOG_* over the training directory's file over the user's file over WANDB_*."""
    environ = dict(home, WANDB_PROJECT="wandb")
    assert {"project": "wandb"} == values(environ, tmp_path)
    (tmp_path / "tidelog" / "config.toml").write_text('project = "user"\nquiet = true\n')
    assert {"project": "user", "quiet": "true"} == values(environ, tmp_path)
    (tmp_path / ".tidelog.toml").write_text('project = "folder"\n')
    assert "folder" == values(environ, tmp_path)["project"]
    environ["TIDELOG_PROJECT"] = "variable"
    assert "variable" == values(environ, tmp_path)["project"]
    found = read_settings(environ, directory=str(tmp_path))
    assert ("TIDELOG_PROJECT", str(tmp_path / "tidelog" / "config.toml")) == (
        found["project"].origin,
        found["quiet"].origin,
    )


def test_an_empty_variable_is_not_set(home: dict[str, str], tmp_path: Path) -> None:
    """Neither is one of a foreign program that names nothing of ours."""
    environ = dict(
        home, TIDELOG_HUB="", WANDB_PROJECT="", WANDB_START_METHOD="fork", TIDELOG_UNKNOWN="x"
    )
    assert {} == values(environ, tmp_path)


def test_a_secret_may_stand_in_a_file(home: dict[str, str], tmp_path: Path) -> None:
    """`TIDELOG_API_KEY_FILE`, as containers hand out secrets; the variable itself wins."""
    secret = tmp_path / "secret"
    secret.write_text("k3y\n")
    environ = dict(home, TIDELOG_API_KEY_FILE=str(secret))
    assert {"api_key": "k3y"} == values(environ, tmp_path)
    assert {"api_key": "v"} == values(dict(environ, TIDELOG_API_KEY="v"), tmp_path)
    secret.unlink()
    with pytest.raises(SettingsError, match=r"API_KEY_FILE names .*secret, which cannot be read"):
        values(environ, tmp_path)


def test_a_settings_file_may_be_a_symbolic_link(home: dict[str, str], tmp_path: Path) -> None:
    """As those have it who keep their dot files in one place; a dangling one is no file."""
    (tmp_path / "dotfile").write_text('hub = "http://h"\n')
    link = tmp_path / "tidelog" / "config.toml"
    link.symlink_to(tmp_path / "dotfile")
    assert {"hub": "http://h"} == values(home, tmp_path)
    (tmp_path / "dotfile").unlink()
    assert {} == values(home, tmp_path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (b"project = ", "cannot be read as TOML"),
        (b"\xff\xfe", "cannot be read as TOML"),
        (b"colour = 'red'", "sets 'colour', which is none of: hub, api_key"),
        (b"tags = [5]", r"sets tags to \[5\]; write it as a string"),
        (b"[hub]\nurl = 'x'", "sets hub to"),
    ],
)
def test_a_settings_file_that_makes_no_sense_is_named(
    text: bytes, match: str, home: dict[str, str], tmp_path: Path
) -> None:
    """With the value and what would be right."""
    (tmp_path / ".tidelog.toml").write_bytes(text)
    with pytest.raises(SettingsError, match=match) as caught:
        values(home, tmp_path)
    assert str(tmp_path / ".tidelog.toml") in str(caught.value)


def test_what_makes_no_sense_takes_nothing_else_with_it(home: dict[str, str], tmp_path: Path) -> None:
    """Where a fault is no error, the other settings of the file hold, and those of other places."""
    (tmp_path / "tidelog" / "config.toml").write_bytes(b"\xff")
    (tmp_path / ".tidelog.toml").write_text('colour = "red"\nproject = "p"\n')
    environ = dict(home, TIDELOG_DIR="runs", TIDELOG_API_KEY_FILE=str(tmp_path / "none"))
    faults: list[SettingsError] = []
    found = read_settings(environ, directory=str(tmp_path), on_fault=faults.append)
    assert {"project": "p", "dir": "runs"} == {name: setting.value for name, setting in found.items()}
    assert 3 == len(faults)


def test_a_value_of_toml_is_what_a_variable_would_hold(home: dict[str, str], tmp_path: Path) -> None:
    """Numbers, and tags as TOML has lists."""
    text = 'monitor = 0.5\nproject = 5\ntags = ["a", "b"]\nquiet = true\n'
    (tmp_path / ".tidelog.toml").write_text(text)
    expected = {"monitor": "0.5", "project": "5", "tags": "a,b", "quiet": "true"}
    assert expected == values(home, tmp_path)


def test_the_users_folder_follows_xdg() -> None:
    """`~/.config` where nothing else is said."""
    assert Path("/x/tidelog") == config_directory({"XDG_CONFIG_HOME": "/x", "HOME": "/h"})
    assert Path("/h/.config/tidelog") == config_directory({"HOME": "/h"})
    assert "tidelog" == config_directory({}).name


def test_a_mistyped_table_is_shown_the_right_one(home: dict[str, str], tmp_path: Path) -> None:
    """`[sync]` is for the account's file alone: a daemon serves more folders than one."""
    (tmp_path / "tidelog" / "config.toml").write_text("[synk]\nroots = []\n")
    with pytest.raises(SettingsError, match=r"sets 'synk', which is none of: .*\[sync\]$"):
        values(home, tmp_path)
