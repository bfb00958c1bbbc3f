"""How payloads get to a stream: by whoever logs, by a thread that may wait for the disk, or buffered.

The rule: who logs writes, while the disk is trusted. Else the `WriteThread` does, and who logs waits for
it only so long. Where no thread can be started there is nothing to choose.
"""

import threading
from collections.abc import Callable

from tidelog.datastore.clock import Clock
from tidelog.datastore.format import PAYLOAD_BYTES_MAX
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.log_writer import LogWriter
from tidelog.datastore.promptness import Promptness
from tidelog.datastore.stream import Stream
from tidelog.datastore.sync_thread import SyncThread
from tidelog.datastore.write_thread import Duties, Receipt, WriteThread


class Delivery:
    """The way of one process's payloads to its stream. `put` and `flush` want the lock to be held."""

    def __init__(
        self,
        stream: Stream,
        *,
        is_buffered: bool,
        is_synced_at_once: bool,
        is_disk_trustworthy: Callable[[], bool],
        beat: Callable[[], None],
        lock: threading.RLock,
        clock: Clock,
        limits: WriterLimits,
        on_problem: Callable[[str], None],
    ) -> None:
        """Start nothing yet. `is_disk_trustworthy` is asked on a thread, before the first log is made;
        `beat` is called once in a while where nothing else is put.
        """
        self.stream = stream
        self.is_at_hand = False
        """Whether a chunk may be appended to the stream by whoever holds the lock, without asking."""
        self._is_buffered = is_buffered
        self._is_synced_at_once = is_synced_at_once
        self._is_disk_trustworthy = is_disk_trustworthy
        self._lock = lock
        self._clock = clock
        self._limits = limits
        self._on_problem = on_problem
        self._promptness = Promptness(limits)
        self._is_ready = False
        self._is_closed = False
        self._ending = ("finished", 0)
        self._buffer: list[bytes] = []
        self._buffer_bytes = 0
        self._buffer_rows = 0
        self._buffer_has_note = False
        self._syncing = SyncThread(
            stream,
            self._promptness,
            tick_s=limits.buffered_interval_s if is_buffered else limits.sync_interval_s,
            on_tick=self._flush_in_time,
            on_quiet=beat,
            reconsider=self._reconsider,
            lock=lock,
            clock=clock,
            limits=limits,
            on_problem=on_problem,
        )
        self._has_thread = True
        self._writing = WriteThread(
            stream,
            Duties(self._learn_disk, self._wrote, self._settle, self._finish),
            patience_s=limits.sync_patience_s if is_synced_at_once else limits.answer_patience_s,
            lock=lock,
            clock=clock,
            limits=limits,
            on_problem=on_problem,
        )
        stream.on_failure = self._hand_over_stream

    def open(self) -> None:
        """Begin the first log. Raises OSError where that cannot be done."""
        if self._try_start_writing(is_opening_awaited=True):
            self._writing.await_opening()
        else:
            self.stream.open()

    def start(self) -> None:
        """Be ready for the first payload; the lock is held. Again is without effect."""
        if self._is_ready:
            return
        self._is_ready = True
        # Of a forked child the first record begins its log.
        if self._has_thread and (self._writing.is_started or self._try_start_writing()):
            try:
                self._syncing.start()
            except RuntimeError as error:
                self._tell_no_thread(error)
        self._reconsider()

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of a sync."""
        # As threading.Condition asks.
        return self._syncing.lock._is_owned()  # type: ignore[attr-defined, no-any-return]

    # -- payloads; the lock is held --------------------------------------------------------------

    def put(self, payload: bytes, rows: int, *, is_note: bool = False) -> Receipt | None:
        """Put a payload on its way; `wait_for` what is returned, without the lock."""
        if not self._is_buffered:
            return self._write(payload, rows, is_note=is_note)
        receipt = None
        if self._buffer_bytes + len(payload) > PAYLOAD_BYTES_MAX:
            receipt = self.flush()  # Both together are more than a chunk holds.
        self._buffer.append(payload)
        self._buffer_bytes += len(payload)
        self._buffer_rows += rows
        self._buffer_has_note |= is_note
        if self._buffer_bytes >= self._limits.buffered_bytes_max:
            receipt = self.flush()
        return receipt

    def flush(self) -> Receipt | None:
        """Put what is buffered on its way."""
        if not self._buffer:
            return None
        payload, rows, is_note = b"".join(self._buffer), self._buffer_rows, self._buffer_has_note
        self._buffer, self._buffer_bytes, self._buffer_rows = [], 0, 0
        self._buffer_has_note = False
        return self._write(payload, rows, is_note=is_note)

    def _write(self, payload: bytes, rows: int, *, is_note: bool) -> Receipt | None:
        if not self._has_thread:
            self._write_without_thread(payload, rows, is_note=is_note)
            return None
        if not self.stream.is_handed_over:
            if self._promptness.is_trusted(self._clock.monotonic()):
                self.stream.append(payload, rows, is_note=is_note)
                return None
            self._hand_over_stream()
        return self._writing.hand_over(payload, rows, is_note=is_note)

    def _write_without_thread(self, payload: bytes, rows: int, *, is_note: bool) -> None:
        self.stream.try_reopen()
        self.stream.write_waiting()
        self.stream.append(payload, rows, is_note=is_note)
        if self._is_synced_at_once:
            self._syncing.sync()

    # -- without the lock ------------------------------------------------------------------------

    def wait_for(self, receipt: Receipt | None) -> None:
        """Return once a payload is where `durability` promises it, or the patience is at its end."""
        if receipt is not None:
            self._writing.wait_for(receipt)

    def sync(self) -> None:
        """Sync what was written."""
        self._syncing.sync()

    def close(self, *, state: str, exit_code: int) -> bool:
        """Write the final chunk, sync and close, with some patience; tell whether that was enough."""
        with self._lock:
            self._is_closed = True
            self._is_ready = False
            self._ending = (state, exit_code)
            self._hand_over_stream()
        self._syncing.stop()
        if not self._writing.is_started:
            self._finish()
            return True
        return self._writing.close(
            patience_s=self._limits.close_patience_s + self._limits.sync_patience_s
        )

    # -- who uses the disk; the lock is held -----------------------------------------------------

    def _hand_over_stream(self) -> None:
        """Let nobody but the thread use the disk, until it is trusted again."""
        self.is_at_hand = False
        if self._has_thread:
            self.stream.is_handed_over = True
            self._writing.wake()

    def _settle(self) -> None:
        """Let those who log write by themselves again, if that may be expected to go well."""
        is_well = self.stream.log is not None and not self.stream.is_waiting
        if is_well and not self._is_closed and not self._is_synced_at_once:
            self.stream.is_handed_over = not self._promptness.is_trusted(self._clock.monotonic())
            self._reconsider()

    def _reconsider(self) -> None:
        is_open = self._is_ready and not self.stream.is_handed_over and self._has_thread
        is_sure = not self._promptness.is_asked and self._promptness.is_trusted(self._clock.monotonic())
        self.is_at_hand = is_open and is_sure and not self._is_buffered

    # -- what the threads do ---------------------------------------------------------------------

    def _try_start_writing(self, *, is_opening_awaited: bool = False) -> bool:
        self.stream.is_handed_over = True
        try:
            self._writing.start(is_opening_awaited=is_opening_awaited)
        except RuntimeError as error:
            self.stream.is_handed_over = self._has_thread = False
            self._tell_no_thread(error)
        return self._has_thread

    def _tell_no_thread(self, error: RuntimeError) -> None:
        # The interpreter is going down, or there are too many threads.
        self._on_problem(f"no thread can be started to sync {self.stream.path}: {error}")

    def _learn_disk(self) -> None:
        self._promptness.is_ever_trusted = self._is_disk_trustworthy()

    def _wrote(self, is_log_begun: bool) -> None:  # noqa: FBT001 - the one argument of a callback.
        self._syncing.close_failed()
        if self._is_synced_at_once:
            self._syncing.sync()
        elif is_log_begun:
            self._syncing.hurry()  # Only a sync ends trouble.

    def _flush_in_time(self) -> None:
        with self._lock:
            self.flush()

    def _finish(self) -> None:
        """Bring the last records to the disk, with some patience for one that is in trouble."""
        stream = self.stream
        deadline = self._clock.monotonic() + self._limits.close_patience_s
        stream.hasten()
        ended: LogWriter | None = None
        while True:
            if stream.has_unsynced:
                stream.try_reopen()
            stream.write_waiting()
            if stream.log is not ended:
                ended = stream.log
                stream.append_final(state=self._ending[0], exit_code=self._ending[1])
            self._syncing.sync()
            left_s = deadline - self._clock.monotonic()
            if not stream.has_unsynced:
                break
            if left_s <= 0:
                stream.give_up()
                break
            threading.Event().wait(min(left_s, max(0.001, stream.reopen_in_s)))
        self._syncing.close_last()
