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

from tidelog.sdk import media
from tidelog.sdk.alerts import AlertLevel
from tidelog.sdk.current import Current
from tidelog.sdk.forward import Forward
from tidelog.sdk.media.image import Image  # At once: a signal handler may be the first that wants one.
from tidelog.sdk.notices import shown
from tidelog.sdk.ranks import rank_zero_only
from tidelog.sdk.recording import Run
from tidelog.sdk.syncing import TIMEOUT_S

__all__ = [
    "AlertLevel",
    "Image",
    "Run",
    "alert",
    "as_wandb",
    "attach",
    "config",
    "define_metric",
    "fingerprint",
    "finish",
    "init",
    "log",
    "log_code",
    "mark_preempting",
    "rank_zero_only",
    "run",
    "save",
    "summary",
    "sync",
    "wait",
]

_current = Current()

config = Forward(_current.config)
summary = Forward(_current.summary)

if TYPE_CHECKING:
    from tidelog.sdk.media import Audio as Audio
    from tidelog.sdk.media import BoundingBoxes2D as BoundingBoxes2D
    from tidelog.sdk.media import Classes as Classes
    from tidelog.sdk.media import Histogram as Histogram
    from tidelog.sdk.media import Html as Html
    from tidelog.sdk.media import ImageMask as ImageMask
    from tidelog.sdk.media import Object3D as Object3D
    from tidelog.sdk.media import Plotly as Plotly
    from tidelog.sdk.media import Table as Table
    from tidelog.sdk.media import Text as Text
    from tidelog.sdk.media import Video as Video
    from tidelog.sdk.media import box3d as box3d

    run: Run | None
else:

    def __getattr__(name: str) -> Any:
        if name == "run":
            return _current.run
        if name in media.HOMES:
            return getattr(media, name)
        if name.startswith("_") and name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from tidelog.sdk.from_wandb.names import find_name

        return find_name(name, _current)

    def __dir__() -> list[str]:
        """Return what a prompt completes: names for scripts, those that are loaded late as well."""
        from tidelog.sdk.from_wandb.names import SHOWN

        return sorted({*__all__, *media.HOMES, *SHOWN})


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
    save_code: bool | None = None,
    allow_val_change: bool | None = None,
    config_include_keys: Sequence[str] | None = None,
    config_exclude_keys: Sequence[str] | None = None,
    fork_from: str | None = None,
    **unknown: Any,
) -> Run:
    """Begin a run and make it the current one.

    `dir` is the root that runs are in, `./tidelog` where nothing says otherwise. `mode` is "online"
    (record, and see to it that a syncd uploads), "offline" (record; no socket is opened) or "disabled";
    without one it is online where a hub is configured. An `id` that is there already is resumed;
    `resume` is "allow", "must", "never", or "auto" for the last run of the project that did not end
    well, or for the run of a job that its scheduler queued again. `fork_from="<id>?_step=<n>"` begins
    with the rows of another run of the project. `config` is a mapping, an argparse Namespace, a
    dataclass, an OmegaConf or the path of a JSON, TOML or YAML file. `settings` takes what
    `TIDELOG_*` variables do: console, monitor, ranks, durability, quiet and more. Arguments that are
    not known are told.
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
            "save_code": save_code,
            "allow_val_change": allow_val_change,
            "config_include_keys": config_include_keys,
            "config_exclude_keys": config_exclude_keys,
            "fork_from": fork_from,
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
    glob_or_path: str | os.PathLike[str] | None = None,
    base_path: str | os.PathLike[str] | None = None,
    policy: str = "now",
) -> list[str]:
    """Copy files into the current run; see `Run.save`."""
    current = _current.find("save()")
    return [] if current is None else current.save(glob_or_path, base_path, policy)


def log_code(
    root: str | os.PathLike[str] = ".", name: str | None = None, *args: Any, **keywords: Any
) -> list[str]:
    """Copy source files into the current run; see `Run.log_code`."""
    current = _current.find("log_code()")
    return [] if current is None else current.log_code(root, name, *args, **keywords)


def fingerprint(data: object, *, exclude: Sequence[str] | str = ()) -> str | None:
    """Return the SHA-256 of a file, folder, list of paths, array or bytes, for `config`.

    It says on which data a run was trained: `run.config.update({"data": sdk.fingerprint(path)})`. How
    others can compute it is said at `tidelog.sdk.fingerprints.fingerprint`. None, which is told, where
    there is none.
    """
    from tidelog.sdk import fingerprints  # Few scripts ask for one.

    try:
        return fingerprints.fingerprint(data, exclude=exclude)
    except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
        _current.notices.tell(
            "fingerprint", f"fingerprint({shown(data)}) could not be made: {error}; it is None"
        )
        return None


def alert(title: str, text: str = "", level: object = "INFO", wait_duration: object = None) -> None:
    """Record something that people should see; see `Run.alert`."""
    current = _current.find("alert()")
    if current is not None:
        current.alert(title, text, level, wait_duration)


def mark_preempting() -> None:
    """Record that this process is about to be taken away; see `Run.mark_preempting`."""
    current = _current.find("mark_preempting()")
    if current is not None:
        current.mark_preempting()


def attach(
    run_id: str,
    *,
    project: str | None = None,
    dir: str | os.PathLike[str] | None = None,  # noqa: A002 - as in init()
) -> Run:
    """Record in a run that another process began, and make it the current one of this process.

    It is looked for below the root `dir`, in `project` or in any. What is logged goes to a log of its
    own and is read as one with the run; `finish()` ends this process's part alone.
    """
    return _current.attach(run_id, project=project, directory=dir)


def sync(
    path: str | os.PathLike[str] | None = None, *, to: str | None = None, timeout: float = TIMEOUT_S
) -> bool:
    """Upload a run, a project or a root, the current run where no path is given.

    Returns whether the target, the hub or `to`, has acknowledged all of it. `timeout` is how long it
    may be out of reach, in seconds.
    """
    if path is None:
        current = _current.find("sync()")
        return False if current is None else current.wait(timeout, to=to)
    from tidelog.sdk.syncing import sync_path

    return sync_path(path, to=to, timeout_s=timeout, notices=_current.notices)


def wait(timeout: float = TIMEOUT_S) -> bool:
    """Wait until all that the current run has logged so far is on the hub; see `Run.wait`."""
    current = _current.find("wait()")
    return False if current is None else current.wait(timeout)


def as_wandb() -> ModuleType:
    """Let `import wandb` mean this package, for libraries that import wandb; see `alias.as_wandb`."""
    from tidelog.sdk.from_wandb import alias

    return alias.as_wandb()


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:  # noqa: FBT001 - wandb's signature
    """End the current run; see `Run.finish`."""
    current = _current.run
    if current is not None:
        current.finish(exit_code, quiet)
