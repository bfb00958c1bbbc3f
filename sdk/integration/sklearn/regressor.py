"""Charts of a regressor: what it leaves unexplained, and the samples that pull at it."""

from typing import Any

import numpy

from tidelog.sdk.integration.sklearn.any_model import plot_learning_curve, plot_summary_metrics
from tidelog.sdk.integration.sklearn.logged import chart, logged
from tidelog.sdk.plot import Chart


@logged("residuals")
def plot_residuals(regressor: Any = None, X: Any = None, y: Any = None) -> Chart:  # noqa: N803 - scikit-learn's name
    """Log the residuals of a copy that is fitted to four fifths of the samples, over its predictions."""
    from sklearn.base import clone
    from sklearn.model_selection import train_test_split

    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)  # noqa: N806 - as above.
    model = clone(regressor).fit(X_train, y_train)
    columns: dict[str, list[Any]] = {"dataset": [], "y_predicted": [], "residuals": []}
    for dataset, inputs, expected in (("train", X_train, y_train), ("test", X_test, y_test)):
        predicted = numpy.ravel(model.predict(inputs))
        columns["dataset"] += [dataset] * len(predicted)
        columns["y_predicted"] += predicted.tolist()
        columns["residuals"] += (predicted - numpy.ravel(expected)).tolist()
    return chart("scatter", "Residuals", columns, x="y_predicted", y="residuals")


@logged("outlier_candidates")
def plot_outlier_candidates(regressor: Any = None, X: Any = None, y: Any = None) -> Chart:  # noqa: ARG001, N803 - as above.
    """Log Cook's distance of each sample to the least squares fit; above 4/n it is a candidate.

    Cook, Detection of Influential Observation in Linear Regression, Technometrics 19 (1977).
    """
    inputs = numpy.column_stack([numpy.ones(len(X)), numpy.asarray(X, numpy.float64)])
    samples, parameters = inputs.shape
    pseudo_inverse = numpy.linalg.pinv(inputs)
    expected = numpy.ravel(numpy.asarray(y, numpy.float64))
    residuals = expected - inputs @ (pseudo_inverse @ expected)
    leverage = numpy.clip(numpy.einsum("ij,ji->i", inputs, pseudo_inverse), 0.0, 1.0 - 1e-12)
    variance = residuals @ residuals / (samples - parameters)
    distances = residuals**2 * leverage / (parameters * variance * (1.0 - leverage) ** 2)
    columns = {
        "instance_indices": list(range(samples)),
        "distance": distances.tolist(),
        "is_candidate": (distances > 4.0 / samples).tolist(),
    }
    return chart("scatter", "Outlier Candidates", columns, x="instance_indices", y="distance")


def plot_regressor(
    model: Any,
    X_train: Any,  # noqa: N803 - scikit-learn's name
    X_test: Any,  # noqa: N803 - scikit-learn's name
    y_train: Any,
    y_test: Any,
    model_name: str = "Regressor",  # noqa: ARG001 - wandb's signature
) -> None:
    """Log every chart of a fitted regressor."""
    plot_summary_metrics(model, X_train, y_train, X_test, y_test)
    plot_learning_curve(model, X_train, y_train)
    plot_outlier_candidates(model, X_train, y_train)
    plot_residuals(model, X_train, y_train)
