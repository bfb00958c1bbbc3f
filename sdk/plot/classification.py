"""Charts of how well a classifier does: confusion matrix, ROC and precision-recall curves."""

from collections.abc import Sequence
from typing import Any

import numpy

from tidelog.sdk.media.table import Table
from tidelog.sdk.plot.chart import Chart
from tidelog.sdk.plot.scores import (
    confusion_counts,
    interpolate_precision,
    precision_recall_points,
    roc_points,
    thin,
)


def confusion_matrix(
    probs: Any = None,
    y_true: Any = None,
    preds: Any = None,
    class_names: Sequence[str] | None = None,
    title: str = "Confusion Matrix Curve",
    split_table: bool = False,  # noqa: FBT001, FBT002, ARG001 - wandb's signature; it changes its page alone.
) -> Chart:
    """Return a chart of how often each class was taken for each other one.

    `probs` (samples, classes) or `preds` (samples) are compared with `y_true`: indices into
    `class_names`, or without names whatever the classes are called. Raises ValueError where their
    lengths differ.
    """
    if (probs is None) == (preds is None):
        raise ValueError("give either probs or preds")
    actual = numpy.asarray(y_true)
    predicted = numpy.asarray(preds) if probs is None else numpy.asarray(probs).argmax(axis=1)
    if actual.shape != predicted.shape:
        raise ValueError(f"y_true has shape {actual.shape}, the predictions have {predicted.shape}")
    classes = _all_classes(actual, predicted, class_names)
    names = list(class_names) if class_names is not None else [str(each) for each in classes]
    index = {each: number for number, each in enumerate(classes)}
    indices = [[index[each] for each in column.tolist()] for column in (actual, predicted)]
    counts = confusion_counts(indices[0], indices[1], count=len(classes))
    rows = [
        [name, other, int(counts[i, j])] for i, name in enumerate(names) for j, other in enumerate(names)
    ]
    return _chart("confusion_matrix", title, ["Actual", "Predicted", "nPredictions"], rows)


def roc_curve(
    y_true: Any,
    y_probas: Any = None,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[Any] | None = None,
    title: str = "ROC Curve",
    split_table: bool = False,  # noqa: FBT001, FBT002, ARG001 - as above.
) -> Chart:
    """Return a chart of true against false positives, each class against the rest.

    `y_probas` is (samples, classes), or (samples,) for the second of two classes.
    """
    rows: list[list[Any]] = []
    for name, is_positive, scores in _one_against_rest(y_true, y_probas, labels, classes_to_plot):
        false, true = thin(*roc_points(is_positive, scores))
        rows += [[name, x, y] for x, y in zip(false.tolist(), true.tolist(), strict=True)]
    return _chart("roc_curve", title, ["class", "fpr", "tpr"], rows)


def pr_curve(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[Any] | None = None,
    interp_size: int = 21,
    title: str = "Precision-Recall Curve",
    split_table: bool = False,  # noqa: FBT001, FBT002, ARG001 - as above.
) -> Chart:
    """Return a chart of precision at `interp_size` even recalls, each class against the rest.

    `y_probas` is as for `roc_curve`.
    """
    rows: list[list[Any]] = []
    for name, is_positive, scores in _one_against_rest(y_true, y_probas, labels, classes_to_plot):
        points = interpolate_precision(*precision_recall_points(is_positive, scores), interp_size)
        rows += [[name, x, y] for x, y in zip(*(axis.tolist() for axis in points), strict=True)]
    return _chart("pr_curve", title, ["class", "precision", "recall"], rows)


def _one_against_rest(
    y_true: Any, y_probas: Any, labels: Sequence[str] | None, classes_to_plot: Sequence[Any] | None
) -> list[tuple[str, Any, Any]]:
    """Return (name, whether each sample is of it, its scores) for each class that is to be drawn."""
    actual, probabilities = numpy.asarray(y_true), numpy.asarray(y_probas)
    if probabilities.ndim == 1:
        probabilities = numpy.stack([1.0 - probabilities, probabilities], axis=1)
    if not len(actual) or len(actual) != len(probabilities):
        raise ValueError(f"y_true has {len(actual)} samples and y_probas {len(probabilities)}")
    found = []
    for number, each in enumerate(_scored_classes(actual, probabilities.shape[1], labels)):
        if each not in actual or (classes_to_plot is not None and each not in classes_to_plot):
            continue
        name = str(each if labels is None else labels[number])
        found.append((name, actual == each, probabilities[:, number]))
    return found


def _scored_classes(actual: Any, columns: int, labels: Sequence[str] | None) -> list[Any]:
    """Return the class of each column of probabilities: column i is class i where classes are ints."""
    seen: list[Any] = numpy.unique(actual).tolist()
    if all(type(each) is int and 0 <= each < columns for each in seen):
        return list(range(columns))
    if labels is not None and set(seen) <= set(labels):
        return list(labels)
    if len(seen) != columns:
        raise ValueError(f"y_probas has {columns} columns, and y_true has {len(seen)} classes")
    return seen


def _all_classes(actual: Any, predicted: Any, names: Sequence[str] | None) -> list[Any]:
    seen = sorted({*actual.tolist(), *predicted.tolist()})
    if names is None:
        return seen
    if set(seen) <= set(names):
        return list(names)
    if not all(isinstance(each, int) and 0 <= each < len(names) for each in seen):
        raise ValueError(f"the classes {seen[:20]} are no indices into the {len(names)} class_names")
    return list(range(len(names)))


def _chart(kind: str, title: str, columns: list[str], rows: list[list[Any]]) -> Chart:
    table = Table(columns=columns, data=rows)
    return Chart(table, kind=kind, title=title, fields={column: column for column in columns})
