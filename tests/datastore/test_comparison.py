"""Comparisons by which runs are chosen, and the order in which they are sorted."""

import math
from typing import Any

import pytest

from tidelog.datastore.comparison import Comparison, sort_key
from tidelog.datastore.errors import ComparisonError

FIELDS: dict[str, Any] = {
    "name": "resnet-50",
    "state": "finished",
    "exit_code": None,
    "config": {"lr": 0.001, "model": {"depth": 50}, "opt.beta": 0.9, "amp": True, "seed": "7"},
    "summary": {"acc": 0.91, "loss": math.nan},
    "metadata": {"tags": ["baseline", "v2"]},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("config.lr < 1e-2", True),
        ("config.lr<0.001", False),
        ("config.lr <= 0.001", True),
        ("summary.acc >= 0.91", True),
        ("summary.acc > 0.91", False),
        ("summary.acc != 0.5", True),
        ("config.model.depth = 50", True),
        ("config.model.depth == 50", True),
        ("config.opt.beta = 0.9", True),
        ("config.amp = true", True),
        ("config.seed = 7", False),
        ('config.seed = "7"', True),
        ("state = finished", True),
        ("exit_code = null", True),
        ("name ~ resnet*", True),
        ("name ~ vgg*", False),
        ("config.model.depth ~ 5*", True),
        ("metadata.tags = baseline", True),
        ("metadata.tags = v3", False),
        ("metadata.tags != v2", False),
        ("metadata.tags != v3", True),
        ("metadata.tags ~ base*", True),
        ("name < 5", False),
        ("name > 5", False),
        ("summary.loss < 1", False),
        ("summary.nothing != 1", False),
        ("nothing = null", False),
        ("config.lr.deeper = 1", False),
        ("name = ", False),
    ],
)
def test_a_comparison_holds_or_not(text: str, expected: bool) -> None:
    """A run that lacks the field is never chosen; what cannot be compared is neither less nor more."""
    assert expected == Comparison.parse(text).holds(FIELDS)


@pytest.mark.parametrize("text", ["", "config.lr", "< 5", "=", "  ", "summary.loss <", "a >= "])
def test_a_text_that_is_no_comparison_is_refused(text: str) -> None:
    """The error shows it, and one that is right."""
    with pytest.raises(ComparisonError, match=r"is no comparison.*summary\.loss < 0\.1"):
        Comparison.parse(text)


def test_numbers_come_before_texts_and_texts_before_the_rest() -> None:
    """Whatever a field holds in different runs, there is an order."""
    values = [3, "b", 0.5, [1], "a", True, None, math.nan]
    keys = [sort_key({"x": value}, "x") for value in values]
    assert [(1, "a"), (1, "b"), (2, "[1]")] == sorted(k for k in keys if k is not None)[3:]
    assert [0.5, True, 3] == [k[1] for k in sorted(k for k in keys if k is not None)[:3]]
    assert [None, None, None] == [*keys[6:], sort_key({}, "x")]
