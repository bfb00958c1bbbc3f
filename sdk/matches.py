"""Which files a pattern means, and what they are called in the run."""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import FILES_DIRECTORY, TEMPORARY_SUFFIX
from tidelog.sdk.naming import file_path_fault, safe_name
from tidelog.sdk.notices import Notices, shown

FILES_PER_CALL_MAX = 10_000


class Match(NamedTuple):
    """A file, and its name below `files/`."""

    source: str
    name: str


def anchored(pattern: str, base_path: str | None) -> tuple[str, str | None]:
    """Return a pattern and a base path that mean the same after the working directory has changed."""
    if os.path.isabs(pattern):
        return pattern, base_path and os.path.abspath(base_path)
    here = os.getcwd()
    base = here if base_path is None and not _is_outside(os.path.dirname(pattern)) else base_path
    return os.path.join(_LITERALLY.sub(r"[\1]", here), pattern), base and os.path.abspath(base)


class Matches:
    """Finds files by pattern for one run, which never finds itself."""

    def __init__(self, directory: str, *, disk: Disk, notices: Notices) -> None:
        self._directory = directory
        self._disk = disk
        self._notices = notices

    def find(self, pattern: str, base_path: str | None, *, is_told: bool = True) -> list[Match]:
        """Return the files of a path, a folder or a pattern; where there are none, tell it or not."""
        found: list[Match] = []
        # A pattern or folder above the run would copy the run into itself.
        is_above = not self._is_own(os.path.dirname(pattern))
        is_literal = self._disk.is_there(pattern)
        root = base_path or _root_of(pattern, is_literal=is_literal)
        for match in [pattern] if is_literal else self._disk.glob(pattern):
            for path in self._below(match):
                if is_above and path != pattern and self._is_own(path):
                    continue
                if len(found) == FILES_PER_CALL_MAX:
                    self._notices.tell(
                        "save many",
                        f"save({shown(pattern)}) matches more than {FILES_PER_CALL_MAX} files; only "
                        "the first ones were saved: save them as one archive",
                    )
                    return found
                found.append(Match(path, self.name_below(path, root)))
        if not found and is_told:
            self._notices.tell(
                "save missing",
                f"save({shown(pattern)}) found no file below {os.getcwd()}: nothing was saved; save "
                "a file after it was written, and give its path",
            )
        return found

    def name_below(self, source: str, root: str) -> str:
        """Return the path below `files/`, made safe where the grammar of names wants it."""
        inside = os.path.join(self._directory, FILES_DIRECTORY) + os.sep
        if os.path.realpath(source).startswith(inside):
            name = os.path.realpath(source)[len(inside) :]
        else:
            name = os.path.relpath(source, root)
        if name.startswith(".." + os.sep):
            name = os.path.basename(source)
        name = name.replace(os.sep, "/")
        fault = file_path_fault(name) or _unfinished_fault(name)
        if fault is None:
            return name
        safe = "/".join(safe_name(part, default="file") for part in name.split("/"))
        if file_path_fault(safe) is not None:
            safe = safe_name(os.path.basename(source), default="file")
        if _unfinished_fault(safe):
            safe = "/".join(_UNFINISHED.sub("_", part) for part in safe.split("/"))
        self._notices.tell("save name", f"{fault}; it is saved as {shown(safe)}")
        return safe

    def _below(self, path: str) -> Iterator[str]:
        if not self._disk.is_directory(path):
            yield path
            return
        try:
            entries = self._disk.list(path)
        except OSError as error:
            self._notices.tell(
                "save folder", f"save() could not read {path}: {error}; the rest was saved"
            )
            return
        for entry in entries:
            below = os.path.join(path, entry.name)
            if entry.is_directory:
                yield from self._below(below)
            elif entry.is_file:
                yield below

    def _is_own(self, path: str) -> bool:
        return (os.path.realpath(path) + os.sep).startswith(self._directory + os.sep)


_UNFINISHED = re.compile(r"\.(?=tmp$)")
_MAGIC = re.compile(r"[*?\[]")
_LITERALLY = re.compile(r"([*?\[])")


def _root_of(pattern: str, *, is_literal: bool) -> str:
    """Return the folder that names in the run start from: the working directory for all below it.

    For a pattern beside or above it that is where the pattern begins to vary.
    """
    fixed = os.path.dirname(pattern if is_literal else _MAGIC.split(pattern, maxsplit=1)[0])
    return fixed if _is_outside(fixed) else os.curdir


def _is_outside(folder: str) -> bool:
    return os.path.isabs(folder) or os.path.normpath(folder).split(os.sep)[0] == os.pardir


def _unfinished_fault(path: str) -> str | None:
    if not any(part.endswith(TEMPORARY_SUFFIX) for part in path.split("/")):
        return None
    return f"file path {shown(path)} ends in {TEMPORARY_SUFFIX}, the mark of an unfinished file"
