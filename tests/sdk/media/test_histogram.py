"""Histograms: the same counts by each of three ways, and what is wrong with what is no histogram."""

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tidelog.sdk.media.counting import _count_plainly, count
from tidelog.sdk.media.histogram import Histogram

finite = st.floats(-1e6, 1e6).map(lambda x: round(x, 6)) | st.integers(-100, 100).map(float)
odd = st.sampled_from([math.nan, math.inf, -math.inf])


@given(values=st.lists(finite | odd, max_size=60), bins=st.integers(1, 70))
def test_every_way_gives_the_counts_of_numpy(values: list[float], bins: int) -> None:
    """Plain Python, NumPy and torch; NaN and the infinities are in no bin, and counted."""
    kept = [value for value in values if math.isfinite(value)]
    for counted in (count(values, bins), _count_plainly(values, bins)):
        assert len(values) - len(kept) == counted.not_finite
        assert len(kept) == sum(counted.counts)
        if kept and min(kept) < max(kept):
            counts, edges = np.histogram(kept, bins)
            assert counts.tolist() == counted.counts
            np.testing.assert_allclose(edges, counted.edges, rtol=1e-12, atol=1e-300)
    of_torch = count(torch.tensor(values, dtype=torch.float64), bins)
    assert len(kept) == sum(of_torch.counts)
    assert of_torch.not_finite == len(values) - len(kept)


@pytest.mark.parametrize("low", [0.1, -0.3, 1e-9, 123.456])
def test_a_value_on_an_edge_is_where_numpy_has_it(low: float) -> None:
    """There the place of a value is rounded to either side, and the edges decide."""
    for bins in range(1, 71):
        values = np.linspace(low, low + 0.7, bins + 1).tolist()
        values += [np.nextafter(value, low) for value in values]
        assert np.histogram(values, bins)[0].tolist() == _count_plainly(values, bins).counts


@pytest.mark.parametrize("values", [[3.0] * 5, [1.0, 1.0 + 2**-52], [1e300], [5e-324, 0.0]])
def test_values_that_are_as_good_as_the_same_are_in_the_middle(values: list[float]) -> None:
    """NumPy raises where no floats lie between them for the edges."""
    for counted in (
        count(values, 4),
        _count_plainly(values, 4),
        count(torch.tensor(values, dtype=torch.float64), 4),
    ):
        assert [0, 0, len(values), 0] == counted.counts


@pytest.mark.parametrize(
    "values",
    [
        torch.linspace(-1, 1, 1000),
        torch.linspace(-1, 1, 1000).bfloat16(),
        torch.arange(100).reshape(10, 10),
        torch.nn.Parameter(torch.linspace(0, 1, 64).reshape(8, 8)),
        torch.eye(20).to_sparse(),
        torch.full((5,), 3.0),
        torch.empty(0),
        torch.tensor([math.nan, 1.0]),
    ],
)
def test_a_tensor_of_any_kind_has_the_counts_of_its_values(values: torch.Tensor) -> None:
    """On its own device, whatever its type, layout and gradient."""
    array = values.detach().to_dense().double().numpy()
    expected = count(array, 10)
    found = count(values, 10)
    assert (expected.counts, expected.not_finite) == (found.counts, found.not_finite)
    np.testing.assert_allclose(expected.edges, found.edges, rtol=1e-6)


def test_more_values_than_a_float32_counts_are_counted_exactly(monkeypatch: Any) -> None:
    """torch counts in float32, which has no 2**24 + 1: pieces are added as integers."""
    values = torch.zeros(2**24 + 3)
    values[0] = 1
    assert [2**24 + 2, 1] == count(values, 2).counts


def test_a_histogram_of_a_sequence_or_ready_made() -> None:
    """As wandb's: `histogram` and `bins`, 64 of them, at most 512."""
    values = np.random.default_rng(1).normal(size=1000)
    made = Histogram(values)
    counts, edges = np.histogram(values, 64)
    assert (counts.tolist(), edges.tolist()) == (made.histogram, made.bins)
    ready = Histogram(np_histogram=np.histogram(values, 10))
    fields = ready.in_row().fields
    assert (np.histogram(values, 10)[0].tolist(), 11) == (fields["counts"], len(fields["edges"]))
    assert {"counts": [1, 1], "edges": [0.0, 0.5, 1.0], "not_finite": 2} == (
        Histogram([0, 1, math.nan, -math.inf], num_bins=2).in_row().fields
    )
    density = Histogram(np_histogram=([0.25, 1.0], [0, 1, 2])).in_row().fields
    assert [0.25, 1] == density["counts"]
    wide = Histogram(values, num_bins=1000)
    assert 512 == len(wide.histogram)
    assert "the limit is 512" in wide.faults[0].text


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("no number", {"sequence": np.array(["a"])}),
        ("has no histogram: give numbers", {"sequence": np.array([1j])}),
        ("too far apart", {"sequence": [-1e308, 1e308]}),
        ("2 counts and 2 edges", {"np_histogram": ([1, 2], [0, 1])}),
        ("513 bins; the limit is 512", {"np_histogram": ([1] * 513, list(range(514)))}),
        ("np_histogram is (counts, edges)", {"np_histogram": [1, 2, 3]}),
        ("", {"sequence": object()}),
        ("", {"sequence": None}),
    ],
)
def test_what_is_no_histogram_is_said_when_it_is_logged(words: str, arguments: dict[str, Any]) -> None:
    """Making one never raises."""
    made = Histogram(**arguments)
    with pytest.raises(ValueError) as caught:
        made.in_row()
    assert words in str(caught.value) or "give numbers" in str(caught.value)


def test_a_histogram_needs_no_numpy() -> None:
    """Its counts are the same without."""
    program = (
        "import sys; sys.modules['numpy'] = None\n"
        "from tidelog.sdk.media.histogram import Histogram\n"
        "print(Histogram([[1, 2], [2, 4.0]], num_bins=3).in_row().fields)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "{'counts': [1, 2, 1], 'edges': [1.0, 2.0, 3.0, 4.0]}" == done.stdout.strip()
