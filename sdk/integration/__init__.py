"""Callbacks for libraries that train by themselves; each is loaded when somebody asks for it.

    from tidelog.sdk.integration.xgboost import WandbCallback
    from tidelog.sdk.integration.lightgbm import log_summary, wandb_callback
    from tidelog.sdk.integration.keras import WandbMetricsLogger
    from tidelog.sdk.integration import sklearn

The names are wandb's. None of them ends the training that calls it.
"""

from importlib import import_module
from types import ModuleType

ROOMS = ("keras", "lightgbm", "sklearn", "xgboost")


def __getattr__(name: str) -> ModuleType:
    if name in ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
