"""Writes a pack: a tar of plain files in a zstd frame, which appears whole or not at all.

`tar --zstd -xf` opens it: without a receipt what it holds are run directories as they lie here.
"""

import hashlib
import io
import os
import sys
import tarfile
from collections.abc import Callable

from tidelog.datastore.disk import Disk
from tidelog.datastore.whole_file import whole_file
from tidelog.syncd.agent.pack.contents import (
    CONTENTS_NAME,
    Contents,
    PackedLog,
    PackError,
    encode_contents,
)
from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import FileEntry

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_LEVEL = 3

OnBytes = Callable[[int], None]


class _Part(io.RawIOBase):
    """Some bytes of a file on the disk, for `tarfile`; it tells of each piece, and digests it."""

    def __init__(self, path: str, start: int, *, disk: Disk, on_bytes: OnBytes) -> None:
        self.digest = hashlib.sha256()
        self._disk = disk
        self._on_bytes = on_bytes
        self._at = start
        self._fd = disk.open(path)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._disk.read_at(self._fd, self._at, size)
        self._at += len(data)
        self.digest.update(data)
        self._on_bytes(len(data))
        return data

    def close(self) -> None:
        if not self.closed:
            self._disk.close(self._fd)
        super().close()


def write_pack(
    path: str,
    contents: Contents,
    sources: dict[str, Run],
    *,
    disk: Disk,
    on_bytes: OnBytes,
) -> dict[str, str]:
    """Write an archive; it is on the disk, and then at `path`, on return.

    `sources` has the run of each "project/run". Returns the files that changed while they were packed,
    with why: whoever takes the archive in will refuse them. Raises PackError, OSError; then nothing is
    left of it.
    """
    table = encode_contents(contents)
    changed: dict[str, str] = {}
    with (
        whole_file(path, disk=disk) as raw,
        zstd.ZstdFile(raw, "w", level=ZSTD_LEVEL) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.addfile(_member(CONTENTS_NAME, len(table), contents.time), io.BytesIO(table))
        # Of an archive that is cut in its first block, the table alone still says what lacks.
        squeezed.flush(zstd.ZstdCompressor.FLUSH_BLOCK)
        for name, run, item, size in contents.members():
            place = os.path.join(sources[str(run)].path, _path_of(item))
            start = item.start if isinstance(item, PackedLog) else 0
            with _Part(place, start, disk=disk, on_bytes=on_bytes) as part:
                _add(archive, _member(name, size, disk.stat(place).st_mtime), part)
            if isinstance(item, FileEntry) and part.digest.hexdigest() != item.sha256:
                changed[name] = "it was changed while it was packed: pack again"
    return changed


def _add(archive: tarfile.TarFile, member: tarfile.TarInfo, part: _Part) -> None:
    try:
        archive.addfile(member, part)
    except OSError as error:
        if error.errno is not None:
            raise
        # This is how `tarfile` says that a file has fewer bytes than its header; none can be taken back.
        raise PackError(f"{member.name} became shorter while it was packed: pack again") from error


def _member(name: str, size: int, time: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, int(time), 0o644
    return member


def _path_of(item: PackedLog | FileEntry) -> str:
    return item.name if isinstance(item, PackedLog) else item.path
