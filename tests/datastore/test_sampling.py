"""Samples for plots: never more points than asked for, and no extreme lost."""

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.datastore import Series

METHODS: list[Literal["minmax", "lttb"]] = ["minmax", "lttb"]


def series_of(values: list[Any], steps: list[int] | None = None) -> Series:
    steps = list(range(len(values))) if steps is None else steps
    return Series(steps, [step / 2 for step in steps], values)


def as_arrays(series: Series) -> Series:
    return Series(*(np.array(column) for column in series))


def as_lists(series: Series) -> list[list[Any]]:
    return [column.tolist() if hasattr(column, "tolist") else column for column in series]


NUMBERS = (
    st.floats(),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 1.7e308, -1.7e308, 5e-324]),
)
SIZES = ((1, 12), (30, 120))
LISTS = st.one_of(*(st.lists(n, min_size=low, max_size=high) for n in NUMBERS for low, high in SIZES))
STEPS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=120, max_size=120)


@pytest.mark.parametrize("method", METHODS)
@given(values=LISTS, steps=STEPS, points=st.integers(4, 40))
def test_a_sample_is_small_ordered_and_the_same_for_arrays_and_lists(
    method: Literal["minmax", "lttb"], values: list[Any], steps: list[int], points: int
) -> None:
    """At most `points` of the points as they were, in step order, the first and the last among them."""
    series = series_of(values, steps[: len(values)])
    sample = series.sampled(points, method=method)
    assert repr(as_lists(sample)) == repr(as_lists(as_arrays(series).sampled(points, method=method)))
    assert len(sample.step) <= points
    ordered = sorted(zip(*series, strict=True), key=lambda point: point[0])
    rows = list(map(repr, ordered))
    kept = list(map(repr, zip(*sample, strict=True)))
    assert [rows[0], rows[-1]] == [kept[0], kept[-1]]
    rest = iter(rows)
    assert all(any(point == row for row in rest) for point in kept), "a subsequence"
    if len(values) <= points:
        assert rows == kept


@given(values=LISTS, points=st.integers(4, 40))
def test_min_max_keeps_the_extremes_of_all_finite_values(values: list[Any], points: int) -> None:
    """Whatever NaN and infinities stand between them."""
    sample = series_of(values).sampled(points).value
    finite = [value for value in values if math.isfinite(value)]
    held = [value for value in sample if math.isfinite(value)]
    assert [min(finite), max(finite)] == [min(held), max(held)] if finite else not held


def test_min_max_keeps_the_lowest_and_the_highest_of_each_bucket() -> None:
    """Seven points of eleven: buckets of five, the spike and the dip of each, in their order."""
    values = [0, 1, 9, 2, -5, 3, 4, 5, 8, -7, 6, 0]
    assert [0, 9, -5, 8, -7, 0] == series_of(values).sampled(7).value
    assert [0, 2, 4, 8, 9, 11] == series_of(values).sampled(7).step


def test_min_max_shows_a_gap_where_a_bucket_holds_no_number() -> None:
    """And no infinity where there is a finite value."""
    values = [0.0, 1.0, math.inf, math.nan, math.inf, 2.0, math.nan, 0.0]
    assert "[0.0, 1.0, 2.0, 0.0]" == repr(series_of(values).sampled(6).value)
    nothing = [0.0, *[math.nan] * 20, 0.0]
    assert "[0.0, nan, nan, 0.0]" == repr(series_of(nothing).sampled(6).value)


def test_lttb_keeps_the_corner_of_a_bend_and_drops_the_straight() -> None:
    """A line with one peak: the peak is always the largest triangle."""
    values = [0.0] * 100
    values[37] = 5.0
    for points in (4, 10, 50):
        sample = series_of(values).sampled(points, method="lttb")
        assert points == len(sample.value)
        assert 37 in sample.step


def test_lttb_is_steinarssons() -> None:
    """Against the algorithm as his thesis writes it, on a curve without ties. Seed 4."""
    random = np.random.default_rng(4)
    x, y = np.arange(500), random.normal(size=500).cumsum()
    points = 52
    edges = [int(i * (500 - 2) / (points - 2)) + 1 for i in range(points - 1)] + [500]
    kept = [0]
    for bucket in range(points - 2):
        start, end, after = edges[bucket : bucket + 3]
        ax, ay, cx, cy = x[kept[-1]], y[kept[-1]], x[end:after].mean(), y[end:after].mean()
        areas = [abs((ax - cx) * (y[i] - ay) - (ax - x[i]) * (cy - ay)) / 2 for i in range(start, end)]
        kept.append(start + int(np.argmax(areas)))
    assert [*kept, 499] == Series(x, x * 0.5, y).sampled(points, method="lttb").step.tolist()


def test_lttb_leaves_out_what_is_not_finite_but_at_the_ends() -> None:
    """No triangle has a corner at NaN."""
    values = [math.nan, *[0.0, math.inf, 1.0, math.nan] * 20, math.inf]
    sample = series_of(values).sampled(9, method="lttb").value
    assert 9 == len(sample)
    assert ["nan", "inf"] == [str(sample[0]), str(sample[-1])]
    assert all(math.isfinite(value) for value in sample[1:-1])


def test_steps_that_go_back_are_put_in_order() -> None:
    """Points of one step stay in the order in which they came."""
    series = series_of([0, 1, 2, 3, 4], [5, 3, 4, 3, 9])
    assert [[3, 3, 4, 5, 9], [1, 3, 2, 0, 4]] == as_lists(series.sampled(5))[::2]
    assert [[3, 3, 4, 5, 9], [1, 3, 2, 0, 4]] == as_lists(as_arrays(series).sampled(5))[::2]


def test_what_cannot_be_sampled_is_named() -> None:
    """Too few points, another method, what is no number."""
    series = series_of([0.0, 1.0])
    with pytest.raises(ValueError, match="points is 3; the least is 4: first, last, lowest and highest"):
        series.sampled(3)
    with pytest.raises(ValueError, match="method 'every' is none of minmax, lttb"):
        series.sampled(9, method="every")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match=r"a plot needs numbers; among the values is one of .*str"):
        series_of(["a"]).sampled(9)
    assert [[], [], []] == as_lists(series_of([]).sampled(4))


def test_a_million_points_are_sampled_faster_than_they_are_sorted() -> None:
    """With NumPy; the best of three each, so that a busy machine does not decide. Seed 1."""
    values = np.random.default_rng(1).normal(size=1_000_000)
    series = Series(np.arange(1_000_000), np.arange(1_000_000) * 0.5, values)
    sample = series.sampled(1000)
    assert (values.min(), values.max()) == (sample.value.min(), sample.value.max())
    assert best_time(lambda: series.sampled(1000)) < best_time(lambda: np.sort(values))


def best_time(call: Callable[[], object]) -> float:
    def time() -> float:
        start = perf_counter()
        call()
        return perf_counter() - start

    return min(time() for _ in range(3))
