"""Keras trains for real, on PyTorch; what `fit` returns is what is read back."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from saved_files import saved_files

from tidelog import sdk
from tidelog.datastore import Reader
from tidelog.sdk.integration.keras import WandbCallback, WandbMetricsLogger, WandbModelCheckpoint

# Keras 3.15 on PyTorch 2.13 with NumPy 2: said of its own arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def fit(*callbacks: keras.callbacks.Callback, epochs: int = 3) -> dict[str, list[float]]:
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    history = model.fit(
        X, Y, epochs=epochs, batch_size=16, validation_split=0.25, verbose=0, callbacks=callbacks
    )
    return history.history  # type: ignore[no-any-return]


def columns(run: sdk.Run) -> dict[str, list[Any]]:
    with Reader(run.dir) as reader:
        history = reader.history()
        return {name: list(reader.metric(name).value) for name in history if name[0] != "_"}


def test_each_epoch_is_logged_as_keras_reports_it(run: sdk.Run) -> None:
    """Under `epoch/`, with the learning rate; its axis is `epoch/epoch`."""
    expected = fit(WandbMetricsLogger())
    sdk.finish()
    got = columns(run)
    assert expected["loss"] == got["epoch/loss"]
    assert expected["val_loss"] == got["epoch/val_loss"]
    assert [0, 1, 2] == got["epoch/epoch"]
    np.testing.assert_allclose([0.01] * 3, got["epoch/learning_rate"])
    with Reader(run.dir) as reader:
        assert "epoch/epoch" == reader.metrics["epoch/*"]["step_metric"]


@pytest.mark.parametrize(("frequency", "expected"), [("batch", [0, 1, 2, 3, 4, 5]), (2, [0, 2, 3, 5])])
def test_batches_are_logged_as_often_as_was_said(
    frequency: str | int, expected: list[int], run: sdk.Run
) -> None:
    """Three batches an epoch, counted on from epoch to epoch."""
    fit(WandbMetricsLogger(log_freq=frequency), epochs=2)
    sdk.finish()
    got = columns(run)
    assert expected == got["batch/batch_step"]
    assert len(expected) == len(got["batch/loss"])


def test_the_older_callback_logs_plain_names(run: sdk.Run) -> None:
    """`wandb.keras.WandbCallback` of older scripts."""
    expected = fit(WandbCallback(save_model=False))
    sdk.finish()
    got = columns(run)
    assert (expected["loss"], [0, 1, 2]) == (got["loss"], got["epoch"])


def test_every_checkpoint_that_keras_writes_is_kept(
    run: sdk.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of each epoch, in the ledger once."""
    monkeypatch.chdir(tmp_path)
    fit(WandbModelCheckpoint("models/at-{epoch:02d}.keras"))
    sdk.finish()
    with Reader(run.dir) as reader:
        kept = [entry.path for entry in saved_files(reader)]
    assert [f"files/models/at-{epoch:02d}.keras" for epoch in (1, 2, 3)] == kept
    for path in kept:
        assert (Path(run.dir) / path).read_bytes() == Path(path.removeprefix("files/")).read_bytes()
