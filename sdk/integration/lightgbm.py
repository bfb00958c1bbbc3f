"""LightGBM: `lightgbm.train(..., callbacks=[wandb_callback()])` logs what each round evaluates."""

from typing import Any

from tidelog import sdk
from tidelog.sdk.harmless import harmless
from tidelog.sdk.integration.boosting import define, log_importances, save_model


class WandbCallback:
    """Logs each evaluation as `valid_l2`, of a cross validation its `-mean` and `-stdv`."""

    order = 20
    before_iteration = False

    def __init__(self, *, log_params: bool, define_metric: bool) -> None:
        self._log_params = log_params
        self._define_metric = define_metric

    @harmless
    def __call__(self, env: Any) -> None:
        """Log a round; `env` is LightGBM's `CallbackEnv`."""
        is_first = env.iteration == env.begin_iteration
        if is_first and self._log_params:
            sdk.config.update(env.params)
        row: dict[str, float] = {}
        for item in env.evaluation_result_list:
            values, higher_is_better = _read_result(item)
            row.update(values)
            for name in values if is_first and self._define_metric else ():
                define(name, higher_is_better=higher_is_better and not name.endswith("-stdv"))
        sdk.log({**row, "iteration": env.iteration})


def wandb_callback(
    log_params: bool = True,  # noqa: FBT001, FBT002 - wandb's signature
    define_metric: bool = True,  # noqa: FBT001, FBT002 - as above.
) -> WandbCallback:
    """Return a callback for `lightgbm.train` or `cv`; by `define_metric` the summary has best values."""
    return WandbCallback(log_params=log_params, define_metric=define_metric)


@harmless
def log_summary(
    model: Any,
    feature_importance: bool = True,  # noqa: FBT001, FBT002 - wandb's signature
    save_model_checkpoint: bool = False,  # noqa: FBT001, FBT002 - as above.
) -> None:
    """Put the best round and scores of a booster into the summary, and log its importances."""
    sdk.summary["best_iteration"] = model.best_iteration
    sdk.summary["best_score"] = {data: dict(scores) for data, scores in model.best_score.items()}
    if feature_importance:
        gains = [float(gain) for gain in model.feature_importance("gain")]
        log_importances(dict(zip(model.feature_name(), gains, strict=True)))
    if save_model_checkpoint and sdk.run is not None:
        save_model(f"{sdk.run.id}_model.txt", model.save_model)


def _read_result(item: tuple[Any, ...]) -> tuple[dict[str, float], bool]:
    """Return the values of an entry of `evaluation_result_list`, and whether higher ones are better.

    An entry is (data, metric, value, is_higher_better); a cross validation has the standard deviation
    as a fifth, and before LightGBM 4.6 data and metric in one.
    """
    data, metric = item[1].split(" ", 1) if item[0] == "cv_agg" else item[:2]
    name = f"{data}_{metric}"
    if len(item) == 4:
        return {name: item[2]}, bool(item[3])
    return {f"{name}-mean": item[2], f"{name}-stdv": item[4]}, bool(item[3])
