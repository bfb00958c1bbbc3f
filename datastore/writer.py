"""The writer of one stream of a run: training code calls it, so no disk trouble ever leaves it.

When a file fails it is never written again: what was not yet on the disk goes to the next file of the
stream, tried again with backoff by a background thread, and is held in memory, bounded, until then.
"""

import contextlib
import errno
import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import WriterBusyError, WriterClosedError
from tidelog.datastore.format import CHECKPOINT, FINAL, LOG_ID_BYTES, RECORDS
from tidelog.datastore.layout import MAIN, next_log
from tidelog.datastore.log_writer import LogWriter
from tidelog.datastore.process import process_facts
from tidelog.datastore.records import (
    ALERT,
    CONFIG,
    CONSOLE,
    EXIT,
    FILE,
    METRIC,
    RUN,
    SUMMARY,
    RecordEncoder,
)
from tidelog.datastore.unsynced import Unsynced, superseded_ranges

Durability = Literal["process", "power", "buffered"]
DURABILITIES: tuple[Durability, ...] = ("process", "power", "buffered")

CARRIED_CHUNK_BYTES = 8 * 1024 * 1024
NAMES_TRIED_MAX = 1000


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """Every bound and interval of a writer; tests make them tiny."""

    sync_interval_s: float = 1.0
    buffered_bytes_max: int = 64 * 1024
    buffered_interval_s: float = 0.2
    unsynced_bytes_max: int = 64 * 1024 * 1024
    checkpoint_bytes_min: int = 64 * 1024
    checkpoint_growth: int = 16
    heartbeat_s: float = 60.0
    reopen_backoff_first_s: float = 0.1
    reopen_backoff_max_s: float = 30.0
    close_patience_s: float = 2.0


def tell_on_stderr(problem: str) -> None:
    """Print a problem as one line that names its source."""
    print(f"tidelog: {problem}", file=sys.stderr)


