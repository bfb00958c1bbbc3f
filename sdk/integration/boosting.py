"""What the callbacks of boosting libraries share: importances, a model's file, and what is better."""

import os
from collections.abc import Callable, Mapping

from tidelog import sdk
from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import FILES_DIRECTORY
from tidelog.sdk.media.table import Table
from tidelog.sdk.plot import bar

HIGHER_IS_BETTER = ("auc", "map", "ndcg", "pre")
"""How the names of metrics begin that are to be maximized; all others are losses and errors."""


def define(metric: str, *, higher_is_better: bool) -> None:
    """Let the summary hold a metric's best value."""
    sdk.define_metric(metric, summary="max" if higher_is_better else "min")


def is_higher_better(metric: str) -> bool:
    """Tell whether a metric of that name is to be maximized."""
    name = metric.lower()
    return name.startswith(HIGHER_IS_BETTER) and not name.startswith("mape")


def log_importances(importances: Mapping[str, float]) -> None:
    """Log how much each feature counts, as a bar chart."""
    table = Table(columns=["Feature", "Importance"], data=[list(item) for item in importances.items()])
    sdk.log({"Feature Importance": bar(table, "Feature", "Importance", title="Feature Importance")})


def save_model(name: str, write: Callable[[str], object]) -> None:
    """Keep a model's file in the run; `write` is given the path."""
    run = sdk.run
    if run is None or run.disabled:
        return
    folder = os.path.join(run.dir, FILES_DIRECTORY)
    Disk().make_directory(folder)
    path = os.path.join(folder, name)
    write(path)
    run.save(path)
