"""ROC, precision-recall and confusion counts, compared with scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from tidelog.sdk.plot.scores import (
    confusion_counts,
    interpolate_precision,
    precision_recall_points,
    roc_points,
    thin,
)

# Few distinct scores, so that ties are common.
scored = st.lists(
    st.tuples(st.booleans(), st.integers(0, 12).map(lambda n: n / 12)), min_size=2, max_size=60
).filter(lambda pairs: 0 < sum(positive for positive, _ in pairs) < len(pairs))


@given(scored)
def test_roc_points_are_scikit_learns(pairs: list[tuple[bool, float]]) -> None:
    """A point per distinct score, from (0, 0) to (1, 1)."""
    positive, scores = zip(*pairs, strict=True)
    false, true, _ = metrics.roc_curve(positive, scores, drop_intermediate=False)
    np.testing.assert_allclose((false, true), roc_points(positive, scores))


@given(scored)
def test_precision_and_recall_are_scikit_learns(pairs: list[tuple[bool, float]]) -> None:
    """Its points in the other order: it begins with the lowest score."""
    positive, scores = zip(*pairs, strict=True)
    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    np.testing.assert_allclose(
        (precision[::-1], recall[::-1]), precision_recall_points(positive, scores)
    )


@given(scored, st.integers(2, 30))
def test_interpolated_precision_is_the_best_at_that_recall_or_beyond(
    pairs: list[tuple[bool, float]], count: int
) -> None:
    """By its definition, over scikit-learn's points."""
    positive, scores = zip(*pairs, strict=True)
    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    got, grid = interpolate_precision(*precision_recall_points(positive, scores), count)
    np.testing.assert_allclose(np.linspace(0, 1, count), grid)
    np.testing.assert_allclose([precision[recall >= r].max() for r in grid], got)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_confusion_counts_are_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    """Rows are what it is, columns what it was taken for."""
    actual, predicted = zip(*pairs, strict=True)
    expected = metrics.confusion_matrix(actual, predicted, labels=range(5))
    np.testing.assert_array_equal(expected, confusion_counts(actual, predicted, count=5))


def test_the_rate_of_a_class_without_samples_is_not_a_number() -> None:
    """Nothing is known of it, and nothing is divided by zero aloud."""
    false, true = roc_points([True, True], [0.2, 0.9])
    assert np.isnan(false).all()
    assert [0.0, 0.5, 1.0] == true.tolist()


@pytest.mark.parametrize("length", [3, 10, 11, 1000])
def test_a_thinned_curve_keeps_its_ends_and_invents_nothing(length: int) -> None:
    """At most so many points, in order, each of them one of the curve's."""
    x = np.arange(length)
    thinned, twice = thin(x, x * 2, count=10)
    assert min(length, 10) == len(thinned)
    assert (0, length - 1) == (thinned[0], thinned[-1])
    np.testing.assert_array_equal(thinned * 2, twice)
    assert (np.diff(thinned) > 0).all()
