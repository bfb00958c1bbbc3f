"""XGBoost with wandb's callback: metrics of every round, importances, the best round, the model's file."""

import json
import sys

import wandb
import xgboost as xgb
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from wandb.integration.xgboost import WandbCallback

LEDGER = sys.argv[1]

params = {
    "objective": "reg:squarederror",
    "eta": 0.1,
    "max_depth": 3,
    "subsample": 0.8,
    "seed": 0,
    "nthread": 1,
}

run = wandb.init(project="boost", group="diabetes", config=params)
X, y = load_diabetes(return_X_y=True, as_frame=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
names = load_diabetes().feature_names
train = xgb.DMatrix(X_train, y_train, feature_names=names)
test = xgb.DMatrix(X_test, y_test, feature_names=names)

evals_result = {}
booster = xgb.train(
    dict(wandb.config),
    train,
    num_boost_round=60,
    evals=[(train, "train"), (test, "test")],
    early_stopping_rounds=8,
    evals_result=evals_result,
    callbacks=[WandbCallback(log_model=True)],
    verbose_eval=False,
)
booster.save_model("boost.json")
artifact = wandb.Artifact("boost", type="model", metadata={"rounds": booster.num_boosted_rounds()})
artifact.add_file("boost.json")
run.log_artifact(artifact)
run.finish()

with open(LEDGER, "w") as file:
    json.dump(
        {
            "rows": [
                {"train-rmse": a, "test-rmse": b, "epoch": epoch}
                for epoch, (a, b) in enumerate(
                    zip(evals_result["train"]["rmse"], evals_result["test"]["rmse"])
                )
            ],
            "config": params,
            "best_score": booster.best_score,
            "best_iteration": booster.best_iteration,
            "importance": booster.get_score(importance_type="gain"),
            "test-rmse.min": min(evals_result["test"]["rmse"]),
        },
        file,
    )
