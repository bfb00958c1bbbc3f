import numpy as np
import pytest

from tidelog.sdk.row_values import STEP_MAX, clean_row, clean_step
from tidelog.sdk.values import Unrecordable


def test_nested_maps_are_flattened_with_dots() -> None:
    """A map in a row becomes one value per leaf."""
    row, faults = clean_row({"a": {"b": {"c": 1}, "d": np.float32(2)}, "e": 3})
    assert ({"a.b.c": 1, "a.d": 2.0, "e": 3}, []) == (row, faults)


def test_a_key_that_comes_twice_is_told() -> None:
    """A nested key and one with a dot may be the same: the later value counts."""
    row, faults = clean_row({"a": {"b": 1}, "a.b": 2, "c": {"d": 3}})
    assert {"a.b": 2, "c.d": 3} == row
    (fault,) = faults
    assert "'a.b' twice" in fault.text


def test_a_map_that_holds_itself_ends() -> None:
    """Depth is bounded, so a cycle is a fault of that value and no endless loop."""
    cycle: dict[str, object] = {"x": 1}
    cycle["again"] = cycle
    deep: list[object] = []
    deep.append(deep)
    row, faults = clean_row({"cycle": cycle, "deep": deep, "fine": 1})
    assert 1 == row["fine"]
    assert {"depth"} == {fault.kind for fault in faults}


def test_a_key_that_is_no_string_is_left_out() -> None:
    """The sentence says what to write instead."""
    row, faults = clean_row({3: 1, ("a",): 2, "b": 3})
    assert {"b": 3} == row
    assert ["key", "key"] == [fault.kind for fault in faults]
    assert "write '3' instead" in faults[0].text


@pytest.mark.parametrize(
    ("expected", "step"),
    [(5, 5), (5, np.int64(5)), (5, np.array(5)), (5, 5.0), (5, np.float32(5)), (-2, -2)],
)
def test_a_step_is_an_int_of_any_library(expected: int, step: object) -> None:
    """Whole floats count as ints."""
    assert expected == clean_step(step)
    assert int is type(clean_step(step))


@pytest.mark.parametrize("step", [1.5, "7", None, [1], float("nan"), STEP_MAX, object()])
def test_a_step_that_is_no_int_is_named(step: object) -> None:
    """The sentence has the value and the remedy."""
    with pytest.raises(Unrecordable, match=r"step=.*int\("):
        clean_step(step)
