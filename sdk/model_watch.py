"""`watch()`: the PyTorch models of a run whose gradients and parameters are recorded as histograms.

`sdk.watch` is a function of this module, in whose place a module of that name would put itself.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tidelog.sdk.notices import Notices, shown
from tidelog.sdk.watched_model import WatchedModel

if TYPE_CHECKING:
    from tidelog.sdk.recording import Run

LOG_FREQ = 1000
KINDS: dict[str | None, tuple[str, ...]] = {
    "gradients": ("gradients",),
    "parameters": ("parameters",),
    "all": ("parameters", "gradients"),
    None: (),
}


class ModelWatch:
    """The models that one run watches."""

    def __init__(self, log: Callable[[dict[str, Any]], None], *, notices: Notices) -> None:
        """Take what records values in the row that is committed next."""
        self._log = log
        self._notices = notices
        self._watched: list[WatchedModel] = []
        self._models_so_far = 0

    def watch(
        self,
        models: Any,
        *,
        log: str | None = "gradients",
        log_freq: int = LOG_FREQ,
        idx: int | None = None,
    ) -> None:
        """Record histograms of one or several models, each `log_freq` passes that have gradients.

        `log` is "gradients", "parameters" or "all". Names are wandb's: `gradients/layer.weight`, with
        `graph_1` before the layer for a second model.
        """
        if log not in KINDS:
            self._notices.tell(
                "watch log",
                f"watch(log={shown(log)}) is none of gradients, parameters, all: gradients it is",
            )
            log = "gradients"
        for model in _as_list(models):
            if not callable(getattr(model, "register_forward_hook", None)):
                self._notices.tell(
                    "watch model", f"watch({shown(model)}) is no model of PyTorch: left out"
                )
                continue
            number = self._models_so_far if idx is None else idx
            self._models_so_far += 1
            if any(watched.model is model for watched in self._watched):
                self._notices.tell(
                    "watch twice", "watch() of a model that is watched already has no effect"
                )
                continue
            prefix = f"graph_{number}" if number else ""
            self._watched.append(
                WatchedModel(
                    model,
                    KINDS[log],
                    prefix=prefix,
                    every=max(int(log_freq), 1),
                    log=self._log,
                    tell=self._tell,
                )
            )

    def start(self) -> None:
        """Begin: models are watched as they are named."""

    def stop(self) -> None:
        """Take all hooks off, as the run ends."""
        self.unwatch()

    def unwatch(self, models: Any = None) -> None:
        """Record no more of these models, of none for None."""
        chosen = None if models is None else _as_list(models)
        for watched in list(self._watched):
            if chosen is None or any(watched.model is model for model in chosen):
                watched.stop()
                self._watched.remove(watched)

    def _tell(self, error: Exception) -> None:
        self._notices.tell(
            "watch",
            f"watch() could not record a model ({type(error).__name__}: {error}); training goes on",
        )


def watch(
    run: "Run | None",
    models: Any,
    criterion: object = None,  # noqa: ARG001 - wandb's; it draws the model's graph with it.
    log: str | None = "gradients",
    log_freq: int = LOG_FREQ,
    idx: int | None = None,
    log_graph: bool = False,  # noqa: FBT001, FBT002 - wandb's signature
) -> list[Any]:
    """Record a model's gradients and parameters in a run; see `ModelWatch.watch`.

    Returns no graphs: the list is empty.
    """
    if run is None or run.disabled or run.is_finished:
        return []
    if log_graph:
        run.notices.tell(
            "watch log_graph",
            "watch(log_graph=True) draws no graph of the model: log sdk.Text(str(model)) to keep its "
            "layers",
        )
    watching = run.lifetime.find_watcher(ModelWatch)
    if watching is None:
        watching = ModelWatch(lambda row: run.log(row, commit=False), notices=run.notices)
        run.lifetime.start_watcher(watching)
    try:
        watching.watch(models, log=log, log_freq=log_freq, idx=idx)
    except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
        watching._tell(error)
    return []


def unwatch(run: "Run | None", models: Any = None) -> None:
    """Record no more of these models, of none for None."""
    watching = None if run is None else run.lifetime.find_watcher(ModelWatch)
    if watching is not None:
        watching.unwatch(models)


def _as_list(models: Any) -> list[Any]:
    return list(models) if isinstance(models, (list, tuple)) else [models]
