"""The thread that syncs a stream beside appends, and what everyone needs who syncs it.

A sync may take as long as the disk likes: the writer's lock is never held meanwhile.
"""

import threading
from collections.abc import Callable

from tidelog.datastore.clock import Clock
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.log_writer import LogWriter
from tidelog.datastore.promptness import Promptness
from tidelog.datastore.stream import Stream


class SyncThread:
    """Syncs once in `sync_interval_s` while there is something to sync."""

    def __init__(
        self,
        stream: Stream,
        promptness: Promptness,
        *,
        lock: threading.RLock,
        clock: Clock,
        limits: WriterLimits,
        tick_s: float,
        on_tick: Callable[[], None],
        on_quiet: Callable[[], None],
        reconsider: Callable[[], None],
        on_problem: Callable[[str], None],
    ) -> None:
        """`on_tick` is called every `tick_s`; `on_quiet` once in a heartbeat without anything to sync;
        `reconsider` with the writer's lock held, when a sync began or ended.
        """
        # Held around syncs, and around close of a descriptor.
        self.lock = threading.RLock()
        self._stream = stream
        self._promptness = promptness
        self._writer_lock = lock
        self._clock = clock
        self._limits = limits
        self._tick_s = tick_s
        self._on_tick = on_tick
        self._on_quiet = on_quiet
        self._reconsider = reconsider
        self._on_problem = on_problem
        self._wake = threading.Event()
        self._is_hurried = False
        self._is_stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin. Raises RuntimeError where no thread can be started."""
        thread = threading.Thread(target=self._run, name="tidelog-sync", daemon=True)
        thread.start()
        self._thread = thread

    def hurry(self) -> None:
        """Sync now, not at the end of the interval."""
        self._is_hurried = True
        self._wake.set()

    def stop(self) -> None:
        """Let the thread end when it comes to it."""
        self._is_stopped = True
        self._wake.set()

    def sync(self) -> None:
        """Sync what the stream's log has, and keep account of it."""
        with self.lock:
            with self._writer_lock:
                log = self._stream.begin_sync()
                if log is None:
                    return
                self._promptness.asked(self._clock.monotonic())
                self._reconsider()
            failure = _try_sync(log)
            with self._writer_lock:
                self._promptness.answered(self._clock.monotonic())
                self._stream.end_sync(log, failure)
                self._reconsider()

    def _notice_a_slow_write(self) -> None:
        """Distrust the disk where somebody who logs waits for it: the lock is held meanwhile."""
        if self._writer_lock.acquire(timeout=self._limits.slow_answer_s):
            self._writer_lock.release()
            return
        self._promptness.distrust(self._clock.monotonic())
        with self._writer_lock:
            self._reconsider()

    def close_failed(self) -> None:
        """Close the files that failed, unless one is being synced: then it is done another time.

        Only the stream's owner may: a number of a closed file may come back for another one. Never in
        the calls that failed, because close(2) may wait for a network.
        """
        if not self._stream.failed or not self.lock.acquire(blocking=False):
            return
        try:
            while self._stream.failed:
                log = self._stream.failed.pop()
                try:
                    log.close()
                except OSError as error:
                    self._on_problem(f"{log.path} could not be closed: {error.strerror or error}")
        finally:
            self.lock.release()

    def close_last(self) -> None:
        """Close all files, at the end."""
        with self.lock:
            with self._writer_lock:
                if self._stream.log is not None:
                    self._stream.failed.append(self._stream.log)
                    self._stream.log = None
            self.close_failed()

    def _run(self) -> None:
        is_every_tick = self._tick_s >= self._limits.sync_interval_s
        last_beat = synced_at = self._clock.monotonic()
        while not self._is_stopped:
            self._wake.wait(self._tick_s)
            self._wake.clear()
            if self._is_stopped:
                return
            self._notice_a_slow_write()
            self._on_tick()
            now = self._clock.monotonic()
            if not self._stream.is_dirty and now - last_beat >= self._limits.heartbeat_s:
                self._on_quiet()
                last_beat = now
            if self._stream.is_dirty:
                last_beat = now
                if is_every_tick or self._is_hurried or now - synced_at >= self._limits.sync_interval_s:
                    self._is_hurried = False
                    self.sync()
                    synced_at = now


def _try_sync(log: LogWriter) -> OSError | None:
    try:
        log.sync()
    except OSError as error:
        return error
    return None
