"""Outlines of runs that were read before, so that a root is listed again without opening its logs.

A pure cache, in the local cache folder and keyed by the root: an outline counts only while every log of
its run has the size, time and inode that it had. Whatever is wrong with the cache, the logs are read.
"""

import contextlib
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import lmdb
import msgpack

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.filesystems import filesystem_of, is_network
from tidelog.datastore.location import is_url
from tidelog.datastore.payload import decode_map, encode_map
from tidelog.datastore.rebuildable import open_table
from tidelog.datastore.run_outline import RunOutline

Fingerprint = list[list[Any]]
"""`[name, size, mtime in ns, inode]` of each log of a run."""

BYTES_MAX = 1024 * 1024 * 1024
LAYOUT = 2
"""Another number for each change of what is stored: an older tidelog's catalog is then made anew."""

_KEY_BYTES = 16


class Catalog:
    """The outlines of one root. A context manager, for one listing; without a cache it holds nothing."""

    def __init__(self, directory: Path, root: str, *, disk: Disk) -> None:
        """Open or make the catalog of a path or URL below `directory`; do without where that fails."""
        self._environment: lmdb.Environment | None = None
        place = root if is_url(root) else os.path.realpath(root)
        name = hashlib.sha256(os.fsencode(place)).hexdigest()[:32]
        path = directory / "catalogs" / f"{name}.{LAYOUT}"
        try:
            disk.make_directory(path, mode=0o700)
            if not is_network(filesystem_of(str(path), disk)):  # There a memory map would break.
                self._environment = open_table(path, map_bytes=BYTES_MAX, disk=disk)
        except (OSError, lmdb.Error):
            self._environment = None
        self._held = self._read()
        self._fresh: dict[bytes, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._environment is not None:
            self._environment.close()

    def find(self, run: str, fingerprint: Fingerprint) -> RunOutline | None:
        """Return what is stored of a run, by its path below the root; None where its logs are others."""
        return _unpack(self._held.pop(_key_of(run), b""), fingerprint)

    def keep(self, run: str, fingerprint: Fingerprint, outline: RunOutline) -> None:
        """Note what was read of a run, to be stored."""
        self._fresh[_key_of(run)] = _pack(fingerprint, outline)

    def store(self) -> None:
        """Store what was noted, forget the runs that nobody asked for: they are not there any more."""
        if self._environment is None or not (self._fresh or self._held):
            return
        # A full map is left as it is: what is not in it is read from the logs.
        with contextlib.suppress(lmdb.Error), self._environment.begin(write=True) as transaction:
            for key in self._held:
                transaction.delete(key)
            for key, value in self._fresh.items():
                transaction.put(key, value)

    def _read(self) -> dict[bytes, bytes]:
        """Return all that is stored, still packed."""
        held: dict[bytes, bytes] = {}
        if self._environment is not None:
            with contextlib.suppress(lmdb.Error), self._environment.begin() as transaction:
                held = {bytes(key): bytes(value) for key, value in transaction.cursor()}
        return held


def _key_of(path: str) -> bytes:
    """Return the key of a run."""
    return hashlib.sha256(os.fsencode(path)).digest()[:_KEY_BYTES]


def _pack(fingerprint: Fingerprint, outline: RunOutline) -> bytes:
    """Return what is stored of a run."""
    packed: bytes = msgpack.packb(fingerprint)
    return packed + encode_map(outline.as_map())


def _unpack(value: bytes, fingerprint: Fingerprint) -> RunOutline | None:
    """Return an outline that was stored for these very logs, None where it was for others."""
    packed: bytes = msgpack.packb(fingerprint)
    if not value.startswith(packed):
        return None
    try:
        return RunOutline.from_map(decode_map(value[len(packed) :]))
    except (DatastoreError, KeyError, TypeError):
        return None
