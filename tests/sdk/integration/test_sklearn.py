"""The charts of scikit-learn models: each is logged under its name, with the numbers of scikit-learn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import cluster, datasets, linear_model, metrics
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import learning_curve, train_test_split

from tidelog import sdk
from tidelog.datastore import Reader
from tidelog.sdk.integration import sklearn as charts

X, Y = datasets.load_iris(return_X_y=True)
NAMES = ["setosa", "versicolor", "virginica"]
X_TRAIN, X_TEST, Y_TRAIN, Y_TEST = train_test_split(X, Y, random_state=0)
CLASSIFIER = RandomForestClassifier(10, random_state=0).fit(X_TRAIN, Y_TRAIN)
LINE = np.arange(40.0)[:, None]
NOISY = 3 * LINE[:, 0] + np.random.default_rng(0).normal(size=40)
REGRESSOR = linear_model.LinearRegression().fit(LINE, NOISY)


def table(run: sdk.Run, key: str) -> Any:
    sdk.finish()
    with Reader(run.dir) as reader:
        return reader.table(key)


def test_a_classifiers_charts_are_all_logged(run: sdk.Run) -> None:
    """By the keys that wandb gives them."""
    predicted, scores = CLASSIFIER.predict(X_TEST), CLASSIFIER.predict_proba(X_TEST)
    charts.plot_classifier(
        CLASSIFIER, X_TRAIN, X_TEST, Y_TRAIN, Y_TEST, predicted, scores, NAMES, log_learning_curve=True
    )
    sdk.finish()
    expected = {
        "class_proportions",
        "confusion_matrix",
        "feature_importances",
        "learning_curve",
        "precision_recall",
        "roc",
        "summary_metrics",
    }
    with Reader(run.dir) as reader:
        assert expected == {media.key for media in reader.media("tables")}


def test_summary_metrics_are_scikit_learns(run: sdk.Run) -> None:
    """Judged by the test set."""
    charts.plot_summary_metrics(CLASSIFIER, X_TRAIN, Y_TRAIN, X_TEST, Y_TEST)
    got = {name: value for name, value, _ in table(run, "summary_metrics").rows}
    predicted = CLASSIFIER.predict(X_TEST)
    assert metrics.accuracy_score(Y_TEST, predicted) == got["accuracy_score"]
    assert metrics.f1_score(Y_TEST, predicted, average="weighted") == got["f1_score"]


def test_a_regressors_summary_metrics_are_its_own(run: sdk.Run) -> None:
    """Errors and R², of what it was fitted to where there is no test set."""
    charts.plot_summary_metrics(REGRESSOR, LINE, NOISY)
    got = {name: value for name, value, _ in table(run, "summary_metrics").rows}
    assert {"mae", "mse", "r2_score"} == set(got)
    assert metrics.r2_score(NOISY, REGRESSOR.predict(LINE)) == got["r2_score"]


def test_a_learning_curve_has_the_mean_of_each_size(run: sdk.Run) -> None:
    """In training and in cross validation."""
    model = linear_model.LogisticRegression(max_iter=1000)
    charts.plot_learning_curve(model, X, Y, cv=3, shuffle=True, random_state=0)
    sizes, train, validation = learning_curve(
        model, X, Y, cv=3, shuffle=True, random_state=0, train_sizes=np.linspace(0.1, 1, 5)
    )
    got = table(run, "learning_curve")
    assert [*sizes.tolist()] * 2 == got.column("train_size")
    np.testing.assert_allclose([*train.mean(axis=1), *validation.mean(axis=1)], got.column("score"))


def test_the_most_important_features_come_first(run: sdk.Run) -> None:
    """By the names that were given, as many as are wanted."""
    charts.plot_feature_importances(CLASSIFIER, ["a", "b", "c", "d"], max_num_features=2)
    got = table(run, "feature_importances")
    importances = dict(zip("abcd", CLASSIFIER.feature_importances_.tolist(), strict=True))
    assert sorted(importances.items(), key=lambda item: -item[1])[:2] == [tuple(row) for row in got.rows]


def test_class_proportions_count_both_sets(run: sdk.Run) -> None:
    """Classes by their labels."""
    charts.plot_class_proportions([0, 0, 2], [1], NAMES)
    expected = [["setosa", "train", 2], ["virginica", "train", 1], ["versicolor", "test", 1]]
    assert expected == table(run, "class_proportions").rows


def test_a_calibration_curve_fits_copies_alone(run: sdk.Run) -> None:
    """The classifier that was given is as it was."""
    binary = (Y > 0).astype(int)
    model = linear_model.LogisticRegression(max_iter=1000).fit(X, binary)
    before = model.coef_.tolist()
    charts.plot_calibration_curve(model, X + np.random.default_rng(0).normal(size=X.shape), binary, "lr")
    got = table(run, "calibration_curve")
    assert {"lr", "lr + isotonic", "lr + sigmoid"} == set(got.column("model"))
    assert all(0 <= value <= 1 for value in got.column("fraction_of_positives"))
    assert before == model.coef_.tolist()


def test_residuals_are_of_a_fit_to_four_fifths(run: sdk.Run) -> None:
    """Those of the training part have a mean of zero, as least squares leave them."""
    charts.plot_residuals(linear_model.LinearRegression(), LINE, NOISY)
    rows = table(run, "residuals").rows
    assert {"train": 32, "test": 8} == {
        name: sum(row[0] == name for row in rows) for name in ("train", "test")
    }
    assert abs(sum(row[2] for row in rows if row[0] == "train")) < 1e-9


def test_an_outlier_is_a_candidate(run: sdk.Run) -> None:
    """Cook's distance by its definition: how far the fit moves without the sample."""
    values = NOISY.copy()
    values[35] += 60
    charts.plot_outlier_candidates(linear_model.LinearRegression(), LINE, values)
    got = table(run, "outlier_candidates")
    full = linear_model.LinearRegression().fit(LINE, values)
    variance = ((values - full.predict(LINE)) ** 2).sum() / (40 - 2)
    expected = []
    for left_out in range(40):
        rest = np.arange(40) != left_out
        moved = linear_model.LinearRegression().fit(LINE[rest], values[rest])
        change = full.predict(LINE) - moved.predict(LINE)
        expected.append((change @ change) / (2 * variance))
    np.testing.assert_allclose(expected, got.column("distance"))
    assert [35] == [at for at, _, is_candidate in got.rows if is_candidate]


