"""A stream of a run: the log that is being written, and the next one when its file fails.

A file that fails is never written again. What was not yet on the disk goes to the next file of the
stream, tried again with backoff, and is held in memory, bounded, until then. Not thread-safe: the
writer holds its lock around every call.
"""

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidelog.datastore.checkpoint_chain import CheckpointChain
from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.format import CHECKPOINT, CHUNK_HEADER_BYTES, FINAL, LOG_ID_BYTES, RECORDS
from tidelog.datastore.layout import next_log
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.log_writer import LogWriter
from tidelog.datastore.process import process_facts
from tidelog.datastore.record_encoder import RecordEncoder
from tidelog.datastore.records import RUN, SUPERSEDES
from tidelog.datastore.unsynced import Held, Unsynced, superseded_ranges


class Stream:
    """Where a writer's payloads go. After the constructor no method raises for the disk."""

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        encoder: RecordEncoder,
        disk: Disk,
        clock: Clock,
        entropy: Callable[[int], bytes],
        on_problem: Callable[[str], None],
        on_failure: Callable[[], None],
        limits: WriterLimits,
        forked_from: str | None = None,
    ) -> None:
        """Prepare a stream without a log: `open` begins it, or the first record does.

        `on_problem` is told what a person should know, `on_failure` is called when a file has failed.
        `forked_from` is the id of the log that the parent process was writing, for its child.
        """
        self.log: LogWriter | None = None
        self.log_name = ""
        self.is_dirty = False  # Something was appended since the last sync began.
        self.lost_rows = 0
        self.forked_from = forked_from
        self.failed: list[LogWriter] = []
        self._directory = directory
        self._name = name
        self._encoder = encoder
        self._disk = disk
        self._clock = clock
        self._entropy = entropy
        self._on_problem = on_problem
        self._on_failure = on_failure
        self._limits = limits
        self._unsynced = Unsynced(bytes_max=limits.unsynced_bytes_max)
        self._carried_chunk_bytes = limits.carried_chunk_bytes
        self._is_begun = False
        self._is_trouble_told = False
        self._chain = CheckpointChain(0, limits)
        self._reopen_at = 0.0
        self._reopen_backoff_s = limits.reopen_backoff_first_s

    def __repr__(self) -> str:
        return f"<Stream {self._name} in {self._directory}: {self.log or 'without a file'}>"

    @property
    def has_unsynced(self) -> bool:
        """Whether there are records that are not known to be on the disk."""
        return len(self._unsynced) > 0

    @property
    def reopen_in_s(self) -> float:
        """How long it is until the next try to begin a log makes sense, in seconds."""
        return max(0.0, self._reopen_at - self._clock.monotonic())

    # -- appending -------------------------------------------------------------------------------

    def append(self, payload: bytes, rows: int, *, is_note: bool = False) -> None:
        """Append a records chunk, or hold it where no file takes it.

        `is_note` tells that it holds a record of NOTED_KINDS, which the next checkpoint points to.
        """
        log = self.log
        if log is None:
            if self._is_begun:
                self._hold_without_file(payload, rows)
                return
            log = self._begin(payload, rows)
            if log is None:
                return
        try:
            log.append(RECORDS, payload)
        except OSError as error:
            place = (log.log_id, log.seq) if log.may_hold(payload) else (None, 0)
            self.abandon(log, error)
            self._count_lost(self._unsynced.hold(payload, rows, *place, is_taken=False))
            return
        self.is_dirty = True
        self._unsynced.hold(payload, rows, log.log_id, log.seq - 1)  # Loses nothing: a file has it.
        if is_note:
            self._chain.note(log.offset - CHUNK_HEADER_BYTES - len(payload))
        if log.offset >= self._chain.due:
            self._append_checkpoint(log, CHECKPOINT)

    def append_final(self, *, state: str, exit_code: int) -> None:
        """Append the final chunk, where there is a file."""
        if self.log is not None:
            self._append_checkpoint(self.log, FINAL, state=state, exit_code=exit_code)

    def give_up(self) -> None:
        """Count what no file holds as lost, and say so."""
        self.lost_rows += self._unsynced.rows_nowhere
        lost = f"{self.lost_rows} rows are lost" if self.lost_rows else "its last rows may be lost"
        self._on_problem(f"{self._directory} still takes no data: {lost}")

    def _begin(self, payload: bytes, rows: int) -> LogWriter | None:
        """Begin the log of a stream that has none yet, with its first record."""
        self.try_reopen()
        if self.log is None:
            self._hold_without_file(payload, rows)
        return self.log

    def _append_checkpoint(self, log: LogWriter, chunk_type: int, **final: Any) -> None:
        at, encoder = log.offset, self._encoder
        payload = encoder.checkpoint(**self._chain.links(), last_time=encoder.last_time, **final)
        try:
            log.append(chunk_type, payload)
        except OSError as error:
            self.abandon(log, error)
            return
        self.is_dirty = True
        self._chain.written(at, payload_bytes=len(payload), end=log.offset)

    def _hold_without_file(self, payload: bytes, rows: int) -> None:
        self._count_lost(self._unsynced.hold(payload, rows, None, 0, is_taken=False))

    def _count_lost(self, rows: int) -> None:
        if rows and not self.lost_rows:
            self._on_problem(
                f"{self._directory} takes no data and {self._limits.unsynced_bytes_max} bytes "
                "are held in memory: rows are lost from now on, and counted"
            )
        self.lost_rows += rows

    # -- files that fail, and the next ones ------------------------------------------------------

    def open(self) -> None:
        """Begin the next log of the stream and carry over what is not yet on the disk.

        What a failed log may or may not hold is written again, and the chunks it was in are named
        as superseded in the same chunk: after a crash at any point a reader sees each row once.
        Raises OSError where it cannot be done; nothing is forgotten then.
        """
        self._is_begun = True
        now = self._clock.now()
        log = self._create_next(now)
        try:
            notes = self._carry_over(log, now)
        except OSError:
            self.failed.append(log)
            self._carried_chunk_bytes = max(1, self._carried_chunk_bytes // 2)
            raise
        self.log, self.log_name = log, os.path.basename(log.path)
        self.is_dirty = True
        self._carried_chunk_bytes = self._limits.carried_chunk_bytes
        self._chain = CheckpointChain(log.offset, self._limits, notes=notes)

    def try_reopen(self) -> None:
        """Begin the next log where there is none and the backoff has passed."""
        if self.log is not None or self._clock.monotonic() < self._reopen_at:
            return
        try:
            self.open()
        except OSError as error:
            self._back_off()
            self._tell_trouble(error)

    def hasten(self) -> None:
        """Let the next try to begin a log be made at once: the run is about to end."""
        self._reopen_at = self._clock.monotonic()

    def abandon(self, log: LogWriter, error: OSError) -> None:
        """Never touch a failed file again; the next one may be begun at once."""
        self.failed.append(log)
        self.log = None
        self._reopen_at = self._clock.monotonic()
        self._tell_trouble(error)
        self._on_failure()

    def _back_off(self) -> None:
        self._reopen_at = self._clock.monotonic() + self._reopen_backoff_s
        self._reopen_backoff_s = min(2 * self._reopen_backoff_s, self._limits.reopen_backoff_max_s)

    def _create_next(self, now: float) -> LogWriter:
        """Create the next log; other processes may be faster with the next names."""
        names = [entry.name for entry in self._disk.list(self._directory)]
        log = next_log(names, self._name)
        for number in range(log.number, log.number + self._limits.names_tried_max):
            with contextlib.suppress(FileExistsError):
                return LogWriter(
                    self._directory / str(log._replace(number=number)),
                    disk=self._disk,
                    log_id=self._entropy(LOG_ID_BYTES),
                    created_ns=int(now * 1e9),
                )
        raise FileExistsError(
            errno.EEXIST,
            f"{self._limits.names_tried_max} logs came in between",
            str(self._directory / str(log)),
        )

    def _carry_over(self, log: LogWriter, now: float) -> list[int]:
        """Write what a log begins with; return the offsets of its chunks, each of which holds notes."""
        facts = process_facts(self._disk)
        if self.forked_from is not None:
            facts["forked_from"] = self.forked_from
        if self.lost_rows:
            facts["lost_rows"] = self.lost_rows
        encoder = self._encoder
        notes: list[int] = []
        for start in encoder.beginning(now, facts):
            notes.append(log.offset)
            log.append(RECORDS, start)
        carried: list[Held] = []
        try:
            for batch in self._unsynced.batches(bytes_max=self._carried_chunk_bytes):
                note = encoder.record(RUN, now, {SUPERSEDES: superseded_ranges(batch)})
                payload = note + b"".join(held[0] for held in batch)
                rows = sum(held[1] for held in batch)
                notes.append(log.offset)
                try:
                    log.append(RECORDS, payload)
                except OSError:
                    in_doubt = (payload, rows, log.log_id, log.seq, False)
                    carried += [in_doubt] if log.may_hold(payload) else batch
                    raise
                carried.append((payload, rows, log.log_id, log.seq - 1, True))
        finally:
            # Where the next batch failed, the file after this one supersedes what this one took.
            self._unsynced.put_back(carried)
        if self.log_name:
            encoder.begin_log([held[0] for held in carried])
        return notes

    def _tell_trouble(self, error: OSError) -> None:
        if not self._is_trouble_told:
            self._is_trouble_told = True
            path = self._directory / self.log_name
            self._on_problem(
                f"{path} cannot be written ({error.strerror or error}); training goes on, "
                "what is logged is held in memory and goes to the next file as soon as there is room"
            )

    # -- syncing ---------------------------------------------------------------------------------

    def begin_sync(self) -> LogWriter | None:
        """Return the log to sync, or None. What is appended from now on is not part of the sync."""
        self.is_dirty = False
        if self.log is not None:
            self._unsynced.begin_sync()
        return self.log

    def end_sync(self, log: LogWriter, failure: OSError | None) -> None:
        """Let go of what is on the disk now; a log whose sync failed is abandoned.

        Only a sync ends trouble: a disk that takes writes and refuses to sync them, as NFS over quota
        does, would else be given file after file.
        """
        if self.log is not log:
            return  # It was abandoned meanwhile: all of it was carried over, or waits to be.
        self._unsynced.end_sync(is_synced=failure is None)
        if failure is not None:
            self.abandon(log, failure)
            self._back_off()
            return
        self._reopen_backoff_s = self._limits.reopen_backoff_first_s
        if self._is_trouble_told:
            self._is_trouble_told = False
            lost = f"{self.lost_rows} rows are lost" if self.lost_rows else "nothing is lost"
            self._on_problem(f"{self._directory} takes data again, in {self.log_name}: {lost}")
