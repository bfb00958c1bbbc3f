"""Charts of a classifier or a regressor: how well it does, and with how many samples."""

from typing import Any

from tidelog.sdk.integration.sklearn.logged import chart, logged
from tidelog.sdk.plot import Chart

TRAIN_SIZES = (0.1, 0.325, 0.55, 0.775, 1.0)


@logged("learning_curve")
def plot_learning_curve(
    model: Any = None,
    X: Any = None,  # noqa: N803 - scikit-learn's name
    y: Any = None,
    cv: Any = None,
    shuffle: bool = False,  # noqa: FBT001, FBT002 - wandb's signature
    random_state: int | None = None,
    train_sizes: Any = None,
    n_jobs: int | None = 1,
    scoring: Any = None,
) -> Chart:
    """Log the mean score in training and in cross validation, over the number of samples."""
    from sklearn.base import clone
    from sklearn.model_selection import learning_curve

    sizes, train, validation = learning_curve(
        clone(model),
        X,
        y,
        cv=cv,
        shuffle=shuffle,
        random_state=random_state,
        train_sizes=TRAIN_SIZES if train_sizes is None else train_sizes,
        n_jobs=n_jobs,
        scoring=scoring,
    )[:3]
    columns = {
        "dataset": ["train"] * len(sizes) + ["test"] * len(sizes),
        "score": [*train.mean(axis=1).tolist(), *validation.mean(axis=1).tolist()],
        "train_size": [*sizes.tolist(), *sizes.tolist()],
    }
    return chart("line", "Learning Curve", columns, x="train_size", y="score", stroke="dataset")


@logged("summary_metrics")
def plot_summary_metrics(
    model: Any = None,
    X: Any = None,  # noqa: N803 - scikit-learn's name
    y: Any = None,
    X_test: Any = None,  # noqa: N803 - scikit-learn's name
    y_test: Any = None,
) -> Chart:
    """Log a fitted model's scores: on the test set, or without one on what it was trained with."""
    from sklearn import metrics
    from sklearn.base import is_classifier

    inputs, expected = (X, y) if X_test is None else (X_test, y_test)
    predicted = model.predict(inputs)
    if is_classifier(model):
        mean = {"average": "weighted", "zero_division": 0.0}
        scores = {
            "accuracy_score": metrics.accuracy_score(expected, predicted),
            "precision": metrics.precision_score(expected, predicted, **mean),
            "recall": metrics.recall_score(expected, predicted, **mean),
            "f1_score": metrics.f1_score(expected, predicted, **mean),
        }
    else:
        scores = {
            "mae": metrics.mean_absolute_error(expected, predicted),
            "mse": metrics.mean_squared_error(expected, predicted),
            "r2_score": metrics.r2_score(expected, predicted),
        }
    columns: dict[str, list[Any]] = {
        "metric_name": list(scores),
        "metric_value": [float(score) for score in scores.values()],
        "model_name": [type(model).__name__] * len(scores),
    }
    return chart("bar", "Summary Metrics", columns, label="metric_name", value="metric_value")
