"""Writes media below one run directory; the same content becomes one file, whatever its key and step."""

import os
from collections import deque

from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import MEDIA_DIRECTORY
from tidelog.datastore.names import safe_stem
from tidelog.datastore.records import Media
from tidelog.sdk.media.source import require_size
from tidelog.sdk.media.value import Encoded, MediaValue, Snapshot

CONTENTS_REMEMBERED_MAX = 100_000
DIGEST_LETTERS = 12


class MediaStore:
    """The files of a run's media. Several threads may store at once."""

    def __init__(self, directory: str | os.PathLike[str], *, disk: Disk) -> None:
        self.count = 0
        self.size_bytes = 0
        self.disk = disk
        self._directory = os.fspath(directory)
        self._unsynced: deque[str] = deque()
        self._paths: dict[tuple[str, str, str], str] = {}

    def store(self, key: str, value: MediaValue, *, step: int) -> Media:
        """Return the Media of a value whose file is in place.

        Raises ValueError for what is no such media, OSError where the file cannot be written.
        """
        return self.put(key, value.snapshot(self.disk), step=step)

    def put(self, key: str, snapshot: Snapshot, *, step: int, is_synced: bool = True) -> Media:
        """Encode what was snapshotted, and return its Media once its file is in place; as `store`.

        Without `is_synced` the file survives a SIGKILL; a power cut may undo it until `sync`.
        """

        def keep(encoded: Encoded) -> Media:
            return self._write(key, encoded, step, is_synced=is_synced)

        media = keep(snapshot.encode(keep))
        self.count += 1
        return media

    @property
    def has_unsynced(self) -> bool:
        """Whether there are files that a power cut may undo."""
        return bool(self._unsynced)

    def sync(self) -> None:
        """Bring all files to the disk. Raises OSError for the first that fails, behind all others."""
        failure: OSError | None = None
        folders = set()
        while self._unsynced:
            path = self._unsynced.popleft()
            folders.add(os.path.dirname(path))
            try:
                self.disk.sync_file(path)
            except OSError as error:
                failure = failure or error
        for folder in folders:
            self.disk.sync_directory(folder)
        if failure is not None:
            raise failure

    def _write(self, key: str, encoded: Encoded, step: int, *, is_synced: bool) -> Media:
        import hashlib  # Loads OpenSSL, which a script that logs numbers need not pay for.

        size = len(encoded.data)
        require_size(size, f"its file of the type {encoded.suffix} has", kind=encoded.type)
        digest = hashlib.sha256(encoded.data).hexdigest()
        content = (encoded.folder, encoded.suffix, digest)
        path = self._paths.get(content)
        if path is None:
            name = f"{safe_stem(key)}_{step}_{digest[:DIGEST_LETTERS]}.{encoded.suffix}"
            path = f"{MEDIA_DIRECTORY}/{encoded.folder}/{name}"
            target = os.path.join(self._directory, path)
            self.disk.make_directory(os.path.dirname(target))
            if is_synced:
                self.disk.replace(target, encoded.data)
            else:
                self.disk.place(target, encoded.data)
                self._unsynced.append(target)
            self.size_bytes += size
            self._remember(content, path)
        return Media(encoded.type, path, digest, size, encoded.details)

    def _remember(self, content: tuple[str, str, str], path: str) -> None:
        while len(self._paths) >= CONTENTS_REMEMBERED_MAX:
            self._paths.pop(next(iter(self._paths)), None)
        self._paths[content] = path