class Writer:
    """Appends records to one stream of a run directory. Thread-safe; safe across `fork`.

    `durability` says what holds when a call returns: with "process" the record is in the kernel and
    survives a SIGKILL of this process (on the disk within `sync_interval_s`); with "power" it is on
    the disk; with "buffered" it may sit in memory for `buffered_interval_s`.
    """

    def __init__(
        self,
        directory: StrPath,
        *,
        stream: str = MAIN,
        durability: Durability = "process",
        disk: Disk | None = None,
        clock: Clock | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        on_problem: Callable[[str], None] = tell_on_stderr,
        limits: WriterLimits | None = None,
    ) -> None:
        """Make the directory and the next log of the stream.

        Raises OSError where that cannot be done, ValueError for an unknown durability; after this no
        method raises for the disk.
        """
        if durability not in DURABILITIES:
            raise ValueError(f"durability {durability!r} is none of {', '.join(DURABILITIES)}")
        self.directory = Path(directory).absolute()
        self.stream = stream
        self.lost_rows = 0
        self._durability = durability
        self._is_buffered = durability == "buffered"
        self._disk = disk or Disk()
        self._clock = clock or Clock()
        self._now = self._clock.now
        self._entropy = entropy
        self._on_problem = on_problem
        self._limits = limits or WriterLimits()
        self._encoder = RecordEncoder()
        self._lock = threading.RLock()
        self._sync_lock = threading.Lock()  # Held around fdatasync and close of a descriptor.
        self._is_closed = False
        self._is_ready = False  # Open, with the background thread running.
        self._forked_from: str | None = None
        self._is_new_child = False
        self._log: LogWriter | None = None
        self._log_name = ""
        self._abandoned: list[LogWriter] = []
        self._buffer: list[bytes] = []
        self._buffer_bytes = 0
        self._buffer_rows = 0
        self._unsynced = Unsynced(bytes_max=self._limits.unsynced_bytes_max)
        self._is_dirty = False
        self._checkpoint_at = 0
        self._checkpoint_due = 0
        self._last_append = 0.0
        self._reopen_at = 0.0
        self._reopen_backoff_s = self._limits.reopen_backoff_first_s
        self._is_trouble_told = False
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._disk.make_directory(self.directory)
        self._open_next()
        _writers.add(self)

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "open" if self._log else "without a file"
        return f"<Writer {self._log_name} in {self.directory}, {state}, {self.rows} rows>"

    # -- what was written ------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The log that was last begun."""
        return self.directory / self._log_name

    @property
    def rows(self) -> int:
        """How many rows were taken, those that were lost later included."""
        return self._encoder.rows

    @property
    def last_step(self) -> int | None:
        """The step of the last row, None before the first."""
        return self._encoder.last_step

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of a call: a signal handler interrupted it."""
        return self._lock._is_owned()  # type: ignore[attr-defined, no-any-return] # As Condition does.

    @property
    def summary(self) -> dict[str, Any]:
        """Key -> value as a reader of this log would find it now."""
        with self._lock:
            return self._encoder.summary.values()

    # -- records ---------------------------------------------------------------------------------

    def log_row(self, data: Mapping[str, Any], *, step: int, time: float | None = None) -> None:
        """Append a row of metrics; `time` is in seconds since the epoch, now where it is None.

        Raises RecordError for a value that no record can hold; nothing was written then. This and all
        that follow raise WriterBusyError in a signal handler that came in the middle of one of them:
        to wait would be for ever, and to go on would tear the log.
        """
        lock = self._lock
        if lock._is_owned():  # type: ignore[attr-defined]
            self._require_free()
        with lock:
            if not self._is_ready:
                self._get_ready()
            payload = self._encoder.row(data, step, self._now() if time is None else time)
            if self._is_buffered:
                self._buffer_up(payload, 1)
            else:
                self._append(payload, 1)

    def log_run(self, fields: Mapping[str, Any]) -> None:
        """Append facts about the run; later ones win over earlier ones of the same name."""
        self._log_record(RUN, self._now(), dict(fields))

    def log_config(self, values: Mapping[str, Any]) -> None:
        """Append hyper-parameters; later ones win over earlier ones of the same name."""
        self._log_record(CONFIG, self._now(), dict(values))

    def log_summary(self, values: Mapping[str, Any]) -> None:
        """Append summary values set by hand; they win over the computed ones."""
        values = dict(values)
        self._require_free()
        with self._lock:
            self._get_ready()
            payload = self._encoder.record(SUMMARY, self._now(), values)
            self._encoder.summary.set_by_hand(values)
            self._take(payload, 0)

    def define_metric(self, name: str, definition: Mapping[str, Any]) -> None:
        """Append how a metric is to be read: `{step_metric, summary, goal}`; `name` may hold `*`."""
        definition = dict(definition)
        self._require_free()
        with self._lock:
            self._get_ready()
            payload = self._encoder.record(METRIC, name, definition)
            self._encoder.summary.define(name, definition)
            self._take(payload, 0)

    def log_file(self, entry: Mapping[str, Any]) -> None:
        """Append a file of the run to the ledger: `{path, size, sha256, policy}`."""
        self._log_record(FILE, self._now(), dict(entry))

    def log_console(self, stream: str, text: str) -> None:
        """Append what was printed on "stdout" or "stderr"."""
        self._log_record(CONSOLE, self._now(), stream, text)

    def log_alert(self, alert: Mapping[str, Any]) -> None:
        """Append an alert: `{title, text, level}`."""
        self._log_record(ALERT, self._now(), dict(alert))

    def sync(self) -> bool:
        """Bring all that was logged to the disk; tell whether it is there on return."""
        self._require_free()
        with self._lock:
            self._flush_buffer()
        self._sync_log()
        with self._lock:
            return not self._unsynced

    def close(self, *, state: str = "finished", exit_code: int = 0, reason: str = "") -> None:
        """Append how the run ended and the final chunk, sync, and close. Again is without effect."""
        self._require_free()
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._is_ready = False
            if self._forked_from is None or self._log is not None:
                ending = {"code": exit_code, "reason": reason}
                if self.lost_rows:
                    ending["lost_rows"] = self.lost_rows
                self._take(self._encoder.record(EXIT, self._now(), ending), 0)
                self._flush_buffer()
                self._append_checkpoint(FINAL, state=state, exit_code=exit_code)
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._finish_unsynced(state, exit_code)
        with self._lock:
            if self._log is not None:
                self._abandoned.append(self._log)
                self._log = None
        self._close_abandoned()
        _writers.discard(self)

    # -- the way of a record to the file; the lock is held ---------------------------------------

    def _require_free(self) -> None:
        if self.is_busy:
            raise WriterBusyError(f"a signal came while {self.path} was written; call again after it")

    def _log_record(self, kind: int, *fields: Any) -> None:
        self._require_free()
        with self._lock:
            self._get_ready()
            self._take(self._encoder.record(kind, *fields), 0)

    def _get_ready(self) -> None:
        if self._is_closed:
            raise WriterClosedError(f"{self.path} was closed; nothing can be logged to it any more")
        if self._thread is None:
            self._start_thread()
            self._is_ready = True

    def _take(self, payload: bytes, rows: int) -> None:
        if self._is_buffered:
            self._buffer_up(payload, rows)
        else:
            self._append(payload, rows)

    def _buffer_up(self, payload: bytes, rows: int) -> None:
        self._buffer.append(payload)
        self._buffer_bytes += len(payload)
        self._buffer_rows += rows
        if self._buffer_bytes >= self._limits.buffered_bytes_max:
            self._flush_buffer()

    def _flush_buffer(self) -> None:
        if self._buffer:
            payload, rows = b"".join(self._buffer), self._buffer_rows
            self._buffer, self._buffer_bytes, self._buffer_rows = [], 0, 0
            self._append(payload, rows)

    def _append(self, payload: bytes, rows: int) -> None:
        log = self._log or self._open_in_new_child()
        if log is None:
            self._count_lost(self._unsynced.hold(payload, rows, None, 0))
            return
        try:
            log.append(RECORDS, payload)
        except OSError as error:
            self._abandon_log(error)
            self._count_lost(self._unsynced.hold(payload, rows, None, 0))
            return
        lost = self._unsynced.hold(payload, rows, log.log_id, log.seq - 1)
        if lost:
            self._count_lost(lost)
        self._is_dirty = True
        if log.offset >= self._checkpoint_due:
            self._append_checkpoint(CHECKPOINT)
        if self._durability == "power":
            self._sync_in_place()

    def _append_checkpoint(self, chunk_type: int, **final: Any) -> None:
        log = self._log
        if log is None:
            return
        payload = self._encoder.checkpoint(self._checkpoint_at, **final)
        self._checkpoint_at = log.offset
        try:
            log.append(chunk_type, payload)
        except OSError as error:
            self._abandon_log(error)
            return
        limits = self._limits
        gap = max(limits.checkpoint_bytes_min, limits.checkpoint_growth * len(payload))
        self._checkpoint_due = log.offset + gap

    def _count_lost(self, rows: int) -> None:
        if rows and not self.lost_rows:
            self._on_problem(
                f"{self.directory} takes no data and {self._limits.unsynced_bytes_max} bytes "
                "are held in memory: rows are lost from now on, and counted"
            )
        self.lost_rows += rows

    # -- files that fail, and the next ones; the lock is held ------------------------------------

    def _open_next(self) -> None:
        """Begin the next log of the stream and carry over what is not yet on the disk.

        What a failed log may or may not hold is written again, and the chunks it was in are named
        as superseded in the same chunk: after a crash at any point a reader sees each row once.
        """
        now = self._clock.now()
        log = self._create_next(now)
        try:
            carried = self._carry_over(log, now)
        except OSError:
            self._abandoned.append(log)
            raise
        self._log, self._log_name = log, os.path.basename(log.path)
        self._unsynced = carried
        self._is_dirty = True
        self._checkpoint_at = 0
        self._checkpoint_due = log.offset + self._limits.checkpoint_bytes_min
        self._reopen_backoff_s = self._limits.reopen_backoff_first_s

    def _create_next(self, now: float) -> LogWriter:
        """Create the next log of the stream; other processes may be faster with the next names."""
        names = [entry.name for entry in self._disk.list(self.directory)]
        log = next_log(names, self.stream)
        for number in range(log.number, log.number + NAMES_TRIED_MAX):
            with contextlib.suppress(FileExistsError):
                return LogWriter(
                    self.directory / str(log._replace(number=number)),
                    disk=self._disk,
                    log_id=self._entropy(LOG_ID_BYTES),
                    created_ns=int(now * 1e9),
                )
        raise FileExistsError(
            errno.EEXIST, f"{NAMES_TRIED_MAX} logs came in between", str(self.directory / str(log))
        )

    def _carry_over(self, log: LogWriter, now: float) -> Unsynced:
        facts = process_facts(self._disk)
        if self._forked_from is not None:
            facts["forked_from"] = self._forked_from
        if self.lost_rows:
            facts["lost_rows"] = self.lost_rows
        encoder = self._encoder
        log.append(RECORDS, encoder.record(RUN, now, facts) + encoder.schemas())
        carried = Unsynced(bytes_max=self._limits.unsynced_bytes_max)
        for batch in self._unsynced.batches(bytes_max=CARRIED_CHUNK_BYTES):
            note = encoder.record(RUN, now, {"supersedes": superseded_ranges(batch)})
            payload = note + b"".join(held[0] for held in batch)
            log.append(RECORDS, payload)
            carried.hold(payload, sum(held[1] for held in batch), log.log_id, log.seq - 1)
        return carried

    def _open_in_new_child(self) -> LogWriter | None:
        """After a fork, begin the child's own log with its first record."""
        if self._is_new_child:
            self._is_new_child = False
            self._try_reopen()
        return self._log

    def _abandon_log(self, error: OSError) -> None:
        """Never touch the failed file again; the background thread looks for the next one."""
        log = self._log
        if log is None:
            return
        self._abandoned.append(log)
        self._log = None
        self._reopen_at = self._clock.monotonic()
        self._tell_trouble(error)
        self._wake.set()

    def _tell_trouble(self, error: OSError) -> None:
        if not self._is_trouble_told:
            self._is_trouble_told = True
            self._on_problem(
                f"{self.path} cannot be written ({error.strerror or error}); training goes on, "
                "what is logged is held in memory and goes to the next file as soon as there is room"
            )

    def _try_reopen(self) -> None:
        if self._log is not None or self._clock.monotonic() < self._reopen_at:
            return
        try:
            self._open_next()
        except OSError as error:
            self._reopen_at = self._clock.monotonic() + self._reopen_backoff_s
            self._reopen_backoff_s = min(2 * self._reopen_backoff_s, self._limits.reopen_backoff_max_s)
            self._tell_trouble(error)

    # -- syncing ---------------------------------------------------------------------------------

    def _sync_in_place(self) -> None:
        """Sync while the lock is held: nothing is appended meanwhile."""
        log = self._log
        if log is None:
            return
        self._unsynced.begin_sync()
        try:
            log.sync()
        except OSError as error:
            self._unsynced.end_sync(is_synced=False)
            self._abandon_log(error)
            return
        self._is_dirty = False
        self._unsynced.end_sync(is_synced=True)

    def _sync_log(self) -> None:
        """Sync beside appends: the lock is not held while the disk works."""
        with self._sync_lock:
            with self._lock:
                log, unsynced = self._log, self._unsynced
                self._is_dirty = False
                if log is None:
                    return
                unsynced.begin_sync()
            failure = _try_sync(log)
            with self._lock:
                unsynced.end_sync(is_synced=failure is None)
                if failure is not None and self._log is log:
                    self._abandon_log(failure)

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._run_background, name="tidelog-sync", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # The interpreter is going down, or there are too many threads.
            self._thread = None
            if not self._is_trouble_told:
                self._is_trouble_told = True
                self._on_problem(f"no thread can be started to sync {self.path}: {error}")

    def _run_background(self) -> None:
        limits = self._limits
        is_buffered = self._is_buffered
        interval_s = limits.buffered_interval_s if is_buffered else limits.sync_interval_s
        last_beat = synced_at = self._clock.monotonic()
        while not self._is_closed:
            self._wake.wait(min(interval_s, self._reopen_backoff_s) if not self._log else interval_s)
            self._wake.clear()
            with self._lock:
                self._flush_buffer()
                self._try_reopen()
                is_dirty = self._is_dirty
            self._close_abandoned()
            now = self._clock.monotonic()
            if is_dirty and (not is_buffered or now - synced_at >= limits.sync_interval_s):
                self._sync_log()
                last_beat = synced_at = now
            elif not is_dirty and now - last_beat >= limits.heartbeat_s and not self._is_closed:
                with self._lock:
                    self._take(self._encoder.record(RUN, self._now(), {}), 0)
                last_beat = now

    def _close_abandoned(self) -> None:
        """Close failed files outside of the calls that failed: close(2) may wait for a network."""
        with self._sync_lock:
            while self._abandoned:
                log = self._abandoned.pop()
                try:
                    log.close()
                except OSError as error:
                    self._tell_trouble(error)

    def _finish_unsynced(self, state: str, exit_code: int) -> None:
        """Bring the last records to the disk, with some patience for one that is in trouble."""
        deadline = self._clock.monotonic() + self._limits.close_patience_s
        while True:
            with self._lock:
                if self._log is None and (self._unsynced or self._forked_from is None):
                    self._try_reopen()
                    self._append_checkpoint(FINAL, state=state, exit_code=exit_code)
            self._sync_log()
            with self._lock:
                if self._log is not None or not self._unsynced:
                    return
                left_s = deadline - self._clock.monotonic()
                if left_s <= 0:
                    self.lost_rows += self._unsynced.rows
                    self._on_problem(
                        f"{self.directory} still takes no data: {self.lost_rows} rows are lost"
                    )
                    return
                pause_s = min(left_s, max(0.001, self._reopen_at - self._clock.monotonic()))
            self._wake.clear()
            self._wake.wait(pause_s)

    # -- fork ------------------------------------------------------------------------------------

    def _start_anew_in_child(self) -> None:
        """Forget the parent's file, lock and thread; the first record begins a log of our own."""
        log = self._log
        self._lock = threading.RLock()
        self._sync_lock = threading.Lock()
        self._wake = threading.Event()
        self._thread = None
        self._is_ready = False
        self._abandoned = []
        if log is not None:
            self._forked_from = log.log_id.hex()
            self._abandoned.append(log)
        elif self._forked_from is None:
            self._forked_from = ""
        self._log = None
        self._is_new_child = True
        self._encoder = self._encoder.child()
        self._buffer, self._buffer_bytes, self._buffer_rows = [], 0, 0
        self._unsynced = Unsynced(bytes_max=self._limits.unsynced_bytes_max)
        self.lost_rows = 0
        self._reopen_at = 0.0
        self._is_trouble_told = False


def _try_sync(log: LogWriter) -> OSError | None:
    try:
        log.sync()
    except OSError as error:
        return error
    return None


_writers: "weakref.WeakSet[Writer]" = weakref.WeakSet()


def _start_anew_in_children() -> None:
    for writer in list(_writers):
        writer._start_anew_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_children)
