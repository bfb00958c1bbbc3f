"""Copies one run anew, log by log, with the files of its ledger."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tidelog.datastore.clock import Clock
from tidelog.datastore.digest import LogDigest
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError, NotALogError, NotARunError
from tidelog.datastore.format import FILE_HEADER_BYTES, LOG_ID_BYTES
from tidelog.datastore.layout import MAIN, LogName, missing_logs, sorted_logs
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.log_reader import LogReader
from tidelog.datastore.open_log import OpenLog
from tidelog.datastore.patient_disk import PatientDisk
from tidelog.datastore.salvage_files import copy_derived, copy_files, unnamed_files
from tidelog.datastore.salvage_log import LogPlan, copy_log
from tidelog.datastore.salvage_report import SalvagedLog, SalvagedRun, Unreadable


@dataclass(frozen=True, slots=True)
class _KnownLog:
    """A log that can be read, as a first look found it."""

    name: str
    log_id: str | None
    tag: int
    new_id: bytes
    notes: Sequence[tuple[int, int, int]]


class RunSalvage:
    """Copies runs; nothing of the old one is ever written."""

    def __init__(
        self, *, disk: Disk, clock: Clock, entropy: Callable[[int], bytes], limits: WriterLimits
    ) -> None:
        self._disk = disk
        self._clock = clock
        self._entropy = entropy
        self._limits = limits

    def copy_run(self, directory: Path, target: Path, *, path: str, is_alone: bool) -> SalvagedRun:
        """Copy a run directory; `path` is where it lies below what is salvaged.

        `is_alone` says that no folder above it is copied along: its project's name is then recorded, if
        no record has it. Raises NotARunError where not one of its logs can be read.
        """
        try:
            names = [entry.name for entry in self._disk.list(directory) if entry.is_file]
        except OSError as error:
            raise NotARunError(f"{directory} cannot be read: {error.strerror}") from error
        known, unborn, unreadable = self._look_at(directory, list(map(str, sorted_logs(names))))
        if not known and not unborn:
            raise NotARunError(f"of {directory} no log can be read: {unreadable[0].fault}")
        self._disk.make_directory(target)
        for name in (*(log.name for log in unborn), *(log.path for log in unreadable)):
            # The name stays taken, by a file such as a crash leaves before the first write.
            self._disk.replace(target / name, b"")
        project = Path(self._disk.real_path(directory)).parent.name if is_alone else ""
        logs, digests = self._copy_logs(directory, target, known, project=project)
        ledger = _ledger(digests)
        derived = copy_derived(directory, target, disk=self._disk)
        faults = copy_files(directory, target, ledger, disk=self._disk)
        return SalvagedRun(
            path=path,
            logs=sorted([*logs, *unborn], key=lambda log: log.name),
            unreadable_logs=unreadable,
            missing_logs=missing_logs(names),
            files=len(ledger) - len(faults),
            file_faults=[*derived, *faults],
            unnamed=unnamed_files(directory, ledger, disk=self._disk),
        )

    def copy_lone_log(self, log: Path, target: Path) -> SalvagedRun:
        """Copy one log with the files that it names; `target` becomes a run directory.

        Raises NotALogError where the file is none.
        """
        known = self._look(log, has_others=False)
        name = known.name if LogName.parse(known.name) is not None else str(LogName(MAIN, 1))
        logs, digests = self._copy_logs(log.parent, target, [known], new_name=name)
        ledger = _ledger(digests)
        faults = copy_files(log.parent, target, ledger, disk=self._disk)
        return SalvagedRun(
            path=".",
            logs=logs,
            unreadable_logs=[],
            missing_logs=[],
            files=len(ledger) - len(faults),
            file_faults=faults,
            unnamed=[],
        )

    def _look_at(
        self, directory: Path, names: Sequence[str]
    ) -> tuple[list[_KnownLog], list[SalvagedLog], list[Unreadable]]:
        """Open each log for a first look; part them into sound, without a whole header, unreadable."""
        known, unborn, unreadable = [], [], []
        for name in names:
            try:
                known.append(self._look(directory / name, has_others=len(names) > 1))
            except (DatastoreError, OSError) as error:
                size = self._disk.stat(directory / name).st_size
                if isinstance(error, NotALogError) and size < FILE_HEADER_BYTES:
                    unborn.append(_unborn(name, size))
                else:
                    unreadable.append(Unreadable(name, str(error)))
        return known, unborn, unreadable

    def _look(self, path: Path, *, has_others: bool) -> _KnownLog:
        with closing(LogReader(path, disk=PatientDisk(self._disk))) as reader:
            log_id = reader.identity.log_id
            return _KnownLog(
                path.name,
                None if log_id is None else log_id.hex(),
                reader.identity.tag,
                self._entropy(LOG_ID_BYTES),
                OpenLog(path.name, reader).outline.supersedes if has_others else (),
            )

    def _copy_logs(
        self,
        directory: Path,
        target: Path,
        known: Sequence[_KnownLog],
        *,
        new_name: str | None = None,
        project: str = "",
    ) -> tuple[list[SalvagedLog], list[LogDigest]]:
        """Copy the logs; the last one also records `project`, where no record of any has one."""
        new_ids = {log.log_id: log.new_id.hex() for log in known if log.log_id is not None}
        notes = [note for log in known for note in log.notes]
        logs: list[SalvagedLog] = []
        digests: list[LogDigest] = []
        for log in known:
            is_last = log is known[-1] and not any("project" in digest.facts for digest in digests)
            salvaged, digest = copy_log(
                LogPlan(
                    path=directory / log.name,
                    target=target / (new_name or log.name),
                    new_id=log.new_id,
                    new_ids=new_ids,
                    superseded=[(first, end) for tag, first, end in notes if tag == log.tag],
                    project=project if is_last else "",
                ),
                disk=self._disk,
                clock=self._clock,
                limits=self._limits,
            )
            logs.append(salvaged)
            digests.append(digest)
        return logs, digests


def _unborn(name: str, size: int) -> SalvagedLog:
    """Return the account of a log whose writer died before the header was whole."""
    return SalvagedLog(
        name=name,
        new_name=name,
        log_id=None,
        new_log_id=None,
        bytes=size,
        new_bytes=0,
        chunks=0,
        rows=0,
        rows_lost=0,
        losses=[],
        torn_tail=(0, size),
    )


def _ledger(digests: Sequence[LogDigest]) -> dict[str, tuple[int, str]]:
    """Return the last size and SHA-256 of each path; saved files win over media, as in `verify`."""
    ledger = {media.path: (media.size, media.sha256) for digest in digests for media in digest.media}
    ledger |= {
        file.path: (file.size, file.sha256) for digest in digests for file in digest.files.values()
    }
    return ledger
