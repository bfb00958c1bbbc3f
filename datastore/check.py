"""Checks a run whole: every CRC, every gap, every file of its ledger by SHA-256. Changes nothing."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from tidelog.datastore.disk import COPY_BYTES, Disk
from tidelog.datastore.errors import InvalidNameError
from tidelog.datastore.names import check_file_path
from tidelog.datastore.reader import Reader
from tidelog.datastore.scan import Damage, TornTail


class FileFault(NamedTuple):
    """A file of the ledger that is not what the ledger says."""

    path: str
    fault: str


class RunCheck(NamedTuple):
    """What a check of one run found; `chunks` and `rows` are those that were read."""

    path: Path
    logs: int
    rows: int
    files: int
    bytes: int
    damage: list[Damage]
    torn_tails: list[TornTail]
    file_faults: list[FileFault]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is damaged or missing; a torn tail is no damage."""
        return not self.damage and not self.file_faults


def check_run(path: Path, *, disk: Disk | None = None) -> RunCheck:
    """Read all of a run and of its files. Raises what `Reader` raises for a path that is no run."""
    disk = disk or Disk()
    with Reader(path, disk=disk) as run:
        directory = path.parent if disk.is_file(path) else path
        ledger = {media.path: (media.size, media.sha256) for media in run.media()}
        ledger |= {file.path: (file.size, file.sha256) for file in run.files()}
        faults = []
        for name, (size, sha256) in ledger.items():
            fault = _file_fault(directory, name, size, sha256, disk)
            if fault is not None:
                faults.append(FileFault(name, fault))
        log_bytes = sum(disk.stat(directory / log).st_size for log in run.logs)
        file_bytes = sum(size for size, _ in ledger.values())
        return RunCheck(
            path,
            len(run.logs),
            run.rows,
            len(ledger),
            log_bytes + file_bytes,
            run.damage,
            run.torn_tails,
            faults,
        )


def _file_fault(directory: Path, name: str, size: int, sha256: str, disk: Disk) -> str | None:
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
        digest = hashlib.sha256()
        offset = 0
        while block := disk.pread(fd, COPY_BYTES, offset):
            digest.update(block)
            offset += len(block)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    finally:
        disk.close(fd)
    if digest.hexdigest() != sha256:
        return f"has the SHA-256 {digest.hexdigest()[:12]}..., the ledger says {sha256[:12]}..."
    return None
