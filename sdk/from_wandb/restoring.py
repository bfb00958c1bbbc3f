"""`restore()`: a file that a run saved earlier, opened; a resumed run finds its checkpoint by it."""

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import FILES_DIRECTORY
from tidelog.sdk.notices import shown

if TYPE_CHECKING:
    from tidelog.sdk.recording import Run


def restore(
    run: "Run | None",
    name: str,
    run_path: str | None = None,
    replace: bool = False,  # noqa: FBT001, FBT002 - wandb's signature
    root: str | os.PathLike[str] | None = None,
    *,
    disk: Disk | None = None,
) -> IO[str] | None:
    """Open a saved file of the run, or of the run at `run_path` of the same root; None where it is not.

    With `root` it is copied there first, over a file of that name only where `replace` says so.
    """
    if run is None:
        return None
    disk = disk or Disk()
    path = os.path.join(_find_run(Path(run.dir), run_path), FILES_DIRECTORY, name)
    try:
        if root is not None:
            path = _copied(path, os.path.join(root, name), replace=replace, disk=disk)
        if disk.is_file(path):
            return disk.open_text(path)
        trouble = f"found no file at {path}; run.save(path) keeps one"
    except OSError as error:
        trouble = f"failed: {error}; training goes on"
    run.notices.tell("restore", f"restore({shown(name)}) {trouble}")
    return None


def _copied(path: str, target: str, *, replace: bool, disk: Disk) -> str:
    if disk.is_file(path) and (replace or not disk.is_there(target)):
        disk.make_directory(os.path.dirname(target))
        disk.copy(path, target)
    return target


def _find_run(directory: Path, run_path: str | None) -> Path:
    """Return the run directory that `entity/project/id`, `project/id` or `id` means beside this one."""
    if run_path is None:
        return directory
    parts = [directory.parent.name, *run_path.strip("/").split("/")]
    return directory.parents[1] / parts[-2] / parts[-1]
