import argparse
import dataclasses
import types
from typing import Any

import pytest
from omegaconf import OmegaConf

from tidelog.sdk.as_map import as_map


@dataclasses.dataclass
class Settings:
    lr: float = 0.1
    sizes: tuple[int, ...] = (1, 2)


class Attrs:
    """What attrs makes of a class, as far as anybody looks."""

    __attrs_attrs__ = (types.SimpleNamespace(name="lr"),)

    def __init__(self) -> None:
        self.lr = 3
        self.other = 4


class Flags:
    """absl's flags, as far as anybody looks."""

    def flag_values_dict(self) -> dict[str, int]:
        return {"lr": 5}


class Frame:
    """A table, whose `to_dict` is no config."""

    shape = (1, 1)

    def to_dict(self) -> dict[str, int]:
        raise AssertionError("a table is no config")


@pytest.mark.parametrize(
    ("expected", "source"),
    [
        ({"lr": 1}, {"lr": 1}),
        ({"lr": 1}, argparse.Namespace(lr=1)),
        ({"lr": 1}, types.SimpleNamespace(lr=1)),
        ({"lr": 0.1, "sizes": (1, 2)}, Settings()),
        ({"lr": 3}, Attrs()),
        ({"lr": 5}, Flags()),
        ({}, None),
        (None, 7),
        (None, Settings),
        (None, Frame()),
        (None, "config.yaml"),
    ],
)
def test_a_config_comes_from_what_people_have(expected: object, source: object) -> None:
    """Mappings, argparse's Namespace, dataclasses and the like; None where it is none of these."""
    assert expected == as_map(source)


@pytest.mark.parametrize(
    ("expected", "values"),
    [
        ({"a": 1, "b": {"c": 1}}, {"a": 1, "b": {"c": "${a}"}}),
        ({"a": "${nowhere}"}, {"a": "${nowhere}"}),
        ({"lr": "???", "n": 1}, {"lr": "???", "n": 1}),
    ],
)
def test_an_omegaconf_is_resolved_where_it_can_be(expected: object, values: dict[str, Any]) -> None:
    """Interpolations are followed; one that leads nowhere, or a value yet to be given, stays text."""
    assert expected == as_map(OmegaConf.create(values))
