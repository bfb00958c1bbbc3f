"""Names that wandb has and tidelog has not: each says once what to do instead, and training goes on.

A few cannot be passed over: a sweep that is not there would train nothing and end as if all were well.
These raise AbsentError where they are called. A name that wandb never had is an AttributeError, and
to look at a name tells nobody anything.
"""

from tidelog.sdk.errors import AbsentError
from tidelog.sdk.notices import Notices

_LOOP = "loop over the configs: for config in configs: with sdk.init(config=config, group='sweep')"
_READ = "tidelog.datastore reads runs: open_root('tidelog').runs(), Reader('tidelog/latest')"
_LOG = "log the values with sdk.log(...)"

STOPPED = {
    "Api": _READ,
    "agent": _LOOP,
    "api": _READ,
    "apis": _READ,
    "catboost": "write the callback: def after_iteration(self, info): sdk.log(...); return True",
    "controller": _LOOP,
    "sweep": _LOOP,
}
"""Called, these raise: to go on without them would be another job."""

PASSED = {
    "ArtifactTTL": "runs are kept until you delete them",
    "EvalTable": "log an sdk.Table",
    "Graph": "log a drawing of it as sdk.Image(...)",
    "JoinedTable": "log the tables, and join them where you read them",
    "Molecule": "keep its file with sdk.save(path)",
    "beta": _LOG,
    "gym": "log videos with sdk.Video(...)",
    "jupyter": "a notebook needs nothing but sdk.init(...)",
    "profiler": "keep the profiler's files with sdk.save(path)",
    "sacred": _LOG,
    "sagemaker_auth": "no account is needed",
    "tensorboard": _LOG,
    "tensorflow": _LOG,
    "visualize": "log an sdk.Table, or a chart of sdk.plot",
}
"""Called, these say what to do instead, and return None."""

SILENT = frozenset({"ensure_configured", "pin_config_keys", "require", "setup", "termsetup"})
"""Nothing is lost without these, so nothing is said."""


class Absent:
    """Stands for a function or a module of wandb's; what it says comes when it is called."""

    def __init__(self, name: str, notices: Notices, *, module: str = "") -> None:
        self._name = name
        self._notices = notices
        self._module = module or name

    def __call__(self, *_args: object, **_keywords: object) -> None:
        if self._module in SILENT:
            return
        if self._module in STOPPED:
            raise AbsentError(f"sdk.{self._name}() is not there; {STOPPED[self._module]}")
        remedy = PASSED[self._module]
        self._notices.tell(
            f"absent {self._name}", f"sdk.{self._name}() has no effect, training goes on; {remedy}"
        )

    def __getattr__(self, name: str) -> "Absent":
        if name.startswith("_"):
            raise AttributeError(name)
        return Absent(f"{self._name}.{name}", self._notices, module=self._module)

    def __repr__(self) -> str:
        return f"<sdk.{self._name}: wandb has it, tidelog has not>"


def is_absent(name: str) -> bool:
    """Tell whether wandb has a name that tidelog only answers for."""
    return name in STOPPED or name in PASSED or name in SILENT
