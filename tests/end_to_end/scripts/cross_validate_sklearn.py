"""scikit-learn with wandb: cross validation logged fold by fold, the plots of wandb.sklearn and wandb.plot."""

import json
import sys

import numpy as np
import wandb
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split

LEDGER = sys.argv[1]
ledger = {"rows": [], "summary": {}}

wandb.login()
run = wandb.init(
    project="sklearn-cancer",
    name="random forest",
    job_type="cross-validation",
    config=dict(n_estimators=30, max_depth=4, criterion="gini", random_state=0),
)
config = wandb.config
data = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(
    data.data, data.target, test_size=0.3, random_state=0, stratify=data.target
)
wandb.config.update({"samples": len(X_train), "features": X_train.shape[1]})
ledger["config"] = {
    **dict(n_estimators=30, max_depth=4, criterion="gini", random_state=0),
    "samples": 398,
    "features": 30,
}

scores = []
folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=0)
for fold, (train, val) in enumerate(folds.split(X_train, y_train)):
    model = RandomForestClassifier(
        n_estimators=config.n_estimators,
        max_depth=config.max_depth,
        criterion=config.criterion,
        random_state=config.random_state,
    )
    model.fit(X_train[train], y_train[train])
    probabilities = model.predict_proba(X_train[val])
    row = {
        "fold": fold,
        "accuracy": accuracy_score(y_train[val], probabilities.argmax(1)),
        "f1": f1_score(y_train[val], probabilities.argmax(1)),
        "log_loss": np.float64(log_loss(y_train[val], probabilities)),
        "val_size": np.int64(len(val)),
    }
    wandb.log(row)
    ledger["rows"].append({key: float(value) for key, value in row.items()})
    scores.append(row["accuracy"])

model.fit(X_train, y_train)
y_pred = model.predict(X_test)
y_probas = model.predict_proba(X_test)
labels = list(data.target_names)

wandb.sklearn.plot_class_proportions(y_train, y_test, labels)
wandb.sklearn.plot_summary_metrics(model, X_train, y_train, X_test, y_test)
wandb.sklearn.plot_roc(y_test, y_probas, labels)
wandb.sklearn.plot_precision_recall(y_test, y_probas, labels)
wandb.sklearn.plot_confusion_matrix(y_test, y_pred, labels)
wandb.sklearn.plot_feature_importances(model, list(data.feature_names))
wandb.sklearn.plot_learning_curve(model, X_train, y_train, cv=3)
wandb.sklearn.plot_calibration_curve(model, X_train, y_train, "forest")

wandb.log(
    {
        "roc": wandb.plot.roc_curve(y_test, y_probas, labels=labels),
        "pr": wandb.plot.pr_curve(y_test, y_probas, labels=labels),
        "conf_mat": wandb.plot.confusion_matrix(
            probs=None, y_true=y_test.tolist(), preds=y_pred.tolist(), class_names=labels
        ),
        "scores": wandb.plot.line_series(
            xs=[0, 1, 2, 3, 4], ys=[scores], keys=["accuracy"], title="Accuracy by fold", xname="fold"
        ),
        "probabilities": wandb.Histogram(y_probas[:, 1]),
    }
)
run.summary["cv_accuracy"] = np.mean(scores)
run.summary.update(
    {"cv_std": float(np.std(scores)), "test": {"accuracy": accuracy_score(y_test, y_pred)}}
)
ledger["summary"] = {
    "cv_accuracy": float(np.mean(scores)),
    "cv_std": float(np.std(scores)),
    "test": {"accuracy": float(accuracy_score(y_test, y_pred))},
}
ledger["confusion"] = [
    [labels[a], labels[b], int(((y_test == a) & (y_pred == b)).sum())] for a in (0, 1) for b in (0, 1)
]
wandb.finish()
with open(LEDGER, "w") as file:
    json.dump(ledger, file)
