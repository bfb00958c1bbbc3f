"""wandb's calls about artifacts and models: files are kept in the run, and nothing is fetched."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tidelog.datastore.disk import Disk
from tidelog.sdk.from_wandb.artifact import Artifact
from tidelog.sdk.notices import shown

if TYPE_CHECKING:
    from tidelog.sdk.recording import Run

StrPath = str | os.PathLike[str]


def log_artifact(
    run: "Run | None",
    artifact_or_path: Artifact | StrPath,
    name: str | None = None,
    type: str | None = None,  # noqa: A002 - wandb's name for it
    aliases: Sequence[str] | None = None,
    **_: object,
) -> Artifact:
    """Keep an artifact's files in the run and return it; a path stands for one of its file or folder."""
    artifact = _as_artifact(artifact_or_path, name, type)
    artifact.aliases = list(aliases or ["latest"])
    if run is None or run.disabled or run.is_finished:
        return artifact
    run.notices.tell(
        "log_artifact",
        "log_artifact() keeps the files in the run, below files/artifacts; there is no registry, and "
        "run.save(path) does the same for one file",
    )
    try:
        artifact.keep(run, disk=Disk())
    except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
        run.notices.tell(
            "log_artifact failed",
            f"log_artifact({shown(artifact.name)}) could not copy everything: {error}; training goes on",
        )
    return artifact


def use_artifact(
    run: "Run | None",
    artifact_or_name: Artifact | str,
    type: str | None = None,  # noqa: A002 - wandb's name for it
    **_: object,
) -> Artifact:
    """Return an artifact whose files are expected where `download()` says: nothing is fetched."""
    if isinstance(artifact_or_name, Artifact):
        return artifact_or_name
    artifact = Artifact(artifact_or_name, type or "unspecified")
    if run is not None:
        run.notices.tell(
            "use_artifact",
            f"use_artifact({shown(artifact.name)}) fetches nothing: put the files into "
            f"{artifact.download()}, and tie them to the run with "
            "run.config.update(dataset=sdk.fingerprint(path))",
        )
    return artifact


def link_artifact(
    run: "Run | None", artifact: Artifact, target_path: str = "", *_: object, **__: object
) -> Artifact:
    """Return the artifact: there is no registry to link it into."""
    if run is not None:
        run.notices.tell(
            "link_artifact",
            f"link_artifact() has no effect, there is no registry: {shown(target_path)} may be a tag of "
            "the run, init(tags=[...])",
        )
    return artifact


def finish_artifact(
    run: "Run | None", artifact_or_path: Artifact | StrPath, *_: object, **__: object
) -> Artifact:
    """Keep an artifact's files, as `log_artifact` does."""
    return log_artifact(run, artifact_or_path)


def log_model(
    run: "Run | None", path: StrPath, name: str | None = None, aliases: Sequence[str] | None = None
) -> None:
    """Keep a model's file or folder in the run."""
    log_artifact(run, path, name, "model", aliases)


def link_model(
    run: "Run | None",
    path: StrPath,
    registered_model_name: str = "",
    name: str | None = None,
    **_: object,
) -> Artifact:
    """Keep a model's file or folder in the run; there is no registry to link it into."""
    return link_artifact(run, log_artifact(run, path, name, "model"), registered_model_name)


def use_model(run: "Run | None", name: str) -> str:
    """Return the folder that a model is expected in: nothing is fetched."""
    return use_artifact(run, name, "model").download()


def _as_artifact(given: object, name: str | None, kind: str | None) -> Artifact:
    if isinstance(given, Artifact):
        return given
    path = os.fspath(given) if isinstance(given, os.PathLike) else str(given)
    artifact = Artifact(name or os.path.basename(os.path.normpath(path)), kind or "unspecified")
    if Disk().is_directory(path):
        artifact.add_dir(path)
    else:
        artifact.add_file(path)
    return artifact
