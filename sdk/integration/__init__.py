"""Callbacks for libraries that train by themselves; each is loaded when somebody asks for it.

    from tidelog.sdk.integration.xgboost import WandbCallback
    from tidelog.sdk.integration.lightgbm import log_summary, wandb_callback
    from tidelog.sdk.integration.keras import WandbMetricsLogger
    from tidelog.sdk.integration import sklearn

The names are wandb's. None of them ends the training that calls it.
"""

from importlib import import_module
from typing import Any

ROOMS = ("keras", "lightgbm", "sklearn", "xgboost")


class Room:
    """A module that is loaded, and its library with it, when the first name is asked of it."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(self._module), name)

    def __repr__(self) -> str:
        return f"<{self._module}, loaded when it is used>"


def __getattr__(name: str) -> Room:
    if name in ROOMS:
        return Room(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
