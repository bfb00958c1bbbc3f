import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tidelog.sdk.config_mapping import Config
from tidelog.sdk.notices import Notices


@pytest.fixture
def recorded() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def config(recorded: list[dict[str, Any]]) -> Config:
    return Config(
        record=recorded.append, notices=Notices(), held={"model": {"lr": 0.1, "opt": {"b": 1}}}
    )


def test_a_nested_map_is_read_by_key_and_by_attribute(config: Config) -> None:
    """It is a dict, also to json and to isinstance, and equal to a plain one."""
    assert (0.1, 0.1, 1) == (config["model"]["lr"], config.model.lr, config.model.opt.b)
    assert isinstance(config.model, dict)
    assert {"lr": 0.1, "opt": {"b": 1}} == config.model == json.loads(json.dumps(config.model))
    assert {"lr": 0.1, "opt": {"b": 1}} == {**config.model}
    with pytest.raises(AttributeError, match="nothing"):
        _ = config.model.nothing


@pytest.mark.parametrize(
    ("expected", "change"),
    [
        ({"lr": 2, "opt": {"b": 1}}, lambda model: model.__setitem__("lr", 2)),
        ({"lr": 2, "opt": {"b": 1}}, lambda model: setattr(model, "lr", 2)),
        ({"lr": 0.1, "opt": {"b": 1}, "n": 3}, lambda model: model.update(n=np.int64(3))),
        ({"lr": 0.1, "opt": {"b": 1}, "n": 3}, lambda model: model.update({"n": 3})),
        ({"lr": 0.1, "opt": {"b": 1}, "n": 3}, lambda model: model.__ior__({"n": 3})),
        ({"lr": 0.1, "opt": {"b": 1}, "n": 3}, lambda model: model.setdefault("n", 3)),
        ({"lr": 0.1, "opt": {"b": 5}}, lambda model: model.opt.update(b=5)),
        ({"lr": 0.1, "opt": {"b": 1, "c": {"d": 6}}}, lambda model: model["opt"].update(c={"d": 6})),
        ({"opt": {"b": 1}}, lambda model: model.pop("lr")),
        ({"opt": {"b": 1}}, lambda model: model.__delitem__("lr")),
        ({"lr": 0.1}, lambda model: model.popitem()),
        ({}, lambda model: model.clear()),
    ],
)
def test_a_change_within_a_nested_map_is_recorded(
    config: Config, recorded: list[dict[str, Any]], expected: dict[str, Any], change: Any
) -> None:
    """The whole of the top key is recorded again: later values win when it is read."""
    change(config.model)
    assert {"model": expected} == recorded[-1]
    assert {"model": expected} == config.as_dict()
    assert dict is type(recorded[-1]["model"])


def test_what_was_set_later_is_a_section_too(config: Config, recorded: list[dict[str, Any]]) -> None:
    """Also deeper down, and what a reference taken earlier changes is not lost."""
    config.data = {"train": {"n": 1}}
    train = config.data.train
    config.data.seed = 7
    train.n = 2
    assert {"data": {"train": {"n": 2}, "seed": 7}} == recorded[-1]


def test_a_copy_is_a_plain_dict_of_nobodys(config: Config, recorded: list[dict[str, Any]]) -> None:
    """Copies and pickles, as a worker process gets them, record nothing."""
    for made in (copy.deepcopy(config.model), pickle.loads(pickle.dumps(config.model))):
        assert dict is type(made) is type(made["opt"])
        made["lr"] = 9
    assert 0.1 == config.model.lr
    assert [] == recorded


def test_a_changed_value_is_recorded_and_told_once_unless_it_is_meant(
    config: Config, recorded: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """wandb raises there; we keep the new value, and training goes on."""
    config.update({"lr": 1, "sizes": (1, 2), "array": np.zeros(2)})
    config.update({"lr": 1, "sizes": (1, 2), "array": np.zeros(2)})
    config.update({"lr": 2}, allow_val_change=True)
    assert "" == capsys.readouterr().err
    config.lr = 3
    config["lr"] = 4
    (line,) = capsys.readouterr().err.splitlines()
    assert "config 'lr' was 2 and is now 3" in line
    assert "allow_val_change=True" in line
    assert {"lr": 4} == recorded[-1]


@pytest.mark.parametrize(
    ("expected", "model"),
    [
        ("'model.opt.b' was 1 and is now 5", {"lr": 0.1, "opt": {"b": 5}}),
        ("'model.lr' was 0.1 and is now not there", {"opt": {"b": 1}}),
        ("'model.depth' was not there and is now 3", {"lr": 0.1, "opt": {"b": 1}, "depth": 3}),
        ("'model' was a map and is now 'resnet'", "resnet"),
    ],
)
def test_a_change_within_a_map_is_told_by_its_key(
    expected: str, model: object, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """A map of a hundred values is no answer to what has changed."""
    config.update({"model": model})
    assert f"config {expected}, which is recorded" in capsys.readouterr().err


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_of_a_config_is_a_config_of_nobody(
    copied: Callable[[Config], Config],
    config: Config,
    recorded: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As a checkpoint or a worker process gets it: with attributes, and its changes are not recorded."""
    made = copied(config)
    made.lr = 1
    made.model.lr = 9
    made["model"] = {"lr": 7}
    assert (1, 7, {"b": 1}) == (made.lr, made.model.lr, copied(config).model.opt)
    assert (0.1, [], "") == (config.model.lr, recorded, capsys.readouterr().err)
    assert "lr" not in config


def test_changes_may_be_allowed_for_good(capsys: pytest.CaptureFixture[str]) -> None:
    """`init(allow_val_change=True)` says so for the run."""
    config = Config(record=lambda _: None, notices=Notices(), held={"lr": 1}, allow_val_change=True)
    config.lr = 2
    assert (2, "") == (config.lr, capsys.readouterr().err)
