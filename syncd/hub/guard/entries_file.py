"""A small file of entries that a hub keeps, found by the digest of a secret.

For sessions and share links, of which only the SHA-256 of the secret is kept. Decides nothing: what an
entry allows is said where the entry is.
"""

import hmac
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.errors import CannotStartError
from tidelog.syncd.hub.guard.own_file import OwnFile

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
        path = os.path.join(directory, name)
        self._kind = kind
        self._file: OwnFile[dict[str, E]] = OwnFile(
            path, self._decoded, {}, lock=path + ".lock", disk=disk
        )

    def __repr__(self) -> str:
        return f"<EntriesFile {self._file.path}>"

    def entries(self) -> tuple[E, ...]:
        """Return all entries, oldest first. Raises CannotStartError where the file is none of ours."""
        return tuple(self._file.content().values())

    def with_digest(self, sha256: str) -> E | None:
        """Return the entry with this digest; what is found is compared once more, in constant time."""
        found = self._file.content().get(sha256)
        if found is None or not hmac.compare_digest(found.sha256, sha256):
            return None
        return found

    def change(self, change: Callable[[tuple[E, ...]], Iterable[E]]) -> None:
        """Let the file hold what `change` makes of its entries; it is on the disk on return."""
        with self._file.changing() as held:
            before = tuple(held.values())
            after = tuple(change(before))
            if after != before:
                self._file.write(self._encoded(after))

    def _encoded(self, entries: Iterable[E]) -> bytes:
        listed: list[dict[str, Any]] = [asdict(entry) for entry in entries]  # type: ignore[call-overload]  # each E is a dataclass, which a Protocol cannot say
        return json.dumps({"version": VERSION, "entries": listed}, indent=1).encode()

    def _decoded(self, data: bytes) -> dict[str, E]:
        try:
            document = json.loads(data)
            if document["version"] != VERSION:
                raise CannotStartError(
                    f"{self._file.path} has version {document['version']!r}, this syncd knows version "
                    f"{VERSION}: upgrade with `pip install -U tidelog`"
                )
            entries = msgspec.convert(document["entries"], list[self._kind])  # type: ignore[name-defined]  # a type made when it runs
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CannotStartError(
                f"{self._file.path} cannot be read: {error}; restore it, or remove it: what it "
                "allowed then ends"
            ) from error
        return {entry.sha256: entry for entry in entries}
