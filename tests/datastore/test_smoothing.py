"""Smoothing is TensorBoard's, number for number."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.datastore import Series
from tidelog.datastore.smoothing import smoothed_values

CURVE = [1.0, 0.5, 0.0]


def test_tensorboards_own_example() -> None:
    """The values of TensorBoard's data_transformer_test.ts, at weight 0.6."""
    assert [1.0, 0.6875, pytest.approx(0.264 / 0.784)] == smoothed_values(CURVE, 0.6)
    assert [0.0, 0.3125, pytest.approx(0.52 / 0.784)] == smoothed_values(CURVE[::-1], 0.6)
    assert [] == smoothed_values([], 0.6)


def test_weight_0_changes_nothing() -> None:
    """Also for ints, which become floats."""
    assert CURVE == smoothed_values(CURVE, 0)
    assert [3.0, 1.0] == smoothed_values([3, 1], 0)


def test_what_is_not_finite_stays_and_counts_for_nothing() -> None:
    """The curve goes on behind it as if it had not been there."""
    gaps = [math.nan, 1.0, math.inf, 0.5, -math.inf, 0.0, math.nan]
    smoothed = smoothed_values(gaps, 0.6)
    assert smoothed_values(CURVE, 0.6) == [value for value in smoothed if math.isfinite(value)]
    assert ["nan", "inf", "-inf", "nan"] == [str(v) for v in smoothed if not math.isfinite(v)]
    assert ["nan", "nan"] == [str(value) for value in smoothed_values([math.nan, math.nan], 0.6)]


def test_a_constant_series_is_untouched() -> None:
    """No rounding may make a flat line wave: 0.1 would come back as 0.09999999999999999."""
    values = [0.1] * 50
    assert values == smoothed_values(values, 0.9)
    assert np.int64 == Series([0, 1], [0.0, 1.0], np.array([3, 3])).smoothed(0.5).value.dtype


@pytest.mark.parametrize("weight", [-0.1, 1, 1.5, math.nan, math.inf])
def test_a_weight_outside_the_limits_is_named(weight: float) -> None:
    """At 1 the first value would be drawn for ever."""
    with pytest.raises(ValueError, match=f"weight is {weight}; it must be at least 0 and below 1"):
        Series([0, 1], [0.0, 1.0], [1.0, 2.0]).smoothed(weight)


def test_what_is_no_number_is_refused() -> None:
    """Text has no mean."""
    with pytest.raises(TypeError, match=r"a plot needs numbers; among the values is one of .*str"):
        Series([0, 1], [0.0, 1.0], [1.0, "x"]).smoothed(0.5)


@given(
    values=st.lists(st.floats() | st.integers(-(2**53), 2**53)), weight=st.floats(0, 1, exclude_max=True)
)
def test_arrays_and_lists_are_smoothed_alike(values: list[float], weight: float) -> None:
    """To the last bit, and the other columns stay; no finite value becomes infinite."""
    steps, times = list(range(len(values))), [0.5] * len(values)
    series = Series(np.array(steps), np.array(times), np.array(values, float)).smoothed(weight)
    held = series.value.tolist()
    assert repr(smoothed_values(list(map(float, values)), weight)) == repr(held)
    assert [steps, times] == [series.step.tolist(), series.time.tolist()]
    assert list(map(math.isfinite, values)) == list(map(math.isfinite, held))
