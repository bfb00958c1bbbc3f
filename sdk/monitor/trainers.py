"""The processes of this machine that record into a run: who they are, and which have ended how.

The run directory is asked, not the processes: each log says who writes it. So a rank, a resumed run or
a process that comes an hour later is watched without a word between it and the monitor.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.layout import MONITOR, LogName, sorted_logs
from tidelog.sdk.monitor.death import Death, explain_death
from tidelog.sdk.monitor.oom import OomWatch, OomWatches
from tidelog.sdk.monitor.process_watch import ProcessWatch
from tidelog.sdk.monitor.trainer_log import EndWatch, TrainerLog, is_ended, read_start

START_LOOKS_MAX = 10
"""So often a log is asked who writes it, which is told with its first chunk; then it is left alone."""


class Trainer:
    """A process that records, by the last of its logs; `watch` is None where it had ended before."""

    def __init__(
        self, log: TrainerLog, watch: ProcessWatch | None, oom: OomWatch, end: EndWatch
    ) -> None:
        self.log = log
        self.watch = watch
        self.oom = oom
        self.end = end
        self.is_undecided = False
        """Whether it has ended, and nobody could tell how when that was first seen."""

    def has_ended(self) -> bool:
        """Tell whether the process runs no more."""
        return self.watch is None or self.watch.has_ended()

    def close(self) -> None:
        """Watch it no longer."""
        if self.watch is not None:
            self.watch.close()


class Deceased(NamedTuple):
    """A log that was left open by a process that has ended, and how that ended."""

    log: TrainerLog
    death: Death


class Trainers:
    """All of them; those that have ended, or have finished their run, are dropped."""

    def __init__(
        self, directory: str, first_log: str, *, host: str, boot_id: str | None, disk: Disk
    ) -> None:
        """Watch the writer of `first_log`, whether it lives or not, and all that live."""
        self._directory = directory
        self._first_log = first_log
        self._first: tuple[int, int | None] | None = None
        self._host = host
        self._boot_id = boot_id
        self._disk = disk
        self._trainers: dict[tuple[int, int | None], Trainer] = {}
        self._looks: dict[str, int] = {}
        self._oom = OomWatches(disk)
        self._is_first_look = True

    def __bool__(self) -> bool:
        return bool(self._trainers)

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that are watched."""
        return [pid for pid, _ in self._trainers]

    @property
    def fds(self) -> list[int]:
        """What becomes readable when one of them ends."""
        watches = [each.watch for each in self._trainers.values() if not each.is_undecided]
        return [watch.fd for watch in watches if watch is not None and watch.fd >= 0]

    def dismiss_first(self) -> None:
        """Watch the process of the first log no longer: it has said that its run has ended."""
        if self._first is not None:
            self._drop(self._first)

    def look(self, now: float) -> list[Deceased]:
        """Find who has come, and who has finished; return who died without a word."""
        for name in self._new_logs():
            self._take(name)
        self._is_first_look = False
        self._oom.look(now)
        deceased = []
        for process, trainer in list(self._trainers.items()):
            has_ended = trainer.has_ended()  # Asked first: what it wrote last is there then.
            is_finished = trainer.end.has_final() or (
                has_ended and is_ended(self._directory, trainer.log, self._disk)
            )
            death = self._judge(trainer, now) if has_ended and not is_finished else None
            if death is not None:
                deceased.append(Deceased(trainer.log, death))
            if death is not None or is_finished:
                self._drop(process)
        return deceased

    def _new_logs(self) -> Iterator[LogName]:
        try:
            names = [entry.name for entry in self._disk.list(self._directory)]
        except OSError:
            return  # Deleted, or a network that is away: who is known is watched on.
        for log in sorted_logs(names):
            looks = self._looks.get(str(log), 0)
            if log.stream != MONITOR and looks < START_LOOKS_MAX:
                self._looks[str(log)] = looks + 1
                yield log

    def _take(self, name: LogName) -> None:
        try:
            log = read_start(
                self._directory, name, host=self._host, boot_id=self._boot_id, disk=self._disk
            )
        except (DatastoreError, OSError):
            return  # Perhaps next time.
        self._looks[str(name)] = START_LOOKS_MAX
        if log is None:
            return
        known = self._trainers.get(log.process)
        watch = ProcessWatch.open(log.pid, log.started, self._disk) if known is None else known.watch
        # Logs of earlier lives are not ours; one that has come since, and was left at once, is.
        if watch is None and self._is_first_look and str(name) != self._first_log:
            return
        if str(name) == self._first_log:
            self._first = log.process
        oom = self._oom.of(log.pid) if known is None else known.oom
        self._trainers[log.process] = Trainer(
            log, watch, oom, EndWatch(self._directory, log, self._disk)
        )

    def _judge(self, trainer: Trainer, now: float) -> Death | None:
        """Return how it ended; None for once where its parent has not asked for the status yet."""
        is_last_try = trainer.is_undecided or trainer.watch is None
        status = None if trainer.watch is None else trainer.watch.exit_status(is_last_try=is_last_try)
        if status is None and not is_last_try:
            trainer.is_undecided = True
            return None
        return explain_death(status, trainer.oom.judge(now))

    def _drop(self, process: tuple[int, int | None]) -> None:
        trainer = self._trainers.pop(process, None)
        if trainer is not None:
            trainer.close()
