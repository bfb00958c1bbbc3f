"""The writer of one stream of a run: training code calls it, so no disk trouble ever leaves it.

Here are the lock and what a fork does; the way to the disk is the delivery's business, the files are
the stream's.
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
from tidelog.datastore.delivery import Delivery
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.errors import InvalidNameError, WriterBusyError, WriterClosedError
from tidelog.datastore.filesystems import filesystem_of, is_network
from tidelog.datastore.forks import wait_for_imports
from tidelog.datastore.layout import MAIN, LogName
from tidelog.datastore.limits import WriterLimits
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
    the disk; with "buffered" it may sit in memory for `buffered_interval_s`. Where the disk fails, or
    does not answer within `answer_patience_s` ("power": `sync_patience_s`), records are kept in memory
    until it does, which is told; nobody waits meanwhile.

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
        after this no method raises for the disk. One that does not answer is waited for
        `open_patience_s`; then the log is begun as soon as it does.
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
        self._unwritten_rows = 0  # In memory when close() lost its patience.
        self._start_life(RecordEncoder(), forked_from=forked_from)
        self._delivery.open()
        self._has_begun = True
        _writers.add(self)

    def _start_life(self, encoder: RecordEncoder, *, forked_from: str | None) -> None:
        """Set up all that belongs to one process: the lock, the threads, the log."""
        self._lock = threading.RLock()
        self._has_begun = False
        self._encoder = encoder
        self._stream = Stream(
            self.directory,
            self.stream,
            encoder=encoder,
            lock=self._lock,
            disk=self._disk,
            clock=self._clock,
            entropy=self._entropy,
            on_problem=self._on_problem,
            limits=self._limits,
            forked_from=forked_from,
        )
        self._delivery: Delivery = Delivery(
            self._stream,
            is_buffered=self._is_buffered,
            is_synced_at_once=self._is_synced_at_once,
            is_disk_trustworthy=self._is_disk_local,
            beat=self._beat,
            lock=self._lock,
            clock=self._clock,
            limits=self._limits,
            on_problem=self._on_problem,
        )

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "open" if self._stream.log else "without a file"
        return f"<Writer {self.stream} in {self.directory}, {state}, {self.rows} rows>"

    # -- what was written ------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The log that was last begun."""
        return self._stream.path

    @property
    def rows(self) -> int:
        """How many rows were taken, those that were lost later included."""
        return self._encoder.rows

    @property
    def lost_rows(self) -> int:
        """How many rows were lost because no file took them and the memory for them was full.

        After `close` those that a silent disk had not taken by then are among them.
        """
        return self._stream.troubles.lost_rows + self._unwritten_rows

    @property
    def last_step(self) -> int | None:
        """The step of the last row, None before the first."""
        return self._encoder.last_step

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of a call: a signal handler interrupted it."""
        # As threading.Condition asks.
        return self._lock._is_owned() or self._delivery.is_busy  # type: ignore[attr-defined]

    @property
    def summary(self) -> dict[str, Any]:
        """Key -> value as a reader of this log would find it now."""
        with self._lock:
            return self._encoder.summary.values()

    @property
    def latest(self) -> dict[str, Any]:
        """Key -> the value that was logged last, whatever the summary makes of it."""
        with self._lock:
            return self._encoder.summary.latest()

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
            delivery = self._delivery
            if delivery.is_at_hand:
                payload = self._encoder.row(data, step, self._now() if time is None else time)
                self._stream.append(payload, 1)
                return
            self._get_ready()
            payload = self._encoder.row(data, step, self._now() if time is None else time)
            receipt = delivery.put(payload, 1)
        delivery.wait_for(receipt)

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
            receipt = self._delivery.flush()
        self._delivery.wait_for(receipt)
        self._delivery.sync()
        with self._lock:
            return not self._stream.has_unsynced

    def close(self, *, state: str = "finished", exit_code: int = 0, reason: str = "") -> None:
        """Append how the run ended and the final chunk, sync, and close. Again is without effect.

        Has patience with a disk in trouble, `close_patience_s`, and with one that does not answer,
        `sync_patience_s` more; then it says what is lost.
        """
        self._require_free()
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            if self._stream.forked_from is None or self._has_begun:
                ending: dict[str, Any] = {"code": exit_code, "reason": reason}
                if self._stream.troubles.lost_rows:
                    ending["lost_rows"] = self._stream.troubles.lost_rows
                self._delivery.put(self._encoder.record(EXIT, self._now(), ending), 0, is_note=True)
                self._delivery.flush()
        if not self._delivery.close(state=state, exit_code=exit_code):
            self._tell_unfinished()
        _writers.discard(self)

    # -- below -----------------------------------------------------------------------------------

    def _log_record(self, kind: int, *fields: Any, then: Callable[[], None] | None = None) -> None:
        self._require_free()
        delivery = self._delivery
        with self._lock:
            self._get_ready()
            payload = self._encoder.record(kind, *fields)
            if then is not None:
                then()
            receipt = delivery.put(payload, 0, is_note=kind in NOTED_KINDS)
        delivery.wait_for(receipt)

    def _require_free(self) -> None:
        if self.is_busy:
            raise WriterBusyError(f"a signal came while {self.path} was written; call again after it")

    def _get_ready(self) -> None:
        if self._is_closed:
            raise WriterClosedError(f"{self.path} was closed; nothing can be logged to it any more")
        self._has_begun = True
        self._delivery.start()

    def _beat(self) -> None:
        """Say that the writer lives, where nothing else did."""
        with self._lock:
            if not self._is_closed:  # Nothing follows a final chunk.
                self._delivery.put(self._encoder.record(RUN, self._now(), {}), 0)

    def _is_disk_local(self) -> bool:
        return not is_network(filesystem_of(str(self.directory), self._disk))

    def _tell_unfinished(self) -> None:
        self._unwritten_rows = rows = self._stream.rows_nowhere
        patience_s = self._limits.close_patience_s + self._limits.sync_patience_s
        self._on_problem(
            f"the disk of {self.path} has not answered for {patience_s:g} s: "
            + (
                f"{rows} rows are in memory alone, and lost if it does not before this process ends"
                if rows
                else "what was logged last is in the kernel, and may not be on the disk yet"
            )
        )

    # -- fork ------------------------------------------------------------------------------------

    def _start_anew_in_child(self) -> None:
        """Forget the parent's file, lock and thread; the first record begins a log of our own."""
        log = self._stream.log
        forked_from = log.log_id.hex() if log is not None else self._stream.forked_from or ""
        self._start_life(self._encoder.child(), forked_from=forked_from)
        if log is not None:
            self._stream.failed.append(log)  # Ours is a copy of the descriptor: to be closed only.


_writers: "weakref.WeakSet[Writer]" = weakref.WeakSet()


def _start_anew_in_children() -> None:
    for writer in list(_writers):
        writer._start_anew_in_child()


os.register_at_fork(before=wait_for_imports, after_in_child=_start_anew_in_children)
