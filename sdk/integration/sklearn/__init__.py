"""scikit-learn: `plot_roc(y_test, y_probas, labels)` and the like, by wandb's names.

Each logs its chart as a table under a key of its own, such as `roc`. One that cannot be made is told
and left out. Models that somebody gives are never fitted again: copies are.
"""

from tidelog.sdk.integration.sklearn.any_model import plot_learning_curve, plot_summary_metrics
from tidelog.sdk.integration.sklearn.classifier import (
    plot_calibration_curve,
    plot_class_proportions,
    plot_classifier,
    plot_confusion_matrix,
    plot_feature_importances,
    plot_precision_recall,
    plot_roc,
)
from tidelog.sdk.integration.sklearn.clusterer import plot_clusterer, plot_elbow_curve, plot_silhouette
from tidelog.sdk.integration.sklearn.regressor import (
    plot_outlier_candidates,
    plot_regressor,
    plot_residuals,
)

__all__ = [
    "plot_calibration_curve",
    "plot_class_proportions",
    "plot_classifier",
    "plot_clusterer",
    "plot_confusion_matrix",
    "plot_elbow_curve",
    "plot_feature_importances",
    "plot_learning_curve",
    "plot_outlier_candidates",
    "plot_precision_recall",
    "plot_regressor",
    "plot_residuals",
    "plot_roc",
    "plot_silhouette",
    "plot_summary_metrics",
]
