"""Charts by wandb's names: `run.log({"roc": sdk.plot.roc_curve(y_true, y_probas)})`.

Each is logged as a table with the chart's kind, title and columns in its details. What cannot be drawn
is told once and None: training goes on.
"""

from tidelog.sdk.harmless import harmless
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

CustomChart = Chart

bar = harmless(tables.bar)
histogram = harmless(tables.histogram)
line = harmless(tables.line)
line_series = harmless(tables.line_series)
plot_table = harmless(tables.plot_table)
scatter = harmless(tables.scatter)
confusion_matrix = harmless(classification.confusion_matrix)
pr_curve = harmless(classification.pr_curve)
roc_curve = harmless(classification.roc_curve)
