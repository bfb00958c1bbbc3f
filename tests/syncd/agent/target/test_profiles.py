"""Several logins on one machine, each in a file of its own, its key there or in the keyring."""

import os
from pathlib import Path

import pytest

from tidelog.datastore.disk import Disk
from tidelog.datastore.settings import SettingsError, read_settings
from tidelog.syncd.agent.doctor.finding import Level
from tidelog.syncd.agent.doctor.settings import look_at_settings
from tidelog.syncd.agent.target.credentials import find_address, find_key, parse_address
from tidelog.syncd.agent.target.profiles import (
    all_profiles,
    forget_profile,
    known_profile,
    read_profile,
    store_profile,
)
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.install.account import Account
from tidelog.syncd.install.planning import missing_keys, plan_agent

HUB = "http://hub"


def login(name: str, hub: str, environ: dict[str, str], *, in_keyring: bool = False) -> None:
    store_profile(name, hub, f"tide_{name}", environ, Disk(), in_keyring=in_keyring)


def key_for(hub: str, environ: dict[str, str]) -> str:
    return find_key(parse_address(hub), environ, Disk())


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}


def test_tidelog_profile_says_which_login_is_used(environ: dict[str, str]) -> None:
    """Its hub and its key; without it the login that has no name."""
    login("", "http://one", environ)
    login("ci", "http://two", environ)
    assert ("http://one", "tide_") == (
        find_address(None, environ, Disk()).url,
        key_for("http://one", environ),
    )
    environ["TIDELOG_PROFILE"] = "ci"
    assert "http://two" == find_address(None, environ, Disk()).url
    assert "tide_ci" == key_for("http://two", environ)
    with pytest.raises(CannotStartError, match="was stored for http://two, not for http://one"):
        key_for("http://one", environ)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'"hub" = "http://old"\n', "would be no TOML any more: Cannot overwrite a value"),
        (b'project = "caf\xe9"\n', "is no settings file: 'utf-8' codec can't decode"),
    ],
)
def test_a_login_breaks_no_settings_file(environ: dict[str, str], text: bytes, words: str) -> None:
    """It stays as it was, and the person is told to mend it."""
    path = Path(environ["XDG_CONFIG_HOME"], "tidelog", "config.toml")
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    with pytest.raises(CannotStartError, match=words):
        login("", HUB, environ)
    assert text == path.read_bytes()


def test_a_login_that_cannot_be_kept_says_where_else(environ: dict[str, str]) -> None:
    """In the folder's name, not in that of a file which came and went."""
    environ["XDG_CONFIG_HOME"] = "/dev/null"
    with pytest.raises(CannotStartError, match=r"in /dev/null/tidelog/config.toml: .*XDG_CONFIG_HOME"):
        login("", HUB, environ)


def test_two_accounts_of_one_hub_are_never_mixed_up(environ: dict[str, str]) -> None:
    """The one without a name is meant where none is named; of several with names one must be."""
    login("ada", HUB, environ)
    assert "tide_ada" == key_for(HUB, environ)
    login("ci", HUB, environ)
    with pytest.raises(
        CannotStartError, match=r"several profiles have a key for http://hub \(ada, ci\)"
    ):
        key_for(HUB, environ)
    login("", HUB, environ)
    assert "tide_" == key_for(HUB, environ)
    assert "tide_ci" == key_for(HUB, {**environ, "TIDELOG_PROFILE": "ci"})
    forget_profile(known_profile("ci", environ, Disk()), Disk())
    with pytest.raises(SettingsError, match="TIDELOG_PROFILE is 'ci', and there is no"):
        key_for(HUB, {**environ, "TIDELOG_PROFILE": "ci"})


def test_a_daemon_with_several_hubs_finds_the_key_of_each(environ: dict[str, str]) -> None:
    """Each goes to the hub that it was stored for, and to no other."""
    login("", "http://one", environ)
    login("b", "http://two", environ)
    assert ["tide_", "tide_b"] == [key_for(hub, environ) for hub in ("http://one", "http://two")]
    with pytest.raises(CannotStartError, match="stored for http://one, not for http://three"):
        key_for("http://three", environ)


def test_a_key_of_the_environment_wins(environ: dict[str, str]) -> None:
    """Over that of a profile, too."""
    login("ci", HUB, environ)
    assert "tide_env" == key_for(
        HUB, {**environ, "TIDELOG_PROFILE": "ci", "TIDELOG_API_KEY": "tide_env"}
    )


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", ""])
def test_a_name_that_is_none_names_no_file(environ: dict[str, str], name: str) -> None:
    """It is a fault of the settings; the empty one is no profile."""
    faults: list[SettingsError] = []
    read_settings({**environ, "TIDELOG_PROFILE": name}, disk=Disk(), on_fault=faults.append)
    assert bool(name) == bool(faults)


