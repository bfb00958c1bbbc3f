"""XGBoost and LightGBM train for real; what they evaluate is what is read back."""

import json
from pathlib import Path
from typing import Any

import lightgbm
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from tidelog import sdk
from tidelog.datastore import Reader
from tidelog.sdk.integration.boosting import is_higher_better
from tidelog.sdk.integration.lightgbm import log_summary, wandb_callback
from tidelog.sdk.integration.xgboost import WandbCallback

DATA = load_breast_cancer()
X_TRAIN, X_TEST, Y_TRAIN, Y_TEST = train_test_split(DATA.data, DATA.target, random_state=0)


def column(run: sdk.Run, name: str) -> list[Any]:
    with Reader(run.dir) as reader:
        return list(reader.metric(name).value)


def boost(callback: WandbCallback, rounds: int = 12) -> tuple[xgboost.Booster, dict[str, Any]]:
    names = [str(name) for name in DATA.feature_names]
    train = xgboost.DMatrix(X_TRAIN, Y_TRAIN, feature_names=names)
    test = xgboost.DMatrix(X_TEST, Y_TEST, feature_names=names)
    seen: dict[str, Any] = {}
    booster = xgboost.train(
        {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"], "nthread": 1},
        train,
        rounds,
        evals=[(train, "train"), (test, "test")],
        evals_result=seen,
        early_stopping_rounds=rounds,
        callbacks=[callback],
        verbose_eval=False,
    )
    return booster, seen


def test_every_evaluation_of_xgboost_is_logged(run: sdk.Run) -> None:
    """Under `data-metric`, one row a round, equal to XGBoost's own record of them."""
    booster, seen = boost(WandbCallback(log_model=True))
    sdk.finish()
    for data in ("train", "test"):
        for metric in ("logloss", "auc"):
            assert seen[data][metric] == column(run, f"{data}-{metric}")
    assert list(range(12)) == column(run, "epoch")
    with Reader(run.dir) as reader:
        summary, config = reader.summary, reader.config
        importances = dict(reader.table("Feature Importance").rows)
    assert min(seen["test"]["logloss"]) == summary["test-logloss"]
    assert max(seen["test"]["auc"]) == summary["test-auc"]
    assert (booster.best_score, booster.best_iteration) == (
        summary["best_score"],
        summary["best_iteration"],
    )
    assert booster.get_score(importance_type="gain") == importances
    assert "binary:logistic" == config["learner"]["objective"]["name"]
    kept = xgboost.Booster(model_file=Path(run.dir) / "files" / f"{run.id}_model.json")
    assert booster.num_boosted_rounds() == kept.num_boosted_rounds()


def test_xgboost_trains_the_same_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The callback tells that there is no run and changes nothing: wandb's raises."""
    without, _ = boost(WandbCallback(log_model=True), rounds=3)
    assert json.loads(without.save_raw("json"))["learner"]["gradient_booster"]


def test_what_fails_in_a_callback_never_ends_training(
    run: sdk.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """XGBoost knows no such importance; the model is trained, and one sentence says what failed."""
    booster, _ = boost(WandbCallback(importance_type="of no kind"), rounds=3)
    assert 3 == booster.num_boosted_rounds()
    assert 1 == capsys.readouterr().err.count("training goes on")


@pytest.mark.parametrize(
    ("expected", "metric"),
    [(True, "auc"), (True, "ndcg@5"), (True, "map"), (True, "pre@3"), (False, "mape"), (False, "rmse")],
)
def test_which_metrics_are_to_be_maximized(expected: bool, metric: str) -> None:
    """By the names that XGBoost documents."""
    assert expected == is_higher_better(metric)


def test_every_evaluation_of_lightgbm_is_logged(run: sdk.Run) -> None:
    """Under `data_metric`, with the parameters as config and the best value in the summary."""
    seen: dict[str, Any] = {}
    params = {
        "objective": "binary",
        "metric": ["binary_logloss", "auc"],
        "num_threads": 1,
        "verbose": -1,
    }
    booster = lightgbm.train(
        params,
        lightgbm.Dataset(X_TRAIN, Y_TRAIN),
        12,
        valid_sets=[lightgbm.Dataset(X_TEST, Y_TEST)],
        valid_names=["valid"],
        callbacks=[wandb_callback(), lightgbm.record_evaluation(seen)],
    )
    log_summary(booster, save_model_checkpoint=True)
    sdk.finish()
    assert seen["valid"]["binary_logloss"] == column(run, "valid_binary_logloss")
    assert list(range(12)) == column(run, "iteration")
    with Reader(run.dir) as reader:
        summary, config = reader.summary, reader.config
        importances = [gain for _, gain in reader.table("Feature Importance").rows]
    assert max(seen["valid"]["auc"]) == summary["valid_auc"]
    assert min(seen["valid"]["binary_logloss"]) == summary["valid_binary_logloss"]
    assert (booster.best_iteration, "binary") == (summary["best_iteration"], config["objective"])
    assert booster.feature_importance("gain").tolist() == importances
    kept = lightgbm.Booster(model_file=Path(run.dir) / "files" / f"{run.id}_model.txt")
    assert booster.predict(X_TEST).tolist() == kept.predict(X_TEST).tolist()


def test_a_cross_validation_of_lightgbm_has_mean_and_deviation(run: sdk.Run) -> None:
    """As LightGBM's own result has them."""
    result = lightgbm.cv(
        {"objective": "binary", "metric": "auc", "num_threads": 1, "verbose": -1},
        lightgbm.Dataset(X_TRAIN, Y_TRAIN),
        5,
        nfold=3,
        callbacks=[wandb_callback(log_params=False)],
    )
    sdk.finish()
    for ours, theirs in (("mean", "mean"), ("stdv", "stdv")):
        (expected,) = (values for name, values in result.items() if name.endswith(f"auc-{theirs}"))
        assert expected == column(run, f"valid_auc-{ours}")
