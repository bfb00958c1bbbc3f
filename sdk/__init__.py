"""What a training script imports: `from tidelog import sdk`.

    run = sdk.init(project="mnist", config={"lr": 1e-3})
    run.log({"loss": 0.3, "val/sample": sdk.Image(array, caption="7")})
    run.finish()

The names are wandb's. Nothing here raises into training: what cannot be recorded is said once.
"""

import os
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tidelog.sdk.current import Current
from tidelog.sdk.media.image import Image
from tidelog.sdk.recording import Run
from tidelog.sdk.views import Forward

__all__ = [
    "Image",
    "Run",
    "alert",
    "as_wandb",
    "config",
    "define_metric",
    "finish",
    "init",
    "log",
    "run",
    "save",
    "summary",
]

_current = Current()

config = Forward(_current.config)
summary = Forward(_current.summary)

if TYPE_CHECKING:
    run: Run | None
else:

    def __getattr__(name: str) -> Any:
        if name == "run":
            return _current.run
        if name.startswith("_") and name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from tidelog.sdk.wandb_names import find_name

        return find_name(name, _current)


def init(
    project: str | None = None,
    *,
    entity: str | None = None,
    name: str | None = None,
    id: str | None = None,  # noqa: A002 - wandb's name for it
    config: object = None,
    tags: Sequence[str] | str | None = None,
    notes: str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    dir: str | os.PathLike[str] | None = None,  # noqa: A002 - wandb's name for it
    mode: str | None = None,
    resume: bool | str | None = None,
    reinit: bool | str | None = None,
    settings: Mapping[str, Any] | object | None = None,
    **unknown: Any,
) -> Run:
    """Begin a run and make it the current one.

    `dir` is the root that runs are in, `./tidelog` where nothing says otherwise. `mode` is "online"
    (record, and see to it that a syncd uploads), "offline" (record; no socket is opened) or "disabled";
    without one it is online where a hub is configured. An `id` that is there already is resumed.
    `config` is a mapping, an argparse Namespace or a dataclass. Arguments that are not known are told.
    """
    return _current.init(
        {
            "project": project,
            "entity": entity,
            "name": name,
            "id": id,
            "config": config,
            "tags": tags,
            "notes": notes,
            "group": group,
            "job_type": job_type,
            "dir": dir,
            "mode": mode,
            "resume": resume,
            "reinit": reinit,
            "settings": settings,
            "unknown": unknown,
        }
    )


def log(
    data: Mapping[str, Any],
    step: int | None = None,
    commit: bool | None = True,  # noqa: FBT001, FBT002 - wandb's signature
    sync: object = None,  # noqa: ARG001 - wandb's; what is logged is always written at once.
) -> None:
    """Record one row in the current run; see `Run.log`."""
    current = _current.run or _current.find("log()")
    if current is not None:
        current.log(data, step, commit)


def define_metric(name: str, *args: Any, **keywords: Any) -> None:
    """Record how a metric of the current run is to be read; see `Run.define_metric`."""
    current = _current.find("define_metric()")
    if current is not None:
        current.define_metric(name, *args, **keywords)


def save(
    glob_or_path: str | os.PathLike[str],
    base_path: str | os.PathLike[str] | None = None,
    policy: str = "now",
) -> list[str]:
    """Copy files into the current run; see `Run.save`."""
    current = _current.find("save()")
    return [] if current is None else current.save(glob_or_path, base_path, policy)


def alert(title: str, text: str = "", level: object = "INFO") -> None:
    """Record something that people should see; see `Run.alert`."""
    current = _current.find("alert()")
    if current is not None:
        current.alert(title, text, level)


def as_wandb() -> ModuleType:
    """Let `import wandb` mean this package, for libraries that import wandb; see `alias.as_wandb`."""
    from tidelog.sdk import alias

    return alias.as_wandb()


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:  # noqa: FBT001 - wandb's signature
    """End the current run; see `Run.finish`."""
    current = _current.run
    if current is not None:
        current.finish(exit_code, quiet)
