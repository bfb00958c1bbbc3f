"""The streaming sampler: bounded memory, the extremes of all that came."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.datastore.sampler import MinMaxSampler

NUMBERS = st.floats() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([math.nan, math.inf, 0.0])


def lists_of(sampler: MinMaxSampler) -> list[list[Any]]:
    return [column.tolist() for column in sampler.series()]


@given(values=st.lists(NUMBERS, min_size=1, max_size=300), points=st.integers(4, 30), data=st.data())
def test_the_sample_holds_the_ends_and_the_extremes(
    values: list[float], points: int, data: st.DataObject
) -> None:
    """Whether points come one by one, in lists or in arrays of any length."""
    one_by_one, by_lists, by_arrays = (MinMaxSampler(points) for _ in range(3))
    floats = list(map(float, values))
    for step, value in enumerate(floats):
        one_by_one.add(step, step / 2, value)
    start = 0
    while start < len(values):
        end = start + data.draw(st.integers(1, 100))
        steps = range(start, min(end, len(values)))
        piece = list(steps), [step / 2 for step in steps], floats[start:end]
        by_lists.extend(*piece)
        by_arrays.extend(*map(np.array, piece))
        start = end
    assert repr(lists_of(one_by_one)) == repr(lists_of(by_lists)) == repr(lists_of(by_arrays))
    steps, times, kept = lists_of(one_by_one)
    assert len(values) == len(one_by_one) == len(by_lists)
    assert len(kept) <= points
    assert [0, len(values) - 1] == [steps[0], steps[-1]]
    assert sorted(set(steps)) == steps
    assert [step / 2 for step in steps] == times
    assert repr([floats[step] for step in steps]) == repr(kept)
    finite = [value for value in floats if math.isfinite(value)]
    held = [value for value in kept if math.isfinite(value)]
    assert [min(finite), max(finite)] == [min(held), max(held)] if finite else not held


@pytest.mark.parametrize("points", [4, 5, 6, 7, 100, 1001])
def test_a_long_series_keeps_at_least_half_as_many_points_as_asked_for(points: int) -> None:
    """However long it is: buckets merge by pairs, so half of them are left. Seed 2."""
    values = np.random.default_rng(2).normal(size=5000)
    sampler = MinMaxSampler(points)
    for step, value in enumerate(values.tolist()):
        sampler.add(step, 0.0, value)
        if step >= points and step % 50 == 0:
            assert points // 2 - 1 <= len(sampler.series().step) <= points


def test_steps_that_go_back_come_out_in_order() -> None:
    """A resumed run repeats steps; those of one step stay in the order in which they came."""
    sampler = MinMaxSampler(12)
    for step, value in [(3, 0.0), (4, 1.0), (3, 2.0), (1, 3.0)]:
        sampler.add(step, 0.5, value)
    assert [[1, 3, 3, 4], [3.0, 0.0, 2.0, 1.0]] == lists_of(sampler)[::2]


def test_ints_stay_ints_and_nothing_gives_nothing() -> None:
    """A column that a float would round stays exact."""
    sampler = MinMaxSampler(4)
    assert [[], [], []] == lists_of(sampler)
    sampler.extend([0, 1, 2], [0.0, 0.0, 0.0], np.array([2**53 + 1, 2**62, 0]))
    assert [2**53 + 1, 2**62, 0] == lists_of(sampler)[2]


def test_too_few_points_and_no_numbers_are_refused() -> None:
    """As `Series.sampled` does."""
    with pytest.raises(ValueError, match="points is 3; the least is 4"):
        MinMaxSampler(3)
    with pytest.raises(TypeError, match="a plot needs numbers"):
        MinMaxSampler(4).extend([0], [0.0], ["x"])
