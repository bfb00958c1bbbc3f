"""Charts of a clustering: how many clusters are worth it, and how well each sample lies in its own."""

import time
from typing import Any

import numpy

from tidelog.sdk.integration.sklearn.logged import chart, logged
from tidelog.sdk.plot import Chart

CLUSTER_RANGES = range(1, 10, 2)


@logged("elbow_curve")
def plot_elbow_curve(
    clusterer: Any = None,
    X: Any = None,  # noqa: N803 - scikit-learn's name
    cluster_ranges: Any = None,
    n_jobs: int = 1,  # noqa: ARG001 - wandb's signature
    show_cluster_time: bool = True,  # noqa: ARG001, FBT001, FBT002 - wandb's signature; it is always logged.
) -> Chart:
    """Log the sum of squared errors, and the time to fit, over the number of clusters."""
    from sklearn.base import clone

    columns: dict[str, list[Any]] = {"cluster_ranges": [], "errors": [], "clustering_time": []}
    for count in CLUSTER_RANGES if cluster_ranges is None else cluster_ranges:
        began = time.perf_counter()
        model = clone(clusterer).set_params(n_clusters=int(count)).fit(X)
        columns["cluster_ranges"].append(int(count))
        columns["errors"].append(-float(model.score(X)))
        columns["clustering_time"].append(time.perf_counter() - began)
    return chart("line", "Elbow Plot", columns, x="cluster_ranges", y="errors")


@logged("silhouette_plot")
def plot_silhouette(
    clusterer: Any = None,
    X: Any = None,  # noqa: N803 - scikit-learn's name
    cluster_labels: Any = None,
    labels: Any = None,
    metric: str = "euclidean",
    kmeans: bool = True,  # noqa: ARG001, FBT001, FBT002 - wandb's signature
) -> Chart:
    """Log each sample's silhouette coefficient, sorted within its cluster."""
    from sklearn.base import clone
    from sklearn.metrics import silhouette_samples

    clusters = numpy.asarray(
        clone(clusterer).fit_predict(X) if cluster_labels is None else cluster_labels
    )
    values = silhouette_samples(X, clusters, metric=metric)
    order = numpy.lexsort((-values, clusters))
    names = clusters[order].tolist()
    columns = {
        "cluster": [str(each if labels is None else labels[each]) for each in names],
        "silhouette": values[order].tolist(),
    }
    return chart("bar", "Silhouette Plot", columns, label="cluster", value="silhouette")


def plot_clusterer(
    model: Any,
    X_train: Any,  # noqa: N803 - scikit-learn's name
    cluster_labels: Any,
    labels: Any = None,
    model_name: str = "Clusterer",  # noqa: ARG001 - wandb's signature
) -> None:
    """Log every chart of a clustering."""
    if hasattr(model, "n_clusters"):
        plot_elbow_curve(model, X_train)
    plot_silhouette(model, X_train, cluster_labels, labels)
