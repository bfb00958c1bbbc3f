"""One log being written: created here, appended to here, never reopened.

Raises every `OSError` as it comes; what to do about it is the writer's decision, not this file's.
"""

import contextlib
import errno
import os
from collections.abc import Callable

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.format import (
    CHUNK_HEADER_BYTES,
    FileHeader,
    encode_chunk,
    encode_file_header,
    log_tag,
)

_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Of the process or the machine, not of the disk: to open a directory takes a descriptor."""


class LogWriter:
    """A log file and its one open writer. Not thread-safe; `sync` alone may run beside `append`."""

    def __init__(self, path: StrPath, *, disk: Disk, log_id: bytes, created_ns: int) -> None:
        """Create the file and write its header. Raises FileExistsError where it is there already."""
        self.path = os.fspath(path)
        self.log_id = log_id
        self.offset = 0
        self.seq = 0
        self._disk = disk
        self._tag = log_tag(log_id)
        self._is_name_synced = False
        self._fd = disk.create(path)
        self._write: Callable[[int, bytes], int] = disk.write
        header = encode_file_header(FileHeader(log_id, created_ns))
        try:
            taken = self._write(self._fd, header)
            if taken != len(header):
                raise self._short_write(taken, header)
        except OSError:
            disk.close(self._fd)
            with contextlib.suppress(OSError):
                disk.remove(path)  # Nobody can have read anything from it yet.
            raise
        self.offset = taken

    def __repr__(self) -> str:
        return f"<LogWriter {self.path} at {self.offset}, before chunk {self.seq}>"

    def append(self, chunk_type: int, payload: bytes) -> None:
        """Append one chunk; it is in the kernel on return, after one `write(2)`."""
        offset, seq = self.offset, self.seq
        chunk = encode_chunk(chunk_type, seq, payload, self._tag)
        try:
            taken = self._write(self._fd, chunk)
            if taken != len(chunk):
                raise self._short_write(taken, chunk)  # noqa: TRY301 - a call more costs every log().
            self.offset = offset + taken
            self.seq = seq + 1
        except OSError:
            raise
        except BaseException:
            self._settle(offset, seq, len(chunk))
            raise

    def may_hold(self, payload: bytes) -> bool:
        """Tell whether a chunk whose `append` failed is in the file nevertheless.

        A network file system can take the bytes and report an earlier error.
        """
        try:
            size = self._disk.size(self._fd)
        except OSError:
            return True
        return size >= self.offset + CHUNK_HEADER_BYTES + len(payload)

    def sync(self) -> None:
        """Return once all that was appended before, and the file's name, are on the disk.

        Raises FileNotFoundError where the file was deleted: it would take bytes that nobody can read.
        """
        if not self._disk.links(self._fd):
            raise FileNotFoundError(errno.ENOENT, "the log was deleted while it was written", self.path)
        self._disk.fdatasync(self._fd)
        if not self._is_name_synced:
            try:
                self._disk.sync_directory(os.path.dirname(self.path))
            except OSError as error:
                if error.errno in _PASSING:
                    return  # The bytes are there; their name is with the next sync.
                if error.errno != errno.EINVAL:  # So answer file systems that sync no directory.
                    raise
            self._is_name_synced = True

    def close(self) -> None:
        """Close the descriptor; nothing is written."""
        self._disk.close(self._fd)

    def _settle(self, offset: int, seq: int, chunk_bytes: int) -> None:
        """Ask the file whether a chunk got there before an interrupt, such as Ctrl-C, came.

        Else the next chunk would carry this one's sequence number, or leave one out.
        """
        try:
            grown = self._disk.size(self._fd) - offset
        except OSError:
            self._write = self._refuse
            return
        is_there = grown == chunk_bytes
        self.offset, self.seq = (offset + grown, seq + 1) if is_there else (offset, seq)
        if grown not in (0, chunk_bytes):
            self._write = self._refuse

    def _refuse(self, _fd: int, _data: bytes) -> int:
        raise OSError(errno.EIO, "its last chunk is torn", self.path)

    def _short_write(self, taken: int, data: bytes) -> OSError:
        return OSError(errno.ENOSPC, f"took {taken} of {len(data)} bytes", self.path)
