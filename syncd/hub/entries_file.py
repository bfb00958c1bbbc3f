"""A small file of entries that a hub keeps: read again when it changes, replaced whole, 0600.

For sessions and share links, of which only the SHA-256 of the secret is kept. Decides nothing: what an
entry allows is said where the entry is.
"""

import hmac
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.errors import CannotStartError

VERSION = 1


class Entry(Protocol):
    """A dataclass with the digest of its secret."""

    @property
    def sha256(self) -> str:
        """The digest by which it is found."""
        ...


E = TypeVar("E", bound=Entry)


class EntriesFile(Generic[E]):
    """The entries of one kind in one file of the hub's own folder; other processes may change it."""

    def __init__(self, directory: StrPath, name: str, kind: type[E], *, disk: Disk) -> None:
        self._directory = directory
        self._path = os.path.join(directory, name)
        self._kind = kind
        self._disk = disk
        # One value, not two: threads that change the file look at it, too.
        self._seen: tuple[tuple[int, int, int] | None, dict[str, E]] = (None, {})

    def __repr__(self) -> str:
        return f"<EntriesFile {self._path}>"

    def entries(self) -> tuple[E, ...]:
        """Return all entries, oldest first. Raises CannotStartError where the file is none of ours."""
        return tuple(self._by_digest().values())

    def with_digest(self, sha256: str) -> E | None:
        """Return the entry with this digest; what is found is compared once more, in constant time."""
        found = self._by_digest().get(sha256)
        if found is None or not hmac.compare_digest(found.sha256, sha256):
            return None
        return found

    def change(self, change: Callable[[tuple[E, ...]], Iterable[E]]) -> None:
        """Let the file hold what `change` makes of its entries; it is on the disk on return."""
        with self._changing():
            before = self.entries()
            after = tuple(change(before))
            if after != before:
                self._disk.replace(self._path, self._encoded(after), mode=0o600)

    def _by_digest(self) -> dict[str, E]:
        try:
            status = self._disk.stat(self._path)
        except FileNotFoundError:
            return {}
        version = (status.st_ino, status.st_size, status.st_mtime_ns)
        known, entries = self._seen
        if version != known:
            entries = {entry.sha256: entry for entry in self._decoded(self._disk.read(self._path))}
            self._seen = (version, entries)
        return entries

    def _encoded(self, entries: Iterable[E]) -> bytes:
        listed: list[dict[str, Any]] = [asdict(entry) for entry in entries]  # type: ignore[call-overload]  # each E is a dataclass, which a Protocol cannot say
        return json.dumps({"version": VERSION, "entries": listed}, indent=1).encode()

    def _decoded(self, data: bytes) -> list[E]:
        try:
            document = json.loads(data)
            if document["version"] != VERSION:
                raise CannotStartError(
                    f"{self._path} has version {document['version']!r}, this syncd knows version "
                    f"{VERSION}: upgrade with `pip install -U tidelog`"
                )
            return msgspec.convert(document["entries"], list[self._kind])  # type: ignore[name-defined]  # a type made when it runs
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CannotStartError(
                f"{self._path} cannot be read: {error}; restore it, or remove it: what it allowed then "
                "ends"
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self._disk.make_directory(self._directory, mode=0o700)
        fd = self._disk.open_update(self._path + ".lock", mode=0o600)
        try:
            self._disk.lock(fd)
            yield
        finally:
            self._disk.close(fd)
