import dataclasses
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from tidelog.sdk.config_mapping import Config
from tidelog.sdk.forward import Forward
from tidelog.sdk.notices import Notices
from tidelog.sdk.recorded_mapping import RecordedMapping
from tidelog.sdk.summary_mapping import Summary


@dataclasses.dataclass
class Settings:
    lr: float = 0.1
    sizes: tuple[int, ...] = (1, 2)


@pytest.fixture
def recorded() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def config(recorded: list[dict[str, Any]]) -> RecordedMapping:
    return Config(record=recorded.append, notices=Notices())


def test_every_change_is_recorded_at_once(
    config: RecordedMapping, recorded: list[dict[str, Any]]
) -> None:
    """By key, by attribute, from a mapping or by name: each is one record of what changed."""
    config["lr"] = 0.1
    config.seed = np.int64(7)
    config.update({"a": {"b": 1}}, c=2)
    config.setdefaults({"lr": 5, "d": None})
    assert [{"lr": 0.1}, {"seed": 7}, {"a": {"b": 1}, "c": 2}, {"d": None}] == recorded
    assert {"lr": 0.1, "seed": 7, "a": {"b": 1}, "c": 2, "d": None} == config.as_dict()


class Missing(Mapping[str, Any]):
    """A config with a value that is still to be given, as OmegaConf's `???`."""

    def __getitem__(self, key: str) -> Any:
        if key == "lr":
            raise ValueError("Missing mandatory value: lr")
        return 1

    def __iter__(self) -> Iterator[str]:
        return iter(["epochs", "lr"])

    def __len__(self) -> int:
        return 2


def test_a_config_that_raises_when_it_is_read_is_told(
    config: RecordedMapping, recorded: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Training goes on; of a nested one the rest of the config is recorded."""
    config.update(Missing(), seed=7)
    config.setdefaults(Missing())
    config["model"] = {"encoder": Missing(), "layers": 2}
    assert {"seed": 7} == recorded[0]
    assert 2 == config.model["layers"]
    told = capsys.readouterr().err.splitlines()
    assert 2 == len(told)
    assert "Missing mandatory value: lr" in told[0]
    assert "'model.encoder' is kept as text" in told[1]


def test_it_reads_like_a_mapping_and_by_attribute(config: RecordedMapping) -> None:
    """dict(), **, in, len, iteration and get work; a missing attribute is an AttributeError."""
    config.update(a=1, b=2)
    assert (1, 2, 5) == (config.a, config["b"], config.get("c", 5))
    assert {"a": 1, "b": 2} == dict(config) == {**config} == config
    assert (2, True, ["a", "b"]) == (len(config), "a" in config, list(config))
    assert "config({'a': 1, 'b': 2})" == repr(config)
    assert not hasattr(config, "c")
    with pytest.raises(KeyError):
        config["c"]


def test_what_is_no_map_is_said_once_and_left_out(
    config: RecordedMapping, recorded: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence says what to give instead."""
    config.update(7)
    config.update("x.yaml")
    assert ([], {}) == (recorded, config.as_dict())
    (line,) = capsys.readouterr().err.splitlines()
    assert "config cannot be taken from 7; give a dict" in line


def test_an_object_is_kept_as_text_and_told_once(
    config: RecordedMapping, capsys: pytest.CaptureFixture[str]
) -> None:
    """A config is never lost for one odd value in it."""
    config.update({"optimizer": Settings, "data": b"123", "loss": len})
    assert {"optimizer": "Settings", "data": "b'123'", "loss": "len"} == config.as_dict()
    assert 2 == len(capsys.readouterr().err.splitlines())


def test_a_summary_set_by_hand_wins() -> None:
    """What rows say is there as long as nobody sets it."""
    computed = {"loss": 0.5, "acc": 0.1}
    summary = Summary(computed=lambda: computed, record=lambda _: None, notices=Notices())
    summary["acc"] = 0.9
    computed["loss"] = 0.4
    assert {"loss": 0.4, "acc": 0.9} == dict(summary)
    assert 0.4 == summary.loss


def test_a_forward_stands_for_whatever_is_found() -> None:
    """`sdk.config` means another run's config after the next init."""
    first = Config(record=lambda _: None, notices=Notices())
    second = Config(record=lambda _: None, notices=Notices())
    found = [first]
    forward = Forward(lambda: found[-1])
    forward.lr = 1
    found.append(second)
    forward["lr"] = 2
    forward.update(x=3)
    assert ({"lr": 1}, {"lr": 2, "x": 3}) == (dict(first), {**forward})
    assert (2, True, 2) == (forward.lr, "lr" in forward, len(forward))
    assert forward == second


class Angry(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("no")

    def __iter__(self) -> Iterator[str]:
        return iter(["x"])

    def __len__(self) -> int:
        return 1


def test_nothing_that_is_set_raises(
    config: RecordedMapping, recorded: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """A mapping that raises is told; dataclasses that cannot be copied are read field by field."""
    config["a"] = Angry()
    config["b"] = {"nested": Settings(lr=threading.Lock())}  # type: ignore[arg-type]
    assert 2 == len(capsys.readouterr().err.splitlines())
    assert [{"nested": {"lr": config["b"]["nested"]["lr"], "sizes": [1, 2]}}] == [
        values["b"] for values in recorded if "b" in values
    ]