def test_an_elbow_curve_has_the_error_of_each_number_of_clusters(run: sdk.Run) -> None:
    """The inertia that KMeans reports."""
    model = cluster.KMeans(2, n_init=2, random_state=0)
    charts.plot_elbow_curve(model, X, cluster_ranges=[1, 3])
    got = table(run, "elbow_curve")
    expected = [cluster.KMeans(n, n_init=2, random_state=0).fit(X).inertia_ for n in (1, 3)]
    np.testing.assert_allclose(expected, got.column("errors"))
    assert not hasattr(model, "inertia_")


def test_a_silhouette_has_each_sample_in_its_cluster(run: sdk.Run) -> None:
    """Sorted within the cluster; their mean is scikit-learn's score."""
    charts.plot_silhouette(cluster.KMeans(3), X, Y, NAMES)
    got = table(run, "silhouette_plot")
    assert [name for name in NAMES for _ in range(50)] == got.column("cluster")
    np.testing.assert_allclose(metrics.silhouette_score(X, Y), np.mean(got.column("silhouette")))


def test_regressors_and_clusterings_are_logged_whole(run: sdk.Run, tmp_path: Path) -> None:
    """Every chart that they have."""
    charts.plot_regressor(REGRESSOR, LINE[:30], LINE[30:], NOISY[:30], NOISY[30:])
    charts.plot_clusterer(cluster.KMeans(3, n_init=1, random_state=0), X, Y, NAMES)
    sdk.finish()
    expected = {"elbow_curve", "learning_curve", "outlier_candidates", "residuals", "silhouette_plot"}
    with Reader(run.dir) as reader:
        assert {*expected, "summary_metrics"} == {media.key for media in reader.media("tables")}


@pytest.mark.parametrize(
    "draw",
    [
        lambda: charts.plot_roc([0, 1], None),
        lambda: charts.plot_feature_importances(object()),
        lambda: charts.plot_elbow_curve(cluster.DBSCAN(), X),
    ],
)
def test_a_chart_that_cannot_be_made_stops_nobody(
    draw: Callable[[], None], run: sdk.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence says what failed."""
    draw()
    assert 1 == capsys.readouterr().err.count("training goes on")
