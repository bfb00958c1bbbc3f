"""`log_code()`: copies the source of a script into `files/code/`, and nothing else beside it."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import WriterClosedError
from tidelog.sdk.code_files import CodeFiles
from tidelog.sdk.facts.script import notebook_cells
from tidelog.sdk.matches import Match, Matches
from tidelog.sdk.naming import safe_name
from tidelog.sdk.notices import Notices
from tidelog.sdk.saving import FileSaver

FOLDER = "code"
FILES_MAX = 1000
FILE_BYTES_MAX = 2 * 1024 * 1024
TOTAL_BYTES_MAX = 50 * 1024 * 1024

INCLUDED = ("*.py", "requirements*.txt", "pyproject.toml", "Dockerfile*")

Choice = Callable[..., Any] | Sequence[str] | str | None
Choose = Callable[[str], bool]


class SourceCode:
    """Copies source files for one run. `root` is where runs are, which hold copies of code."""

    def __init__(
        self, directory: str, *, root: str, files: FileSaver, disk: Disk, notices: Notices
    ) -> None:
        self._found = CodeFiles(runs=root, disk=disk, notices=notices)
        self._files = files
        self._disk = disk
        self._notices = notices
        self._directory = directory
        self._threads: list[threading.Thread] = []
        self._kept_cells: str | None = None

    @cached_property
    def _matches(self) -> Matches:
        directory = os.path.realpath(self._directory)  # Not at once: its disk may not answer.
        return Matches(directory, disk=self._disk, notices=self._notices)

    def log(self, folder: str, name: str | None, include: Choice, exclude: Choice) -> list[str]:
        """Choose files below a folder; return their paths in the run, such as `files/code/train.py`.

        They are copied beside training: each is synced, which takes milliseconds. A choice is a
        callable that gets an absolute path (and the folder, where it takes two), or patterns for the
        relative path or its last part.
        """
        folder = os.path.realpath(folder)
        is_included = as_choice(include, folder, default=INCLUDED)
        is_excluded = as_choice(exclude, folder, default=())
        chosen = (p for p in self._found.below(folder) if is_included(p) and not is_excluded(p))
        place = FOLDER if name is None else f"{FOLDER}/{safe_name(name, default='code')}"
        matches = [self._match(path, folder, place) for path in self._bounded(chosen, folder)]
        paths = [self._files.path_of(match) for match in matches]
        self._take_beside(matches)
        return paths

    def keep_entry(self, program: str | None) -> None:
        """Copy the script or the notebook itself, or the cells that ran where the code is in no file."""
        if program is not None and self._disk.is_file(program):
            path = os.path.abspath(program)
            self._files.take(self._match(path, os.path.dirname(path), FOLDER), "now")
        else:
            self._keep_cells()

    def stop(self) -> None:
        """Return once all that was chosen is copied, and cells that ran meanwhile are there as well."""
        for thread in self._threads:
            thread.join()
        if self._kept_cells is not None:
            self._keep_cells()

    def _keep_cells(self) -> None:
        cells = notebook_cells()
        if cells is not None and cells != self._kept_cells:
            self._kept_cells = cells
            self._files.write(f"{FOLDER}/cells.py", cells.encode("utf-8", "backslashreplace"))

    def _match(self, path: str, folder: str, place: str) -> Match:
        return Match(path, f"{place}/{self._matches.name_below(path, folder)}")

    def _take_beside(self, matches: list[Match]) -> None:
        thread = threading.Thread(
            target=self._take_all, args=(matches,), name="tidelog-code", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # No thread is to be had.
            self._take_all(matches)
        else:
            self._threads.append(thread)

    def _take_all(self, matches: list[Match]) -> None:
        try:
            for match in matches:
                self._files.take(match, "now")
        except WriterClosedError:
            pass  # Somebody did not wait for `stop`.
        except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
            self._notices.tell("code", f"log_code() failed: {error!r}; training goes on")

    def _bounded(self, paths: Iterator[str], folder: str) -> Iterator[str]:
        """Yield files up to the limits, and tell once what is left out for one."""
        count = total = 0
        for path in paths:
            try:
                size = self._disk.stat(path).st_size
            except OSError:
                continue  # It went while we looked.
            if size > FILE_BYTES_MAX:
                self._tell_limit(
                    f"{path} has {size} bytes, of at most {FILE_BYTES_MAX}: it was left out"
                )
                continue
            count, total = count + 1, total + size
            if count > FILES_MAX or total > TOTAL_BYTES_MAX:
                self._tell_limit(
                    f"{folder} holds more than {FILES_MAX} files or {TOTAL_BYTES_MAX} bytes of "
                    "code: the first ones were saved"
                )
                return
            yield path

    def _tell_limit(self, text: str) -> None:
        self._notices.tell("code limit", f"log_code(): {text}; choose with root= or exclude=")


def as_choice(choice: Choice, folder: str, *, default: Sequence[str]) -> Choose:
    """Return what tells whether an absolute path is chosen."""
    if callable(choice):
        return _as_predicate(choice, folder)
    patterns = [choice] if isinstance(choice, str) else list(default if choice is None else choice)

    def is_chosen(path: str) -> bool:
        relative = os.path.relpath(path, folder)
        names = (relative, os.path.basename(path))
        return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)

    return is_chosen


def _as_predicate(choice: Callable[..., Any], folder: str) -> Choose:
    """Return wandb's `include_fn(path)` or `include_fn(path, root)` as one of one argument."""
    try:
        takes_two = choice.__code__.co_argcount - (hasattr(choice, "__self__")) >= 2
    except AttributeError:
        takes_two = False
    return lambda path: bool(choice(path, folder) if takes_two else choice(path))
