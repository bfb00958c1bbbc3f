"""Writes media below one run directory; the same content becomes one file, whatever its key and step."""

import os

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
        self._paths: dict[tuple[str, str, str], str] = {}

    def store(self, key: str, value: MediaValue, *, step: int) -> Media:
        """Return the Media of a value whose file is in place.

        Raises ValueError for what is no such media, OSError where the file cannot be written.
        """
        return self.put(key, value.snapshot(self.disk), step=step)

    def put(self, key: str, snapshot: Snapshot, *, step: int) -> Media:
        """Encode what was snapshotted, and return its Media once its file is in place; as `store`."""

        def keep(encoded: Encoded) -> Media:
            return self._write(key, encoded, step)

        media = keep(snapshot.encode(keep))
        self.count += 1
        return media

    def _write(self, key: str, encoded: Encoded, step: int) -> Media:
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
            self.disk.replace(target, encoded.data)
            self.size_bytes += size
            self._remember(content, path)
        return Media(encoded.type, path, digest, size, encoded.details)

    def _remember(self, content: tuple[str, str, str], path: str) -> None:
        while len(self._paths) >= CONTENTS_REMEMBERED_MAX:
            self._paths.pop(next(iter(self._paths)), None)
        self._paths[content] = path
