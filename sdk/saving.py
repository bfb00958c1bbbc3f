"""`save()`: copies files into the run directory and names them in the ledger."""

import os
import re
import stat
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from tidelog.datastore.disk import COPY_BYTES, TEMPORARY_SUFFIX, Disk
from tidelog.datastore.layout import FILES_DIRECTORY
from tidelog.sdk.naming import file_path_fault, safe_name
from tidelog.sdk.notices import Notices, shown

FILES_PER_CALL_MAX = 10_000
TWINS_MAX = 10_000


class FileSaver:
    """Copies what `save()` names into `files/`; trouble with one file never stops the others."""

    def __init__(self, directory: str | os.PathLike[str], *, disk: Disk, notices: Notices) -> None:
        self.count = 0
        self.size_bytes = 0
        self._given_directory = directory
        self._disk = disk
        self._notices = notices
        self._sources: dict[str, str] = {}

    @cached_property
    def _directory(self) -> str:
        """The run directory; the disk is asked for it with the first file: it may not answer at once."""
        return os.path.realpath(self._given_directory)

    def save(self, pattern: str, *, base_path: str | None, policy: str) -> list[dict[str, Any]]:
        """Return the ledger's entries of the files that are in place now."""
        entries = []
        for source, root in self._find(pattern, base_path):
            try:
                relative = self._free_name(self._name_below(source, root), source)
                entry = self._take(source, relative)
            except OSError as error:
                self._notices.tell(
                    "save", f"save() could not copy {source}: {error}; training goes on without it"
                )
                continue
            entries.append({**entry, "policy": policy})
        self.count += len(entries)
        self.size_bytes += sum(entry["size"] for entry in entries)
        return entries

    def _find(self, pattern: str, base_path: str | None) -> list[tuple[str, str]]:
        """Return (file, folder that its name in the run starts from) for all that a pattern matches."""
        found: list[tuple[str, str]] = []
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
                found.append((path, root))
        if not found:
            self._notices.tell(
                "save missing",
                f"save({shown(pattern)}) found no file below {os.getcwd()}: nothing was saved; save "
                "a file after it was written, and give its path",
            )
        return found

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

    def _name_below(self, source: str, root: str) -> str:
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

    def _free_name(self, name: str, source: str) -> str:
        """Return `name`, with a number where a file from another place has it; again it is the same."""
        if os.path.realpath(source) == os.path.join(self._directory, FILES_DIRECTORY, name):
            return name
        stem, suffix = os.path.splitext(name)
        source = os.path.abspath(source)
        for number in range(1, TWINS_MAX):
            free = name if number == 1 else f"{stem}-{number}{suffix}"
            if self._sources.setdefault(free, source) == source:
                if free != name:
                    self._notices.tell(
                        "save twin",
                        f"{source} is saved as {shown(free)}: another file is {shown(name)} already; "
                        "give base_path= to keep their folders",
                    )
                return free
        return name

    def _take(self, source: str, relative: str) -> dict[str, Any]:
        if not stat.S_ISREG(self._disk.stat(source).st_mode):
            raise OSError(f"{source} is no regular file")
        path = f"{FILES_DIRECTORY}/{relative}"
        target = os.path.join(self._directory, path)
        if os.path.realpath(source) != target:
            self._disk.make_directory(os.path.dirname(target))
            self._disk.copy(source, target)
        digest, size = self._digest(target)
        return {"path": path, "size": size, "sha256": digest}

    def _digest(self, path: str) -> tuple[str, int]:
        """Return SHA-256 and size of the copy: the source may have changed since."""
        import hashlib  # Loads OpenSSL, which a script that logs numbers need not pay for.

        digest, size = hashlib.sha256(), 0
        fd = self._disk.open(path)
        try:
            while block := self._disk.pread(fd, COPY_BYTES, size):
                digest.update(block)
                size += len(block)
        finally:
            self._disk.close(fd)
        return digest.hexdigest(), size


_UNFINISHED = re.compile(r"\.(?=tmp$)")
_MAGIC = re.compile(r"[*?\[]")


def _root_of(pattern: str, *, is_literal: bool) -> str:
    """Return the folder that names in the run start from: the working directory for all below it.

    For a pattern beside or above it that is where the pattern begins to vary.
    """
    fixed = os.path.dirname(pattern if is_literal else _MAGIC.split(pattern, maxsplit=1)[0])
    is_outside = os.path.isabs(pattern) or os.path.normpath(fixed).split(os.sep)[0] == os.pardir
    return fixed if is_outside else os.curdir


def _unfinished_fault(path: str) -> str | None:
    if not any(part.endswith(TEMPORARY_SUFFIX) for part in path.split("/")):
        return None
    return f"file path {shown(path)} ends in {TEMPORARY_SUFFIX}, the mark of an unfinished file"
