"""A config from a file: JSON, TOML or YAML, by the end of its name."""

import os
from typing import Any

from tidelog.datastore.disk import Disk

BYTES_MAX = 4 * 1024 * 1024


class ConfigFileError(Exception):
    """A config file cannot be read; the text says why and what to do."""


def read_config_file(source: object, *, disk: Disk) -> dict[Any, Any] | None:
    """Return what the file at a path says, None where `source` is no path.

    wandb's own files, in which each key leads to `{desc, value}`, give the values. Raises
    ConfigFileError for a file that is not there or holds no map.
    """
    if not isinstance(source, (str, os.PathLike)):
        return None
    path = os.fspath(source)
    try:
        size = disk.stat(path).st_size
        if size > BYTES_MAX:
            raise ConfigFileError(f"{path} has {size} bytes; the limit for a config is {BYTES_MAX}")
        values = _parse(path, disk.read(path).decode())
    except (OSError, ValueError) as error:
        raise ConfigFileError(f"{path} cannot be read as a config: {error}") from error
    if not isinstance(values, dict):
        raise ConfigFileError(f"{path} holds no map of names to values")
    return {key: value["value"] if _is_described(value) else value for key, value in values.items()}


def _parse(path: str, text: str) -> Any:
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".json":
        import json

        return json.loads(text)
    if suffix == ".toml":
        import tomllib

        return tomllib.loads(text)
    if suffix in (".yaml", ".yml"):
        return _parse_yaml(text)
    raise ValueError("the name of a config file ends in .json, .toml, .yaml or .yml")


def _parse_yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise ValueError("YAML needs a package: pip install pyyaml") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _is_described(value: object) -> bool:
    return isinstance(value, dict) and "value" in value and set(value) <= {"desc", "value"}
