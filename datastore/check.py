"""Checks a run whole: every CRC, every gap, every file of its ledger by SHA-256. Changes nothing."""

from pathlib import Path
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.file_check import FileFault, file_fault
from tidelog.datastore.reader import Reader
from tidelog.datastore.scan import Damage, TornTail


class RunCheck(NamedTuple):
    """What a check of one run found; `rows` are those that were read, `bytes` those of logs and ledger.

    `missing_logs` names the logs that must have been there, because later ones of their stream are.
    """

    path: str
    logs: int
    rows: int
    files: int
    bytes: int
    damage: list[Damage]
    torn_tails: list[TornTail]
    missing_logs: list[str]
    file_faults: list[FileFault]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is damaged or missing; a torn tail is no damage."""
        return not (self.damage or self.missing_logs or self.file_faults)


def check_run(path: Path, *, disk: Disk | None = None) -> RunCheck:
    """Read all of a run and of its files. Raises what `Reader` raises for a path that is no run."""
    disk = disk or Disk()
    directory = path.parent if disk.is_file(path) else path
    with Reader(path, disk=disk) as run:
        ledger = {media.path: (media.size, media.sha256) for media in run.media()}
        ledger |= {file.path: (file.size, file.sha256) for file in run.files()}
        faults = [
            FileFault(name, fault)
            for name, (size, sha256) in ledger.items()
            if (fault := file_fault(directory, name, size, sha256, disk)) is not None
        ]
        log_bytes = sum(disk.stat(directory / log).st_size for log in run.logs)
        return RunCheck(
            disk.shown(path),
            len(run.logs),
            run.rows,
            len(ledger),
            log_bytes + sum(size for size, _ in ledger.values()),
            run.damage,
            run.torn_tails,
            run.missing_logs,
            faults,
        )
