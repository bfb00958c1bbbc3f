"""Keras: callbacks that log what `model.fit` measures, and keep the checkpoints that it writes."""

import re
from typing import Any

import keras

from tidelog import sdk
from tidelog.datastore.disk import Disk
from tidelog.sdk.harmless import harmless


class WandbMetricsLogger(keras.callbacks.Callback):
    """Logs metrics as `epoch/loss`, and with `log_freq="batch"` or every n batches as `batch/loss`."""

    def __init__(self, log_freq: str | int = "epoch", initial_global_step: int = 0) -> None:
        super().__init__()
        self._batches_between = (
            1 if log_freq == "batch" else log_freq if isinstance(log_freq, int) else 0
        )
        self._batch = initial_global_step
        axis = "batch/batch_step" if self._batches_between else "epoch/epoch"
        sdk.define_metric(axis)
        sdk.define_metric(f"{axis.partition('/')[0]}/*", step_metric=axis)

    @harmless
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the epoch's metrics."""
        self._log("epoch", {**(logs or {}), "epoch": epoch})

    @harmless
    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the metrics of every n-th batch."""
        if self._batches_between and batch % self._batches_between == 0:
            self._log("batch", {**(logs or {}), "batch_step": self._batch})
        self._batch += 1

    def _log(self, prefix: str, values: dict[str, Any]) -> None:
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        row = {f"{prefix}/{name}": value for name, value in values.items()}
        sdk.log({**row, f"{prefix}/learning_rate": float(rate)})


class WandbModelCheckpoint(keras.callbacks.ModelCheckpoint):
    """Keras' own checkpoint callback; each file that it writes is kept in the run."""

    def __init__(self, filepath: str, *args: Any, **keywords: Any) -> None:
        super().__init__(filepath, *args, **keywords)
        self._pattern = re.sub(r"\{[^}]*\}", "*", str(filepath))
        self._kept: dict[str, int] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Let Keras write its checkpoint, and keep it."""
        super().on_epoch_end(epoch, logs)
        self._keep_new_files()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Let Keras write its checkpoint, and keep it."""
        super().on_train_batch_end(batch, logs)
        if self.save_freq != "epoch":
            self._keep_new_files()

    @harmless
    def _keep_new_files(self) -> None:
        disk = Disk()
        for path in disk.glob(self._pattern):
            written = disk.stat(path).st_mtime_ns
            if self._kept.get(path) != written:
                self._kept[path] = written
                sdk.save(path)


class WandbCallback(keras.callbacks.Callback):
    """wandb's older callback: logs the metrics of each epoch under their own names."""

    def __init__(self, **_: object) -> None:
        super().__init__()

    @harmless
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the epoch's metrics."""
        sdk.log({**(logs or {}), "epoch": epoch})
