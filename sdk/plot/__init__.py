"""Charts by wandb's names: `run.log({"roc": sdk.plot.roc_curve(y_true, y_probas)})`.

Each is logged as a table with the chart's kind, title and columns in its details. What cannot be drawn
is told once and None: training goes on.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from tidelog.sdk.notices import Notices
from tidelog.sdk.plot import classification, tables
from tidelog.sdk.plot.chart import Chart

__all__ = [
    "Chart",
    "CustomChart",
    "bar",
    "confusion_matrix",
    "histogram",
    "line",
    "line_series",
    "plot_table",
    "pr_curve",
    "roc_curve",
    "scatter",
]

P = ParamSpec("P")

CustomChart = Chart
_notices = Notices()


def _attempt(draw: Callable[P, Chart]) -> Callable[P, Chart | None]:
    @wraps(draw)
    def attempt(*args: P.args, **kwargs: P.kwargs) -> Chart | None:
        name = draw.__name__
        try:
            return draw(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
            _notices.tell(f"plot {name}", f"plot.{name}() drew nothing: {error}; training goes on")
            return None

    return attempt


bar = _attempt(tables.bar)
histogram = _attempt(tables.histogram)
line = _attempt(tables.line)
line_series = _attempt(tables.line_series)
plot_table = _attempt(tables.plot_table)
scatter = _attempt(tables.scatter)
confusion_matrix = _attempt(classification.confusion_matrix)
pr_curve = _attempt(classification.pr_curve)
roc_curve = _attempt(classification.roc_curve)
