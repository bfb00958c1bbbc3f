"""Scripts written for wandb, with the import line changed and nothing else: offline, read back equal.

Each script writes what it logged to a JSON file of its own, the ledger outside. Under wandb 0.31 they
run as they stand.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tidelog.datastore import Reader

SCRIPTS = Path(__file__).with_name("scripts")
# PyTorch is in `training` of pyproject.toml for Python 3.11 alone: its wheels for others bring CUDA.
HAS_TORCH = sys.version_info < (3, 12)


def run_script(name: str, folder: Path, *arguments: str) -> str:
    """Run a script in a folder to its end, and return what it said on stderr."""
    source = (SCRIPTS / f"{name}.py").read_text()
    changed = re.sub(r"(?m)^import wandb$", "import tidelog.sdk as wandb", source)
    changed = re.sub(r"(?m)^from wandb\.", "from tidelog.sdk.", changed)
    (folder / "train.py").write_text(changed)
    result = subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=folder,
        env={**os.environ, "WANDB_MODE": "offline"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert 0 == result.returncode, result.stderr
    return result.stderr


def numbers_by_step(reader: Reader) -> dict[int, dict[str, Any]]:
    """Return the numbers of each step, rows of one step as one."""
    rows: dict[int, dict[str, Any]] = {}
    for record in reader.records():
        if record.kind == "row" and record.step is not None:
            numbers = {k: v for k, v in record.data.items() if isinstance(v, (bool, int, float))}
            rows.setdefault(record.step, {}).update(numbers)
    return rows


def only_run(folder: Path) -> Path:
    (run,) = {log.parent for log in folder.glob("tidelog/*/*/main*.tlog")}
    return run


def test_cross_validation_with_scikit_learn(tmp_path: Path) -> None:
    """Folds, nested summary, the confusion matrix and every chart."""
    run_script("cross_validate_sklearn", tmp_path, "ledger.json")
    ledger = json.loads((tmp_path / "ledger.json").read_text())
    with Reader(only_run(tmp_path)) as reader:
        rows = numbers_by_step(reader)
        assert ledger["rows"] == [rows[step] for step in range(5)]
        assert ledger["config"] == reader.config
        assert ledger["summary"] == {key: reader.summary[key] for key in ledger["summary"]}
        assert (
            ledger["confusion"] == reader.table("conf_mat").rows == reader.table("confusion_matrix").rows
        )
        assert [row["accuracy"] for row in ledger["rows"]] == reader.table("scores").column("y")
        assert "finished" == str(reader.state)
        assert ("random forest", "cross-validation") == (reader.name, reader.metadata["job_type"])
        assert ([], []) == (reader.damage, reader.torn_tails)


def test_boosting_with_xgboost(tmp_path: Path) -> None:
    """Every round's evaluations, the best of them, importances, the model's file and the artifact's."""
    run_script("boost_xgboost", tmp_path, "ledger.json")
    ledger = json.loads((tmp_path / "ledger.json").read_text())
    run = only_run(tmp_path)
    with Reader(run) as reader:
        rows = numbers_by_step(reader)
        assert ledger["rows"] == [rows[step] for step in range(len(ledger["rows"]))]
        assert ledger["config"] == {key: reader.config[key] for key in ledger["config"]}
        assert ledger["importance"] == dict(reader.table("Feature Importance").rows)
        best = {key: reader.summary[key] for key in ("best_score", "best_iteration")}
        assert {key: ledger[key] for key in best} == best
        assert ledger["test-rmse.min"] == reader.summary["test-rmse"]
        files = {entry.path for entry in reader.files()}
    kept = "files/artifacts/boost/v0/boost.json"
    assert {kept, f"files/{run.name}_model.json"} <= files
    assert (tmp_path / "boost.json").read_bytes() == (run / kept).read_bytes()


def test_a_loop_with_argparse_is_resumed(tmp_path: Path) -> None:
    """Half of it with an alert, then the rest, as one run; config from a Namespace, nested values."""
    run_script("resume_argparse", tmp_path, "--ledger", "1.json", "--id", "abc12345", "--stop-at", "25")
    run_script("resume_argparse", tmp_path, "--ledger", "2.json", "--id", "abc12345")
    first, second = (json.loads((tmp_path / f"{n}.json").read_text()) for n in (1, 2))
    assert (False, True) == (first["resumed"], second["resumed"])
    run = only_run(tmp_path)
    with Reader(run) as reader:
        rows = numbers_by_step(reader)
        expected = {
            row["step"]: {"loss": row["loss"], "optim.x": row["x"], "optim.v": row["v"]}
            for row in (*first["rows"], *second["rows"])
        }
        last = rows.pop(60)
        assert list(range(60)) == list(expected)
        assert expected == rows
        assert {"done": True, "loss/final": second["rows"][-1]["loss"]} == last
        assert second["final_x"] == reader.summary["final_x"]
        assert second["config"] == reader.config
        assert ("sgd", 7) == (reader.config["optimizer"]["name"], reader.config["seed"])
        alerts = [record.data for record in reader.records() if record.kind == "alert"]
        assert [{**each, "level": "WARN"} for each in first["alerts"]] == alerts
    assert 60 == json.loads((run / "files" / "checkpoint.json").read_text())["step"]


if HAS_TORCH:

    def test_an_image_classifier_in_pytorch(tmp_path: Path) -> None:
        """Workers, watched gradients, images, a table of images, a checkpoint, the best accuracy."""
        said = run_script("classify_digits_torch", tmp_path, "ledger.json")
        ledger = json.loads((tmp_path / "ledger.json").read_text())
        run = only_run(tmp_path)
        with Reader(run) as reader:
            rows = numbers_by_step(reader)
            assert ledger["rows"] == [rows[step] for step in range(len(ledger["rows"]))]
            assert ledger["config"] == reader.config
            summary = reader.summary
            assert ledger["summary"].pop("val/accuracy.max") == summary["val/accuracy"]
            assert ledger["summary"] == {key: summary[key] for key in ledger["summary"]}
            assert {"epoch"} == {reader.metrics["val/*"]["step_metric"]}
            table = reader.table("predictions")
            assert (["image", "prediction", "truth", "confidence"], 16) == (
                table.columns,
                len(table.rows),
            )
            captions = [str(m.caption) for m in reader.media("images") if m.key == "examples"]
            assert ["Pred: ", "Label: "] == re.findall(r"[A-Z][a-z]+: ", captions[0])
            assert 3 * 4 == len(captions)
            assert any(key.startswith("gradients/") for key in reader.history())
            assert any(key.startswith("parameters/") for key in reader.history())
            for media in reader.media():
                assert media.size == (run / media.path).stat().st_size
            assert ("finished", ["cnn", "cpu"]) == (str(reader.state), reader.metadata["tags"])
        assert (tmp_path / "model.pth").read_bytes() == (run / "files" / "model.pth").read_bytes()
        assert "training goes on" not in said
