"""Charts of a classifier and of what it predicts."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy

from tidelog.sdk.integration.sklearn.any_model import plot_learning_curve, plot_summary_metrics
from tidelog.sdk.integration.sklearn.logged import chart, logged
from tidelog.sdk.plot import Chart, classification

Labels = Sequence[str] | None
BINS = 10


@logged("roc")
def plot_roc(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Labels = None,
    plot_micro: bool = True,  # noqa: ARG001, FBT001, FBT002 - wandb's signature; it draws neither, too.
    plot_macro: bool = True,  # noqa: ARG001, FBT001, FBT002 - as above.
    classes_to_plot: Any = None,
) -> Chart:
    """Log the ROC curve of each class against the rest."""
    return classification.roc_curve(y_true, y_probas, labels, classes_to_plot)


@logged("precision_recall")
def plot_precision_recall(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Labels = None,
    plot_micro: bool = True,  # noqa: ARG001, FBT001, FBT002 - as above.
    classes_to_plot: Any = None,
) -> Chart:
    """Log the precision-recall curve of each class against the rest."""
    return classification.pr_curve(y_true, y_probas, labels, classes_to_plot)


@logged("confusion_matrix")
def plot_confusion_matrix(
    y_true: Any = None,
    y_pred: Any = None,
    labels: Labels = None,
    true_labels: Any = None,  # noqa: ARG001 - wandb's signature; the whole matrix is logged.
    pred_labels: Any = None,  # noqa: ARG001 - as above.
    normalize: bool = False,  # noqa: ARG001, FBT001, FBT002 - as above: counts can be normalized at will.
) -> Chart:
    """Log how often each class was taken for each other one."""
    return classification.confusion_matrix(y_true=y_true, preds=y_pred, class_names=labels)


@logged("feature_importances")
def plot_feature_importances(
    model: Any = None,
    feature_names: Any = None,
    title: str = "Feature Importance",
    max_num_features: int = 50,
) -> Chart:
    """Log how much each feature counts in a fitted model, the most important first."""
    importances = numpy.asarray(
        model.feature_importances_ if hasattr(model, "feature_importances_") else model.coef_
    )
    if importances.ndim > 1:
        importances = numpy.abs(importances).mean(axis=0)
    names = list(range(len(importances))) if feature_names is None else list(feature_names)
    order = numpy.argsort(-importances, kind="stable")[:max_num_features].tolist()
    columns: dict[str, list[Any]] = {
        "feature_names": [str(names[at]) for at in order],
        "importances": importances[order].tolist(),
    }
    return chart("bar", title, columns, label="feature_names", value="importances")


@logged("class_proportions")
def plot_class_proportions(y_train: Any = None, y_test: Any = None, labels: Labels = None) -> Chart:
    """Log how many samples of each class there are in training and test set."""
    counts = {
        (each, dataset): count
        for dataset, samples in (("train", y_train), ("test", y_test))
        if samples is not None
        for each, count in sorted(Counter(numpy.asarray(samples).tolist()).items())
    }
    columns: dict[str, list[Any]] = {
        "class": [_name(each, labels) for each, _ in counts],
        "dataset": [dataset for _, dataset in counts],
        "count": list(counts.values()),
    }
    return chart("bar", "Class Proportions", columns, label="class", value="count", stroke="dataset")


@logged("calibration_curve")
def plot_calibration_curve(
    clf: Any = None,
    X: Any = None,  # noqa: N803 - scikit-learn's name
    y: Any = None,
    clf_name: str = "Classifier",
) -> Chart:
    """Log how often a binary classifier is right when it says so, and calibrated copies of it.

    Copies are fitted to one half of the samples and judged by the other.
    """
    from sklearn.base import clone
    from sklearn.calibration import CalibratedClassifierCV, calibration_curve
    from sklearn.model_selection import train_test_split

    models = {
        clf_name: clone(clf),
        f"{clf_name} + isotonic": CalibratedClassifierCV(clone(clf), method="isotonic", cv=2),
        f"{clf_name} + sigmoid": CalibratedClassifierCV(clone(clf), method="sigmoid", cv=2),
    }
    train, test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
    columns: dict[str, list[Any]] = {"model": [], "fraction_of_positives": [], "mean_predicted": []}
    for name, model in models.items():
        said = model.fit(train, y_train).predict_proba(test)[:, 1]
        right, mean = calibration_curve(y_test, said, n_bins=BINS)
        columns["model"] += [name] * len(right)
        columns["fraction_of_positives"] += right.tolist()
        columns["mean_predicted"] += mean.tolist()
    return chart(
        "line",
        "Calibration Curve",
        columns,
        x="mean_predicted",
        y="fraction_of_positives",
        stroke="model",
    )


def plot_classifier(
    model: Any,
    X_train: Any,  # noqa: N803 - scikit-learn's name
    X_test: Any,  # noqa: N803 - scikit-learn's name
    y_train: Any,
    y_test: Any,
    y_pred: Any,
    y_probas: Any,
    labels: Labels,
    is_binary: bool = False,  # noqa: FBT001, FBT002 - wandb's signature
    model_name: str = "Classifier",
    feature_names: Any = None,
    log_learning_curve: bool = False,  # noqa: FBT001, FBT002 - as above.
) -> None:
    """Log every chart of a fitted classifier."""
    if feature_names is not None or hasattr(model, "feature_importances_") or hasattr(model, "coef_"):
        plot_feature_importances(model, feature_names)
    if log_learning_curve:
        plot_learning_curve(model, X_train, y_train)
    plot_confusion_matrix(y_test, y_pred, labels)
    plot_summary_metrics(model, X_train, y_train, X_test, y_test)
    plot_class_proportions(y_train, y_test, labels)
    plot_roc(y_test, y_probas, labels)
    plot_precision_recall(y_test, y_probas, labels)
    if is_binary:
        plot_calibration_curve(model, X_train, y_train, model_name)


def _name(each: Any, labels: Labels) -> str:
    """Return a class's name: its label where classes are indices into labels."""
    is_index = labels is not None and isinstance(each, int) and 0 <= each < len(labels)
    return str(labels[each]) if is_index and labels is not None else str(each)
