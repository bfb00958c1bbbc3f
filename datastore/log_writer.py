"""One log being written: created here, appended to here, never reopened.

Raises every `OSError` as it comes; what to do about it is the writer's decision, not this file's.
"""

import errno
import os

from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.format import FileHeader, encode_chunk, encode_file_header, log_tag


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
        self._write = disk.write
        header = encode_file_header(FileHeader(log_id, created_ns))
        try:
            taken = self._write(self._fd, header)
            if taken != len(header):
                raise self._short_write(taken, header)
        except OSError:
            disk.close(self._fd)
            raise
        self.offset = taken

    def __repr__(self) -> str:
        return f"<LogWriter {self.path} at {self.offset}, before chunk {self.seq}>"

    def append(self, chunk_type: int, payload: bytes) -> None:
        """Append one chunk; it is in the kernel on return, after one `write(2)`."""
        chunk = encode_chunk(chunk_type, self.seq, payload, self._tag)
        taken = self._write(self._fd, chunk)
        if taken != len(chunk):
            raise self._short_write(taken, chunk)
        self.offset += taken
        self.seq += 1

    def sync(self) -> None:
        """Return once all that was appended before, and the file's name, are on the disk.

        Raises FileNotFoundError where the file was deleted: it would take bytes that nobody can read.
        """
        if not self._disk.links(self._fd):
            raise FileNotFoundError(errno.ENOENT, "the log was deleted while it was written", self.path)
        self._disk.fdatasync(self._fd)
        if not self._is_name_synced:
            self._disk.sync_directory(os.path.dirname(self.path))
            self._is_name_synced = True

    def close(self) -> None:
        """Close the descriptor; nothing is written."""
        self._disk.close(self._fd)

    def _short_write(self, taken: int, data: bytes) -> OSError:
        return OSError(errno.ENOSPC, f"took {taken} of {len(data)} bytes", self.path)
