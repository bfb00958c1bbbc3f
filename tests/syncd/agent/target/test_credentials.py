"""Which address is meant, and which key goes where."""

import os
from pathlib import Path

import pytest

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.target.credentials import find_address, find_key, parse_address
from tidelog.syncd.agent.target.profiles import store_profile
from tidelog.syncd.errors import CannotStartError


def store(url: str, key: str, environ: dict[str, str]) -> Path:
    return store_profile("", url, key, environ, Disk()).path


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:7070/", "http://127.0.0.1:7070"),
        ("HTTPS://Hub.Lab", "https://hub.lab"),
        ("http://[::1]:80/base/", "http://[::1]:80/base"),
        ("file:///mnt/usb/", "file:///mnt/usb"),
        ("file://localhost/mnt/usb", "file:///mnt/usb"),
    ],
)
def test_an_address_is_written_in_one_way(text: str, url: str) -> None:
    """Cursors and keys are kept under it."""
    assert url == parse_address(text).url


@pytest.mark.parametrize(
    "text",
    (
        *("", "hub", "hub:7070", "ftp://hub", "http://", "http://hub:99999", "http://me:pw@hub"),
        *("file://x/y", "http://hub/?q=1", "http://[::1", "file:relative"),
    ),
)
def test_what_is_no_address_is_refused_with_examples(text: str) -> None:
    """The sentence holds the value."""
    with pytest.raises(CannotStartError) as caught:
        parse_address(text)
    assert repr(text) in str(caught.value)


def test_the_key_of_the_environment_wins_and_goes_anywhere(tmp_path: Path) -> None:
    """It is the person's own word for this command."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "TIDELOG_API_KEY": "tide_env"}
    store("http://one", "tide_file", environ)
    assert "tide_env" == find_key(parse_address("http://two"), environ, Disk())
    del environ["TIDELOG_API_KEY"]
    assert "tide_file" == find_key(parse_address("http://one"), environ, Disk())
    with pytest.raises(CannotStartError, match="stored for http://one, not for http://two"):
        find_key(parse_address("http://two"), environ, Disk())


def test_a_settings_file_of_a_folder_cannot_send_the_key_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that somebody sent may name a hub, and gets no key."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    store("http://mine", "tide_file", environ)
    monkeypatch.chdir(tmp_path)
    Path(".tidelog.toml").write_text('hub = "http://theirs"\n')
    address = find_address(None, environ, Disk())
    assert "http://theirs" == address.url
    with pytest.raises(CannotStartError, match="not for http://theirs"):
        find_key(address, environ, Disk())
    environ["TIDELOG_API_KEY"] = "tide_env"
    with pytest.raises(CannotStartError, match=r"TIDELOG_API_KEY sent there: say `--to http://theirs`"):
        find_key(address, environ, Disk())
    assert "tide_env" == find_key(find_address("http://theirs", environ, Disk()), environ, Disk())
    Path(".tidelog.toml").write_text('hub = "http://mine"\n')
    assert "tide_env" == find_key(find_address(None, environ, Disk()), environ, Disk())


def test_without_hub_or_key_the_next_command_is_named(tmp_path: Path) -> None:
    """One sentence."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    with pytest.raises(CannotStartError, match="syncd login --hub URL"):
        find_address(None, environ, Disk())
    with pytest.raises(CannotStartError, match="syncd login --hub http://hub"):
        find_key(parse_address("http://hub"), environ, Disk())


def test_what_is_stored_replaces_the_old_key_and_keeps_the_rest(tmp_path: Path) -> None:
    """Comments and other settings stay; only this account can read it."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    path = store("http://one", "tide_1", environ)
    path.write_text(path.read_text() + '# mine\nproject = "mnist"\n')
    store("http://two", "tide_2", environ)
    expected = 'hub = "http://two"\napi_key = "tide_2"\n# mine\nproject = "mnist"\n'
    assert expected == path.read_text()
    assert 0o600 == os.stat(path).st_mode & 0o777
