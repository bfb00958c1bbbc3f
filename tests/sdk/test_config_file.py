from pathlib import Path
from typing import Any

import pytest

from tidelog.datastore.disk import Disk
from tidelog.sdk import config_file
from tidelog.sdk.config_file import ConfigFileError, read_config_file


@pytest.mark.parametrize(
    ("expected", "name", "text"),
    [
        ({"lr": 0.1, "m": {"n": 1}}, "c.json", '{"lr": 0.1, "m": {"n": 1}}'),
        ({"lr": 0.1, "m": {"n": 1}}, "c.toml", "lr = 0.1\n[m]\nn = 1\n"),
        ({"lr": 0.1, "m": {"n": 1}}, "c.yaml", "lr: 0.1\nm: {n: 1}\n"),
        ({"lr": 0.1}, "C.YML", "lr: 0.1\n"),
        ({"lr": 0.1, "m": {"value": 2, "x": 1}}, "w.yaml",
         "lr: {desc: rate, value: 0.1}\nm: {value: 2, x: 1}\n"),
    ],
)  # fmt: skip
def test_a_config_may_be_a_file(expected: dict[str, Any], name: str, text: str, tmp_path: Path) -> None:
    """JSON, TOML and YAML; wandb's `{desc, value}` gives the value."""
    (tmp_path / name).write_text(text)
    assert expected == read_config_file(tmp_path / name, disk=Disk())
    assert expected == read_config_file(str(tmp_path / name), disk=Disk())


@pytest.mark.parametrize("source", [None, {"a": 1}, 7])
def test_what_is_no_path_is_no_file(source: object) -> None:
    """None leaves it to others."""
    assert read_config_file(source, disk=Disk()) is None


@pytest.mark.parametrize(
    ("words", "name", "text"),
    [
        ("No such file", "missing.json", None),
        ("ends in .json, .toml, .yaml or .yml", "c.ini", "a=1"),
        ("holds no map", "c.json", "[1]"),
        ("cannot be read as a config", "c.json", "{"),
        ("cannot be read as a config", "c.toml", "= 1"),
        ("cannot be read as a config", "c.yaml", "a: [1"),
        ("cannot be read as a config", "c.yaml", "!!python/object/apply:os.getcwd []"),
        ("limit for a config is", "c.json", " " * (config_file.BYTES_MAX + 1)),
    ],
)
def test_a_file_that_is_no_config_says_why(
    words: str, name: str, text: str | None, tmp_path: Path
) -> None:
    """The sentence names the file; nothing in a file is ever run."""
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigFileError, match=words) as caught:
        read_config_file(tmp_path / name, disk=Disk())
    assert name in str(caught.value)