def test_each_login_is_a_file_of_its_owner_alone(environ: dict[str, str], tmp_path: Path) -> None:
    """Settings beside it stay, also when it is forgotten; an empty file goes."""
    for name in ("", "ci"):
        login(name, HUB, environ)
    files = [tmp_path / "tidelog/config.toml", tmp_path / "tidelog/profiles/ci.toml"]
    assert [0o600, 0o600] == [path.stat().st_mode & 0o777 for path in files]
    assert 0o700 == files[1].parent.stat().st_mode & 0o777
    files[0].write_text(files[0].read_text() + 'project = "mnist"\n')
    assert ["", "ci"] == [profile.name for profile in all_profiles(environ, Disk())]
    for profile in list(all_profiles(environ, Disk())):
        forget_profile(profile, Disk())
    assert 'project = "mnist"\n' == files[0].read_text()
    assert not files[1].exists()
    assert [] == list(all_profiles(environ, Disk()))
    with pytest.raises(CannotStartError, match="there is no stored profile 'ci'"):
        known_profile("ci", environ, Disk())


def test_the_doctor_finds_a_profile_that_others_can_read(environ: dict[str, str]) -> None:
    """As it does for the settings file."""
    login("ci", HUB, environ)
    path = Path(environ["XDG_CONFIG_HOME"], "tidelog/profiles/ci.toml")

    def found() -> list[str]:
        return [f.text for f in look_at_settings(environ, Disk()) if f.level is Level.PROBLEM]

    assert [] == found()
    path.chmod(0o644)
    assert [f"{path} may hold a key and is open to others (mode 0644)"] == found()


def test_a_service_is_of_the_profile_that_installed_it(environ: dict[str, str], tmp_path: Path) -> None:
    """It finds the key as the shell does; the key itself is not in the unit."""
    login("ci", HUB, environ)
    environ["TIDELOG_PROFILE"] = "ci"
    owner = Account("ada", os.getuid(), os.getgid(), tmp_path, environ)
    planned = plan_agent((str(tmp_path),), (), owner, Disk(), is_user=True)
    assert "ci" == dict(planned.environment)["TIDELOG_PROFILE"]
    assert HUB in planned.command
    assert [] == list(missing_keys(planned, owner, Disk()))
    assert "tide_ci" not in repr(planned)


# -- the keyring ---------------------------------------------------------------------------------


@pytest.fixture
def keyring(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A real backend of the package keyring, which keeps a file of its own."""
    import keyring
    from keyrings.alt.file import PlaintextKeyring

    monkeypatch.setenv("XDG_DATA_HOME", environ["XDG_CONFIG_HOME"])
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    backend = PlaintextKeyring()
    backend.file_path = os.path.join(environ["XDG_CONFIG_HOME"], "keyring.cfg")
    keyring.set_keyring(backend)


@pytest.mark.usefixtures("keyring")
def test_a_key_in_the_keyring_is_in_no_file_of_ours(environ: dict[str, str], tmp_path: Path) -> None:
    """It is found, and forgotten; two accounts of one hub have an entry each."""
    login("", HUB, environ, in_keyring=True)
    login("ci", HUB, environ, in_keyring=True)
    text = (tmp_path / "tidelog/config.toml").read_text()
    assert 'hub = "http://hub"\nkey_store = "keyring"\n' == text
    assert "tide_" == key_for(HUB, environ)
    assert "tide_ci" == key_for(HUB, {**environ, "TIDELOG_PROFILE": "ci"})
    profile = read_profile("ci", environ, Disk())
    assert profile is not None
    forget_profile(profile, Disk())
    assert profile.key() is None
    login("", HUB, environ)
    assert 'hub = "http://hub"\napi_key = "tide_"\n' == (tmp_path / "tidelog/config.toml").read_text()


def test_a_machine_without_a_keyring_says_what_to_do(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is stored; a key that was there before is told to be out of reach."""
    import keyring
    import keyring.backends.fail

    monkeypatch.setattr("keyring.core._keyring_backend", None)
    keyring.set_keyring(keyring.backends.fail.Keyring())
    with pytest.raises(
        CannotStartError, match=r"the system's keyring does not work here \(.+\): unlock it"
    ):
        login("", HUB, environ, in_keyring=True)
    assert [] == list(all_profiles(environ, Disk()))
    path = Path(environ["XDG_CONFIG_HOME"], "tidelog/config.toml")
    path.parent.mkdir()
    path.write_text('hub = "http://hub"\nkey_store = "keyring"\n')
    with pytest.raises(CannotStartError, match="keyring does not work here"):
        key_for(HUB, environ)
