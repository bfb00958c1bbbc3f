"""The writer of one stream of a run: training code calls it, so no disk trouble ever leaves it.

Here are the lock, the background thread that syncs, and what a fork does; the files are the
stream's business.
"""

import contextlib
import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import InvalidNameError, WriterBusyError, WriterClosedError
from tidelog.datastore.format import PAYLOAD_BYTES_MAX
from tidelog.datastore.layout import MAIN, LogName
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.log_writer import LogWriter
from tidelog.datastore.record_encoder import RecordEncoder
from tidelog.datastore.records import (
    ALERT,
    CONFIG,
    CONSOLE,
    EXIT,
    FILE,
    METRIC,
    NOTED_KINDS,
    OF_LOG,
    RUN,
    SUMMARY,
)
from tidelog.datastore.stream import Stream
from tidelog.datastore.summary import Summary

Durability = Literal["process", "power", "buffered"]
DURABILITIES: tuple[Durability, ...] = ("process", "power", "buffered")


def tell_on_stderr(problem: str) -> None:
    """Print a problem as one line that names its source; a stderr that is gone is no problem of ours."""
    with contextlib.suppress(OSError, ValueError):
        print(f"tidelog: {problem}", file=sys.stderr)


class Writer:
    """Appends records to one stream of a run directory. Thread-safe; safe across `fork`.

    `durability` says what holds when a call returns: with "process" the record is in the kernel and
    survives a SIGKILL of this process (on the disk within `sync_interval_s`); with "power" it is on
    the disk; with "buffered" it may sit in memory for `buffered_interval_s`.

    Every method that records raises WriterClosedError after `close()`, RecordError for a value that no
    record can hold, and WriterBusyError in a signal handler that came in the middle of one of them:
    to wait would be for ever, and to go on would tear the log. Nothing was written then.
    """

    def __init__(
        self,
        directory: StrPath,
        *,
        stream: str = MAIN,
        durability: Durability = "process",
        forked_from: str | None = None,
        disk: Disk | None = None,
        clock: Clock | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        on_problem: Callable[[str], None] = tell_on_stderr,
        limits: WriterLimits | None = None,
    ) -> None:
        """Make the directory and the next log of the stream.

        `forked_from` is the log id (hexadecimal) of another process's log of the same run, which alone
        decides how the run ends.

        Raises OSError where that cannot be done, ValueError for an unknown durability or stream;
        after this no method raises for the disk.
        """
        if durability not in DURABILITIES:
            raise ValueError(f"durability {durability!r} is none of {', '.join(DURABILITIES)}")
        if LogName.parse(str(LogName(stream, 1))) is None:
            raise InvalidNameError(
                f"stream {stream!r} cannot name a log that a reader finds; use letters a to z, "
                "then digits, such as main or rank3"
            )
        self.directory = Path(directory).absolute()
        self.stream = stream
        self._disk = disk or Disk()
        self._clock = clock or Clock()
        self._now = self._clock.now
        self._entropy = entropy
        self._on_problem = on_problem
        self._limits = limits or WriterLimits()
        self._is_buffered = durability == "buffered"
        self._is_synced_at_once = durability == "power"
        self._is_closed = False
        self._ending = ("finished", 0)
        self._start_life(RecordEncoder(), forked_from=forked_from)
        self._disk.make_directory(self.directory)
        self._stream.open()
        _writers.add(self)

    def _start_life(self, encoder: RecordEncoder, *, forked_from: str | None) -> None:
        """Set up all that belongs to one process: the lock, the thread, the log."""
        self._lock = threading.RLock()
        # Held around the syncs that run beside appends, and around close of a descriptor.
        self._sync_lock = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_ready = False  # Open, with the background thread running.
        self._encoder = encoder
        self._buffer: list[bytes] = []
        self._buffer_bytes = 0
        self._buffer_rows = 0
        self._buffer_has_note = False
        self._stream = Stream(
            self.directory,
            self.stream,
            encoder=encoder,
            disk=self._disk,
            clock=self._clock,
            entropy=self._entropy,
            on_problem=self._on_problem,
            on_failure=self._wake.set,
            limits=self._limits,
            forked_from=forked_from,
        )

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "open" if self._stream.log else "without a file"
        return f"<Writer {self.stream} in {self.directory}, {state}, {self.rows} rows>"

    # -- what was written ------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The log that was last begun."""
        return self.directory / self._stream.log_name

    @property
    def rows(self) -> int:
        """How many rows were taken, those that were lost later included."""
        return self._encoder.rows

    @property
    def lost_rows(self) -> int:
        """How many rows were lost because no file took them and the memory for them was full."""
        return self._stream.lost_rows

    @property
    def last_step(self) -> int | None:
        """The step of the last row, None before the first."""
        return self._encoder.last_step

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of a call: a signal handler interrupted it."""
        # As threading.Condition asks.
        return self._lock._is_owned() or self._sync_lock._is_owned()  # type: ignore[attr-defined, no-any-return]

    @property
    def summary(self) -> dict[str, Any]:
        """Key -> value as a reader of this log would find it now."""
        with self._lock:
            return self._encoder.summary.values()

    def summary_after(self, earlier: Summary) -> dict[str, Any]:
        """Return key -> value as a reader of this log and of those before it would find it now."""
        with self._lock:
            return earlier.combined([self._encoder.summary]).values()

    # -- records ---------------------------------------------------------------------------------

    def log_row(self, data: Mapping[str, Any], *, step: int, time: float | None = None) -> None:
        """Append a row of metrics; `time` is in seconds since the epoch, now where it is None."""
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
                self._stream.append(payload, 1)
                if self._is_synced_at_once:
                    self._sync_in_place()

    def log_run(self, fields: Mapping[str, Any]) -> None:
        """Append facts about the run; later ones win over earlier ones of the same name."""
        self._log_record(RUN, self._now(), dict(fields))

    def log_config(self, values: Mapping[str, Any]) -> None:
        """Append hyper-parameters; later ones win over earlier ones of the same name."""
        self._log_record(CONFIG, self._now(), dict(values))

    def log_summary(self, values: Mapping[str, Any]) -> None:
        """Append summary values set by hand; they win over the computed ones."""
        values = dict(values)
        self._log_record(SUMMARY, self._now(), values, then=lambda: self._encoder.set_summary(values))

    def define_metric(self, name: str, definition: Mapping[str, Any]) -> None:
        """Append how a metric is to be read: `{step_metric, summary, goal}`; `name` may hold `*`."""
        definition = dict(definition)
        self._log_record(
            METRIC, name, definition, then=lambda: self._encoder.define_metric(name, definition)
        )

    def log_file(self, entry: Mapping[str, Any]) -> None:
        """Append a file of the run to the ledger: `{path, size, sha256, policy}`."""
        self._log_record(FILE, self._now(), dict(entry))

    def log_console(self, stream: str, text: str) -> None:
        """Append what was printed on "stdout" or "stderr"."""
        self._log_record(CONSOLE, self._now(), stream, text)

    def log_alert(self, alert: Mapping[str, Any]) -> None:
        """Append an alert: `{title, text, level}`."""
        self._log_record(ALERT, self._now(), dict(alert))

    def log_death(self, log_id: str, ending: Mapping[str, Any]) -> None:
        """Append how the writer of another log ended without a word: `{code, reason}`."""
        self._log_record(EXIT, self._now(), {**ending, OF_LOG: log_id})

    def sync(self) -> bool:
        """Bring all that was logged to the disk; tell whether it is there on return."""
        self._require_free()
        with self._lock:
            self._flush_buffer()
        self._sync_beside()
        with self._lock:
            return not self._stream.has_unsynced

    def close(self, *, state: str = "finished", exit_code: int = 0, reason: str = "") -> None:
        """Append how the run ended and the final chunk, sync, and close. Again is without effect."""
        self._require_free()
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._is_ready = False
            self._ending = (state, exit_code)
            stream = self._stream
            if stream.forked_from is None or stream.log is not None or self._buffer:
                ending: dict[str, Any] = {"code": exit_code, "reason": reason}
                if stream.lost_rows:
                    ending["lost_rows"] = stream.lost_rows
                self._take(self._encoder.record(EXIT, self._now(), ending), is_note=True)
                self._flush_buffer()
                stream.append_final(state=state, exit_code=exit_code)
        self._wake.set()
        if self._thread is None:
            self._finish_unsynced()
        elif not self._is_finished_by(self._thread):
            return
        with self._lock:
            if stream.log is not None:
                stream.failed.append(stream.log)
                stream.log = None
        self._close_failed()
        _writers.discard(self)

    # -- the way of a record to the stream; the lock is held -------------------------------------

    def _log_record(self, kind: int, *fields: Any, then: Callable[[], None] | None = None) -> None:
        self._require_free()
        with self._lock:
            self._get_ready()
            payload = self._encoder.record(kind, *fields)
            if then is not None:
                then()
            self._take(payload, is_note=kind in NOTED_KINDS)

    def _require_free(self) -> None:
        if self.is_busy:
            raise WriterBusyError(f"a signal came while {self.path} was written; call again after it")

    def _get_ready(self) -> None:
        if self._is_closed:
            raise WriterClosedError(f"{self.path} was closed; nothing can be logged to it any more")
        if self._thread is None:
            self._start_thread()
            self._is_ready = True

    def _take(self, payload: bytes, *, is_note: bool = False) -> None:
        """Append a record that is no row."""
        if self._is_buffered:
            self._buffer_up(payload, 0, is_note=is_note)
            return
        self._stream.append(payload, 0, is_note=is_note)
        if self._is_synced_at_once:
            self._sync_in_place()

    def _buffer_up(self, payload: bytes, rows: int, *, is_note: bool = False) -> None:
        if self._buffer_bytes + len(payload) > PAYLOAD_BYTES_MAX:
            self._flush_buffer()  # Both together are more than a chunk holds.
        self._buffer.append(payload)
        self._buffer_bytes += len(payload)
        self._buffer_rows += rows
        self._buffer_has_note |= is_note
        if self._buffer_bytes >= self._limits.buffered_bytes_max:
            self._flush_buffer()

    def _flush_buffer(self) -> None:
        if self._buffer:
            payload, rows, is_note = b"".join(self._buffer), self._buffer_rows, self._buffer_has_note
            self._buffer, self._buffer_bytes, self._buffer_rows = [], 0, 0
            self._buffer_has_note = False
            self._stream.append(payload, rows, is_note=is_note)

    # -- syncing ---------------------------------------------------------------------------------

    def _sync_in_place(self) -> None:
        """Sync while the lock is held: nothing is appended meanwhile."""
        log = self._stream.begin_sync()
        if log is not None:
            self._stream.end_sync(log, _try_sync(log))

    def _sync_beside(self) -> None:
        """Sync beside appends: the lock is not held while the disk works."""
        with self._sync_lock:
            with self._lock:
                if self._is_synced_at_once:
                    # Of two syncs at once one can be told of a failure, the other nothing.
                    self._sync_in_place()
                    return
                log = self._stream.begin_sync()
            if log is not None:
                failure = _try_sync(log)
                with self._lock:
                    self._stream.end_sync(log, failure)

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run_background, name="tidelog-sync", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # The interpreter is going down, or there are too many threads.
            self._on_problem(f"no thread can be started to sync {self.path}: {error}")
        else:
            self._thread = thread

    def _run_background(self) -> None:
        limits, stream = self._limits, self._stream
        interval_s = limits.buffered_interval_s if self._is_buffered else limits.sync_interval_s
        last_beat = synced_at = self._clock.monotonic()
        while not self._is_closed:
            self._wake.wait(interval_s if stream.log else min(interval_s, stream.reopen_in_s))
            self._wake.clear()
            with self._lock:
                self._flush_buffer()
                was_without_file = stream.log is None
                stream.try_reopen()
                now = self._clock.monotonic()
                is_quiet = now - last_beat >= limits.heartbeat_s and not stream.is_dirty
                if is_quiet and not self._is_closed:  # Nothing follows a final chunk.
                    self._take(self._encoder.record(RUN, self._now(), {}))
                    last_beat = now
            self._close_failed()
            if stream.is_dirty:
                last_beat = now
                is_due = now - synced_at >= limits.sync_interval_s or was_without_file
                if is_due or not self._is_buffered:
                    self._sync_beside()
                    synced_at = now
        self._finish_unsynced()

    def _close_failed(self) -> None:
        """Close failed files outside of the calls that failed: close(2) may wait for a network."""
        with self._sync_lock:
            while self._stream.failed:
                log = self._stream.failed.pop()
                try:
                    log.close()
                except OSError as error:
                    self._on_problem(f"{log.path} could not be closed: {error.strerror or error}")

    def _is_finished_by(self, thread: threading.Thread) -> bool:
        """Let the background thread do the last sync: there is no deadline for an fdatasync."""
        patience_s = self._limits.close_patience_s + self._limits.sync_patience_s
        thread.join(patience_s)
        if thread.is_alive():
            self._on_problem(
                f"the disk of {self.path} has not answered for {patience_s:g} s: what was logged last "
                "is in the kernel, and may not be on the disk yet"
            )
        return not thread.is_alive()

    def _finish_unsynced(self) -> None:
        """Bring the last records to the disk, with some patience for one that is in trouble."""
        stream = self._stream
        deadline = self._clock.monotonic() + self._limits.close_patience_s
        with self._lock:
            stream.hasten()
        while True:
            with self._lock:
                if stream.log is None and stream.has_unsynced:
                    stream.try_reopen()
                    stream.append_final(state=self._ending[0], exit_code=self._ending[1])
            self._sync_beside()
            with self._lock:
                if not stream.has_unsynced:
                    return
                left_s = deadline - self._clock.monotonic()
                if left_s <= 0:
                    stream.give_up()
                    return
                pause_s = min(left_s, max(0.001, stream.reopen_in_s))
            self._wake.clear()
            self._wake.wait(pause_s)

    # -- fork ------------------------------------------------------------------------------------

    def _start_anew_in_child(self) -> None:
        """Forget the parent's file, lock and thread; the first record begins a log of our own."""
        log = self._stream.log
        forked_from = log.log_id.hex() if log is not None else self._stream.forked_from or ""
        self._start_life(self._encoder.child(), forked_from=forked_from)
        if log is not None:
            self._stream.failed.append(log)  # Ours is a copy of the descriptor: to be closed only.


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


os.register_at_fork(after_in_child=_start_anew_in_children)
