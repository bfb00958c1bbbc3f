from typing import Any

import pytest

from tidelog.sdk.metrics import metric_definition


@pytest.mark.parametrize(
    ("expected", "told", "arguments"),
    [
        ({}, 0, {}),
        ({"step_metric": "epoch", "summary": "min"}, 0, {"step_metric": "epoch", "summary": "min"}),
        ({"summary": "last"}, 0, {"summary": "copy"}),
        ({"summary": "max"}, 1, {"summary": "max,min"}),
        ({"summary": "last"}, 1, {"summary": "wat"}),
        ({"summary": "best", "goal": "maximize"}, 0, {"summary": "best", "goal": "max"}),
        ({}, 1, {"goal": "sideways"}),
        ({"hidden": True}, 1, {"hidden": True, "unknown": {"overwrite": True, "wat": 1}}),
        (None, 1, {"name": 7}),
    ],
)
def test_a_definition_has_what_can_be_followed_and_names_the_rest(
    expected: dict[str, str] | None, told: int, arguments: dict[str, Any]
) -> None:
    """wandb's words are understood; those that change its page alone are passed over."""
    known = {
        "name": "loss", "step_metric": None, "summary": None, "goal": None, "hidden": None,
        "unknown": {}, **arguments
    }  # fmt: skip
    definition, faults = metric_definition(known.pop("name"), **known)
    assert (expected, told) == (definition, len(faults))
