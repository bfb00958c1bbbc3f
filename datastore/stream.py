"""A stream of a run: the log that is being written, and the next one when its file fails.

A file that fails is never written again. What was not yet on the disk goes to the next file of the
stream, tried again with backoff, and is held in memory, bounded, until then.

All memory is changed under the writer's lock. The disk is used by one thread at a time, the stream's
owner: whoever logs, with the lock held, or the `WriteThread` without it, so that a disk that does not
answer keeps nobody else.
"""

import contextlib
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidelog.datastore.backoff import Backoff
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
from tidelog.datastore.stream_troubles import StreamTroubles
from tidelog.datastore.unsynced import Unsynced, Waiting, superseded_ranges


class Stream:
    """Where a writer's payloads go. No method but `open` raises for the disk."""

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        encoder: RecordEncoder,
        lock: threading.RLock,
        disk: Disk,
        clock: Clock,
        entropy: Callable[[int], bytes],
        on_problem: Callable[[str], None],
        limits: WriterLimits,
        forked_from: str | None = None,
        facts: Callable[[Disk], dict[str, Any]] = process_facts,
    ) -> None:
        """Prepare a stream without a log: `open` begins it, or the first `try_reopen` does.

        `on_problem` is told what a person should know. `forked_from` is the id of the log that
        the parent process was writing, for its child. `facts` says which process writes.
        """
        self.log: LogWriter | None = None
        self.log_name = ""
        self.is_dirty = False  # Something was appended since the last sync began.
        self.is_handed_over = False  # A WriteThread owns it.
        self.forked_from = forked_from
        self.failed: list[LogWriter] = []
        self.on_failure: Callable[[], None] = _ignore
        """Called, with the lock held, when a file has failed."""
        self._directory = directory
        self._name = name
        self._facts = facts
        self._encoder = encoder
        self._lock = lock
        self._disk = disk
        self._clock = clock
        self._entropy = entropy
        self._limits = limits
        self._unsynced = Unsynced(bytes_max=limits.unsynced_bytes_max)
        self._carried_chunk_bytes = limits.carried_chunk_bytes
        self._is_directory_made = False
        self._has_gap = False  # Records that waited were lost: the log lacks what later ones build on.
        self._chain = CheckpointChain(0, limits)
        self.troubles = StreamTroubles(directory, on_problem, limits=limits)
        self._backoff = Backoff(
            clock, first_s=limits.reopen_backoff_first_s, max_s=limits.reopen_backoff_max_s
        )

    def __repr__(self) -> str:
        return f"<Stream {self._name} in {self._directory}: {self.log or 'without a file'}>"

    @property
    def path(self) -> Path:
        """The log that was last begun."""
        return self._directory / self.log_name

    @property
    def has_unsynced(self) -> bool:
        """Whether there are records that are not known to be on the disk."""
        return len(self._unsynced) > 0

    @property
    def is_waiting(self) -> bool:
        """Whether there are records that wait for a log, or to be written to it."""
        return self._unsynced.is_waiting

    @property
    def rows_nowhere(self) -> int:
        """How many rows are in memory alone, as far as is known."""
        return self._unsynced.rows_nowhere

    @property
    def reopen_in_s(self) -> float:
        """How long it is until the next try to begin a log makes sense, in seconds."""
        return self._backoff.left_s

    # -- appending -------------------------------------------------------------------------------

    def append(self, payload: bytes, rows: int, *, is_note: bool = False) -> None:
        """Append a records chunk, or hold it where no file takes it. The lock is held.

        `is_note` tells that it holds a record of NOTED_KINDS, which the next checkpoint points to.
        """
        log = self.log
        if log is None:
            self.wait(payload, rows, is_note=is_note)
            return
        try:
            log.append(RECORDS, payload)
        except OSError as error:
            place = (log.log_id, log.seq) if log.may_hold(payload) else (None, 0)
            self.abandon(error)
            self.troubles.lose(self._unsynced.hold(payload, rows, *place, is_taken=False))
            return
        self.is_dirty = True
        self._unsynced.hold(payload, rows, log.log_id, log.seq - 1)  # Loses nothing: a file has it.
        if is_note:
            self._chain.note(log.offset - CHUNK_HEADER_BYTES - len(payload))
        if log.offset >= self._chain.due:
            self._write_checkpoint(log, CHECKPOINT, self._checkpoint())

    def wait(self, payload: bytes, rows: int, *, is_note: bool = False) -> None:
        """Hold a records chunk in memory for `write_waiting`. The lock is held."""
        lost = self._unsynced.wait(payload, rows, is_note=is_note)
        self._has_gap |= lost > 0
        self.troubles.lose(lost)

    def write_waiting(self) -> None:
        """Append what waits, as far as there is a log that takes it."""
        while self._write_next():
            pass

    def append_final(self, *, state: str, exit_code: int) -> None:
        """Append the final chunk, where there is a file."""
        log = self.log
        if log is not None:
            with self._lock:
                payload = self._checkpoint(state=state, exit_code=exit_code)
            self._write_checkpoint(log, FINAL, payload)

    def give_up(self) -> None:
        """Count what no file holds as lost, and say so."""
        self.troubles.give_up(self._unsynced.rows_nowhere)

    def _write_next(self) -> bool:
        """Append what waits first, or the checkpoint that is due; tell whether there was anything.

        A checkpoint speaks of all that was encoded, so it waits until nothing else does.
        """
        with self._lock:
            if self._has_gap:
                self._leave_log()
            log = self.log
            if log is None:
                return False
            waiting = self._unsynced.begin_write(bytes_max=self._limits.buffered_bytes_max)
            if waiting is None:
                if log.offset < self._chain.due:
                    return False
                checkpoint = self._checkpoint()
        if waiting is None:
            self._write_checkpoint(log, CHECKPOINT, checkpoint)
        else:
            self._write(log, waiting)
        return True

    def _write(self, log: LogWriter, waiting: Waiting) -> None:
        payload, _, is_note = waiting
        failure: OSError | None = None
        try:
            log.append(RECORDS, payload)
        except OSError as error:
            failure = error
            place = (log.log_id, log.seq) if log.may_hold(payload) else (None, 0)
        with self._lock:
            if failure is not None:
                self.troubles.lose(self._unsynced.end_write(waiting, *place, is_taken=False))
                if self.log is log:
                    self.abandon(failure)
                return
            # A sync may have failed meanwhile: then no more is known of this chunk than of the others.
            is_taken = self.log is log
            self.troubles.lose(
                self._unsynced.end_write(waiting, log.log_id, log.seq - 1, is_taken=is_taken)
            )
            if is_taken:
                self.is_dirty = True
                if is_note:
                    self._chain.note(log.offset - CHUNK_HEADER_BYTES - len(payload))

    def _checkpoint(self, **final: Any) -> bytes:
        encoder = self._encoder
        return encoder.checkpoint(**self._chain.links(), last_time=encoder.last_time, **final)

    def _write_checkpoint(self, log: LogWriter, chunk_type: int, payload: bytes) -> None:
        at = log.offset
        try:
            log.append(chunk_type, payload)
        except OSError as error:
            with self._lock:
                if self.log is log:
                    self.abandon(error)
            return
        with self._lock:
            if self.log is log:
                self.is_dirty = True
                self._chain.written(at, payload_bytes=len(payload), end=log.offset)

    # -- files that fail, and the next ones ------------------------------------------------------

    def open(self) -> None:
        """Begin the next log of the stream and carry over what is not yet on the disk.

        What a failed log may or may not hold is written again, and the chunks it was in are named
        as superseded in the same chunk: after a crash at any point a reader sees each row once.
        Raises OSError where it cannot be done; nothing is forgotten then.
        """
        if not self._is_directory_made:  # Once: a run directory that somebody removes stays removed.
            self._disk.make_directory(self._directory)
            self._is_directory_made = True
        now = self._clock.now()
        log = self._create_next(now)
        notes: list[int] = []
        try:
            self._begin(log, now, notes)
            self._carry_over(log, now, notes)
        except BaseException:
            is_synced = self._is_synced(log)
            with self._lock:
                # Else the file after this one supersedes what this one took.
                self._unsynced.end_carrying(is_synced=is_synced)
                self.failed.append(log)
            raise

    def try_reopen(self) -> bool:
        """Begin the next log where there is none and the backoff has passed; tell whether it was."""
        if self.log is not None or not self._backoff.is_over:
            return False
        try:
            self.open()
        except OSError as error:
            self.postpone(error)
            return False
        return True

    def postpone(self, failure: Exception) -> None:
        """Let some time pass before the next try to begin a log."""
        self._backoff.begin()
        self.troubles.begin(self.path, failure)

    def hasten(self) -> None:
        """Let the next try to begin a log be made at once: the run is about to end."""
        self._backoff.end()

    def abandon(self, error: OSError) -> None:
        """Never touch a failed file again; the next one may be begun at once. The lock is held."""
        self._leave_log()
        self.troubles.begin(self.path, error)
        self.on_failure()

    def _leave_log(self) -> None:
        if self.log is not None:
            self.failed.append(self.log)
            self.log = None
            self._backoff.end()

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

    def _begin(self, log: LogWriter, now: float, notes: list[int]) -> None:
        """Write what a log begins with; add the offsets of its chunks, each of which holds notes."""
        facts = self._facts(self._disk)
        with self._lock:
            if self.forked_from is not None:
                facts["forked_from"] = self.forked_from
            if self.troubles.lost_rows:
                facts["lost_rows"] = self.troubles.lost_rows
            self._has_gap = False
            beginning = list(self._encoder.beginning(now, facts))
        for payload in beginning:
            notes.append(log.offset)
            log.append(RECORDS, payload)

    def _carry_over(self, log: LogWriter, now: float, notes: list[int]) -> None:
        """Write again what another log was given; then `log` is the one to append to."""
        while True:
            with self._lock:
                batch = self._unsynced.next_batch(bytes_max=self._carried_chunk_bytes)
                if not batch:
                    self._continue_in(log, notes)
                    return
                note = self._encoder.record(RUN, now, {SUPERSEDES: superseded_ranges(batch)})
            payload = note + b"".join(held[0] for held in batch)
            rows = sum(held[1] for held in batch)
            notes.append(log.offset)
            try:
                log.append(RECORDS, payload)
            except OSError:
                self._carried_chunk_bytes = max(1, min(self._carried_chunk_bytes, len(payload)) // 2)
                in_doubt = [(payload, rows, log.log_id, log.seq, False)]
                may_hold = log.may_hold(payload)
                with self._lock:
                    self._unsynced.end_batch(in_doubt if may_hold else batch)
                raise
            with self._lock:
                self._unsynced.end_batch([(payload, rows, log.log_id, log.seq - 1, True)])

    def _continue_in(self, log: LogWriter, notes: list[int]) -> None:
        held = self._unsynced.end_carrying(is_synced=False)
        if self.log_name or self.troubles.lost_rows:
            self._encoder.begin_log(held)
        self.log, self.log_name = log, os.path.basename(log.path)
        self.is_dirty = True
        self._carried_chunk_bytes = self._limits.carried_chunk_bytes
        self._chain = CheckpointChain(log.offset, self._limits, notes=notes)

    def _is_synced(self, log: LogWriter) -> bool:
        """Bring to the disk what a log took that takes no more; tell whether it is there."""
        try:
            log.sync()
        except OSError:
            return False
        return True

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
            self.abandon(failure)
            self._backoff.begin()
            return
        self._backoff.forget()
        self.troubles.end(self.log_name)


def _ignore() -> None:
    """Do nothing, as one who is not interested."""
