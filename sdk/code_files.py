"""Which files below a folder may be source: what git lists, else what is no environment or run."""

import os
from collections.abc import Iterator
from functools import cached_property

from tidelog.datastore.disk import Disk
from tidelog.sdk.notices import Notices

PASSED_OVER = frozenset(("node_modules", "__pycache__", "site-packages", "wandb"))
VENV_MARK = "pyvenv.cfg"


class CodeFiles:
    """Finds files of code; never hidden ones, virtual environments, or what lies in `runs`."""

    def __init__(self, *, runs: str, disk: Disk, notices: Notices) -> None:
        self._given_runs = runs
        self._disk = disk
        self._notices = notices

    @cached_property
    def _runs(self) -> str:
        return os.path.realpath(self._given_runs)  # Not at once: its disk may not answer.

    def below(self, folder: str) -> Iterator[str]:
        """Yield absolute paths; what git ignores is left out where there is git."""
        from tidelog.sdk.facts.git import Checkout  # Few scripts ask.

        listed = Checkout(folder, disk=self._disk).tracked(folder)
        return self._walk(folder) if listed is None else self._listed(folder, sorted(listed))

    def _listed(self, folder: str, names: list[str]) -> Iterator[str]:
        marks = [name for name in names if name.rpartition("/")[2] == VENV_MARK]
        venvs = tuple(mark.removesuffix(VENV_MARK) for mark in marks if mark != VENV_MARK)
        for name in names:
            path = os.path.join(folder, name)
            is_hidden = name.startswith(".") or "/." in name
            if is_hidden or name.startswith(venvs) or self._is_run(path):
                continue
            if self._disk.is_file(path):  # No link, no submodule, none that was removed.
                yield path

    def _walk(self, folder: str) -> Iterator[str]:
        try:
            entries = self._disk.list(folder)
        except OSError as error:
            self._notices.tell("code folder", f"log_code() could not read {folder}: {error}")
            return
        for entry in entries:
            path = os.path.join(folder, entry.name)
            if entry.name.startswith("."):
                continue
            if entry.is_file:
                yield path
            elif entry.is_directory and not self._is_passed_over(path):
                yield from self._walk(path)

    def _is_passed_over(self, path: str) -> bool:
        is_venv = self._disk.is_there(os.path.join(path, VENV_MARK))
        return is_venv or os.path.basename(path) in PASSED_OVER or self._is_run(path)

    def _is_run(self, path: str) -> bool:
        return (path + os.sep).startswith(self._runs + os.sep)
