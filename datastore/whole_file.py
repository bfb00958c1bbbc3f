"""A file that appears whole, or not at all, however long it is in the making."""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tidelog.datastore.disk import Disk, StrPath


@contextmanager
def whole_file(
    path: StrPath, *, overwrite: bool = True, disk: Disk | None = None
) -> Iterator[io.RawIOBase]:
    """Give a file to write; at the end it is on the disk, and then at `path`.

    After any error nothing is left of it. Raises FileExistsError where there is something at `path` that
    is no plain file, or `overwrite` is false.
    """
    disk = disk or Disk()
    refuse_taken(path, overwrite=overwrite, disk=disk)
    temporary = disk.temporary_beside(path)
    try:
        # Within the try: Ctrl-C may come as soon as the file is there.
        fd = disk.create(temporary)
        try:
            yield _DiskFile(fd, disk)
            disk.fdatasync(fd)
        finally:
            disk.close(fd)
        refuse_taken(path, overwrite=overwrite, disk=disk)
        disk.rename(temporary, path)
    except BaseException:
        disk.remove(temporary)
        raise


def refuse_taken(path: StrPath, *, overwrite: bool, disk: Disk) -> None:
    """Raise FileExistsError where there is something at `path` that must stay.

    A device would be replaced, for everybody, by the first file that root writes to /dev/null.
    """
    if not disk.is_there(path):
        return
    if not disk.is_file(path):
        reason = "it is a device, a pipe or a link; name a plain file"
        raise FileExistsError(errno.EEXIST, reason, os.fspath(path))
    if not overwrite:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path))


class _DiskFile(io.RawIOBase):
    """What Arrow and `csv` write to: every write takes all of the bytes."""

    def __init__(self, fd: int, disk: Disk) -> None:
        self._fd = fd
        self._disk = disk
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]  # of any buffer: bytes
        view = memoryview(data).cast("B")
        size = len(view)
        while view:
            view = view[self._disk.write(self._fd, view) :]
        self._size += size
        return size
