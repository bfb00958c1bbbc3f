"""XGBoost: `xgboost.train(..., callbacks=[WandbCallback()])` logs what each round evaluates."""

import json
from typing import Any

import xgboost

from tidelog import sdk
from tidelog.sdk.harmless import harmless
from tidelog.sdk.integration.boosting import define, is_higher_better, log_importances, save_model


class WandbCallback(xgboost.callback.TrainingCallback):
    """Logs each evaluation as `test-rmse`, with the round as `epoch`; after training, the importances.

    With `define_metric` the summary holds the best value of each. With `log_model` the model is kept
    as a file of the run.
    """

    def __init__(
        self,
        log_model: bool = False,  # noqa: FBT001, FBT002 - wandb's signature
        log_feature_importance: bool = True,  # noqa: FBT001, FBT002 - as above.
        importance_type: str = "gain",
        define_metric: bool = True,  # noqa: FBT001, FBT002 - as above.
    ) -> None:
        super().__init__()
        self.log_model = log_model
        self.log_feature_importance = log_feature_importance
        self.importance_type = importance_type
        self.define_metric = define_metric

    def before_training(self, model: Any) -> Any:
        """Record the booster's parameters as config."""
        self._record_config(model)
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002 - XGBoost's
        """Log the last value of each evaluation; never ask XGBoost to stop."""
        self._log_evaluations(epoch, evals_log)
        return False

    def after_training(self, model: Any) -> Any:
        """Log the importances, the best round, and keep the model."""
        self._log_result(model)
        return model

    @harmless
    def _record_config(self, model: Any) -> None:
        sdk.config.update(json.loads(model.save_config()))

    @harmless
    def _log_evaluations(self, epoch: int, evals_log: Any) -> None:
        row: dict[str, float] = {}
        for data, metrics in evals_log.items():
            for metric, values in metrics.items():
                name = f"{data}-{metric}"
                row[name] = values[-1]
                if self.define_metric:
                    define(name, higher_is_better=is_higher_better(metric))
        self.define_metric = False
        sdk.log({**row, "epoch": epoch})

    @harmless
    def _log_result(self, model: Any) -> None:
        if self.log_model and sdk.run is not None:
            save_model(f"{sdk.run.id}_model.json", model.save_model)
        if self.log_feature_importance:
            log_importances(model.get_score(importance_type=self.importance_type))
        if model.attr("best_score") is not None:
            best = {
                "best_score": float(model.attr("best_score")),
                "best_iteration": int(model.attr("best_iteration")),
            }
            sdk.log(best)
