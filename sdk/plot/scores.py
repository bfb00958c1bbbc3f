"""What a classifier's scores are worth: ROC and precision-recall points, confusion counts. Pure NumPy.

The definitions are scikit-learn's (`metrics.roc_curve`, `precision_recall_curve`, `confusion_matrix`),
which the tests compare with; it need not be installed.
"""

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[numpy.float64]

POINTS_MAX = 1000
"""Points of one curve; more of them are thinned evenly, both ends kept."""


def roc_points(is_positive: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """Return (false, true) positive rates, from (0, 0) to (1, 1), a point per distinct score.

    Where a class has no samples its rate is NaN: nothing is known of it.
    """
    true, false = _counts_by_threshold(is_positive, scores)
    true, false = numpy.append(0.0, true), numpy.append(0.0, false)
    with numpy.errstate(invalid="ignore"):
        return false / false[-1], true / true[-1]


def precision_recall_points(is_positive: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """Return (precision, recall), from recall 0 on, a point per distinct score, best score first.

    The point at recall 0 has precision 1 by convention.
    """
    true, false = _counts_by_threshold(is_positive, scores)
    with numpy.errstate(invalid="ignore"):
        recall = true / true[-1]
    return numpy.append(1.0, true / (true + false)), numpy.append(0.0, recall)


def interpolate_precision(precision: Floats, recall: Floats, count: int) -> tuple[Floats, Floats]:
    """Return (precision, recall) at `count` even recalls: the best precision at that recall or beyond.

    The interpolated precision of Manning et al., Introduction to Information Retrieval, section 8.4.
    """
    grid = numpy.linspace(0.0, 1.0, count)
    best = numpy.maximum.accumulate(precision[::-1])[::-1]
    at = numpy.searchsorted(recall, grid, side="left")
    return best[numpy.minimum(at, len(best) - 1)], grid


def confusion_counts(
    actual: Sequence[int], predicted: Sequence[int], *, count: int
) -> NDArray[numpy.int64]:
    """Return how often class i (rows) was predicted as class j (columns), for classes 0 to count-1."""
    pairs = numpy.asarray(actual, numpy.int64) * count + numpy.asarray(predicted, numpy.int64)
    return numpy.bincount(pairs, minlength=count * count).reshape(count, count)


def thin(*columns: NDArray[Any], count: int = POINTS_MAX) -> tuple[NDArray[Any], ...]:
    """Return at most `count` points of a curve, evenly chosen, both ends among them."""
    length = len(columns[0])
    if length <= count:
        return columns
    chosen = numpy.linspace(0, length - 1, count).round().astype(numpy.int64)
    return tuple(column[chosen] for column in columns)


def _counts_by_threshold(is_positive: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """Return how many positives and negatives score at least each distinct score, highest first."""
    positive = numpy.asarray(is_positive, bool)
    ranked = numpy.asarray(scores, numpy.float64)
    order = numpy.argsort(-ranked, kind="stable")
    last_of_score = numpy.append(numpy.flatnonzero(numpy.diff(ranked[order])), len(order) - 1)
    true = numpy.cumsum(positive[order])[last_of_score].astype(numpy.float64)
    return true, 1.0 + last_of_score - true
