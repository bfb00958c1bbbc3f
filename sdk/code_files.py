"""Which files below a folder may be source: what git lists, else what is no environment or run."""

import os
from collections.abc import Iterator
from functools import cached_property

from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import LOG_SUFFIX
from tidelog.sdk.notices import Notices

PASSED_OVER = frozenset(("node_modules", "__pycache__", "site-packages", "wandb"))
MARKS = ("pyvenv.cfg", LOG_SUFFIX)
"""How a name ends that makes its folder a virtual environment or a run, of whatever root."""


class CodeFiles:
    """Finds files of code; never hidden ones, virtual environments, runs, or what lies in `runs`."""

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
        marked = {name.rpartition("/")[0] for name in names if name.endswith(MARKS)} - {""}
        closed = tuple(f"{place}/" for place in marked)
        for name in names:
            path = os.path.join(folder, name)
            is_hidden = name.startswith(".") or "/." in name
            if is_hidden or name.startswith(closed) or self._is_run(path):
                continue
            if self._disk.is_file(path):  # No link, no submodule, none that was removed.
                yield path

    def _walk(self, folder: str, *, is_asked_for: bool = True) -> Iterator[str]:
        try:
            entries = self._disk.list(folder)
        except OSError as error:
            self._notices.tell("code folder", f"log_code() could not read {folder}: {error}")
            return
        if not is_asked_for and any(entry.name.endswith(MARKS) for entry in entries):
            return
        for entry in entries:
            path = os.path.join(folder, entry.name)
            if entry.name.startswith("."):
                continue
            if entry.is_file:
                yield path
            elif entry.is_directory and entry.name not in PASSED_OVER and not self._is_run(path):
                yield from self._walk(path, is_asked_for=False)

    def _is_run(self, path: str) -> bool:
        return (path + os.sep).startswith(self._runs + os.sep)
