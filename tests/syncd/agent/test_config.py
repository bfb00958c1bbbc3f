"""What a person wants of the agent, from flags and the settings file."""

from pathlib import Path

import pytest

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.config import Config, Wishes, read_config
from tidelog.syncd.agent.plan.file_filter import FileFilter
from tidelog.syncd.agent.plan.quiet_hours import parse_quiet_hours
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.errors import CannotStartError


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tidelog").mkdir()
    return {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}


def write(environ: dict[str, str], text: str) -> Path:
    path = Path(environ["XDG_CONFIG_HOME"], "tidelog", "config.toml")
    path.write_text(text)
    return path


def test_who_says_nothing_gets_the_defaults(environ: dict[str, str]) -> None:
    assert Config(settings=AgentSettings()) == read_config(Wishes(), environ, Disk())


def test_a_flag_wins_over_the_file_and_the_rest_of_the_file_holds(environ: dict[str, str]) -> None:
    write(
        environ,
        """hub = "https://hub.lab"
        [sync]
        targets = ["https://hub.lab", "file:///mnt/copy"]
        roots = ["/scratch/*/tidelog"]
        limit_rate = "2M"
        concurrency = 5
        quiet_hours = ["mon-fri 08:00-18:00"]
        only = ["media/**"]
        media = false
        retry_max = 30
        """,
    )
    config = read_config(Wishes(limit_rate="500k", media=True), environ, Disk())
    assert ("https://hub.lab", "file:///mnt/copy") == config.targets
    assert ("/scratch/*/tidelog",) == config.roots
    assert 500_000 == config.limit_rate_bytes
    assert (parse_quiet_hours("mon-fri 08:00-18:00"),) == config.quiet_hours
    assert FileFilter(("media/**",), has_media=True) == config.files
    assert (5, 30.0) == (config.settings.tasks_max, config.settings.backoff_max_s)


def test_a_slow_line_takes_small_pieces(environ: dict[str, str]) -> None:
    """Else a piece of 8 MiB would keep a live row waiting for minutes."""
    settings = read_config(Wishes(limit_rate="100k"), environ, Disk()).settings
    assert [100_000] * 3 == [settings.append_bytes, settings.piece_bytes, settings.batch_bytes]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sync]\nspeed = 3", "unknown field `speed`; it may set targets, roots, limit_rate"),
        ('[sync]\nonly = "media/**"', r"Expected `array \| null`, got `str` - at `\$.only`"),
        ('[sync]\nonly = ["media/**", ""]', "only: '' matches no file"),
        ('[sync]\nroots = ["/runs", ""]', "roots: '' is no folder"),
        ('[sync]\nlimit_rate = "fast"', "limit_rate: 'fast' is no amount of bytes; write it like 500K"),
        ('[sync]\nlimit_rate = "0"', "a rate of 0 bytes a second sends nothing: `syncd pause`"),
        ('[sync]\nlimit_rate = "1"', "'1' is 1 byte a second, .* it can be 1KB and more; 1M is a"),
        ('[sync]\nlimit_rate = "999"', "'999' is 999 bytes a second, .* 1M is a million"),
        ("[sync]\nconcurrency = 0", "0 uploads at a time: it can be 1 to 64"),
        ('[sync]\nquiet_hours = ["night"]', "quiet_hours: 'night' are no hours; write them like"),
        ('[sync]\nquiet_hours = ["00:00-24:00"]', "00:00-24:00 leave no minute of the week"),
        ('[sync]\nquiet_hours = ["00:00-13:00", "12:00-24:00"]', "12:00-24:00 leave no minute"),
        ("[sync]\nretry_max = -1", "a longest wait of -1 s: it must be more than 0"),
        ("[sync]\nretry_max = inf", "a longest wait of inf s: it must be more than 0"),
        ("sync = 3", "Expected `object`, got `int`"),
        ("[sync", "cannot be read as TOML"),
    ],
)
def test_what_is_wrong_is_named(environ: dict[str, str], text: str, message: str) -> None:
    """The message has the setting, its value and what it may be."""
    write(environ, text)
    with pytest.raises(CannotStartError, match=message):
        read_config(Wishes(), environ, Disk())
