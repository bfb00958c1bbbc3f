"""Is a file of the ledger what the ledger says? By its size, and by its SHA-256."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from tidelog.datastore.disk import COPY_BYTES, Disk
from tidelog.datastore.errors import InvalidNameError
from tidelog.datastore.names import check_file_path


class FileFault(NamedTuple):
    """A file of the ledger that is not what the ledger says."""

    path: str
    fault: str


def file_fault(directory: Path, name: str, size: int, sha256: str, disk: Disk) -> str | None:
    """Return what is wrong with a file of a run, as the end of a sentence; None for nothing."""
    try:
        fd = disk.open(directory / check_file_path(name))
    except InvalidNameError:
        return "is no path below a run directory"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    try:
        held = disk.size(fd)
        if held != size:
            return f"has {held} bytes, the ledger says {size}"
        found = _sha256(fd, disk)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    finally:
        disk.close(fd)
    return (
        None if found == sha256 else f"has the SHA-256 {found[:12]}..., the ledger says {sha256[:12]}..."
    )


def _sha256(fd: int, disk: Disk) -> str:
    digest = hashlib.sha256()
    offset = 0
    while block := disk.pread(fd, COPY_BYTES, offset):
        digest.update(block)
        offset += len(block)
    return digest.hexdigest()
