"""The thread that writes for those who log where the disk may not answer: they wait for it only so long.

It opens the first log, and the next one where a file failed. While the disk is trusted it sleeps, and
whoever logs writes.
"""

import threading
from _thread import LockType
from collections.abc import Callable
from typing import NamedTuple

from tidelog.datastore.clock import Clock
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.stream import Stream

Receipt = LockType
"""Released once what was handed over is where it belongs."""


class Duties(NamedTuple):
    """What a writer has its thread do: `prepare` before the first log is opened, `settle` with the lock
    held when nothing waits any more, `finish` at the end. `wrote` tells whether a log was begun.
    """

    prepare: Callable[[], None]
    wrote: Callable[[bool], None]
    settle: Callable[[], None]
    finish: Callable[[], None]


class WriteThread:
    """Brings what waits in a stream to its log. While `stream.is_handed_over` it alone uses the disk."""

    def __init__(
        self,
        stream: Stream,
        duties: Duties,
        *,
        lock: threading.RLock,
        clock: Clock,
        limits: WriterLimits,
        patience_s: float,
        on_problem: Callable[[str], None],
    ) -> None:
        self._stream = stream
        self._duties = duties
        self._lock = lock
        self._clock = clock
        self._limits = limits
        self._patience_s = patience_s
        self._on_problem = on_problem
        self._wake = threading.Event()
        self._receipts: list[Receipt] = []
        self._opened = threading.Event()
        self._is_opening_awaited = False
        self._open_failure: Exception | None = None
        self._asked_at: float | None = None
        self._is_silent = False  # It did not answer within the patience of a call: none waits any more.
        self._is_silence_told = False
        self._is_failure_told = False
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="tidelog-write", daemon=True)

    # -- for those who log -----------------------------------------------------------------------

    @property
    def is_started(self) -> bool:
        """Whether it was started in this process."""
        return self._thread.ident is not None

    def start(self, *, is_opening_awaited: bool = False) -> None:
        """Begin. Raises RuntimeError where no thread can be started.

        Where the opening is awaited, `await_opening` raises why it failed, and nothing goes on.
        """
        self._is_opening_awaited = is_opening_awaited
        self._thread.start()

    def await_opening(self) -> None:
        """Wait for the first log, some time. Raises OSError where it cannot be made."""
        is_answered = self._opened.wait(self._limits.open_patience_s)
        with self._lock:
            if self._open_failure is not None:
                raise self._open_failure
            self._is_opening_awaited = False
            if not is_answered and not self._opened.is_set():
                self._is_silent = True
                self._tell_silence(self._limits.open_patience_s)

    def hand_over(self, payload: bytes, rows: int, *, is_note: bool = False) -> Receipt:
        """Let the thread write a chunk. The lock is held; `wait_for` the receipt without it."""
        self._stream.wait(payload, rows, is_note=is_note)
        receipt = threading.Lock()
        receipt.acquire()
        self._receipts.append(receipt)
        self._wake.set()
        return receipt

    def wait_for(self, receipt: Receipt) -> None:
        """Return once what was handed over with it is in the kernel, or the patience is at its end."""
        if not self._is_silent and self._thread is not threading.current_thread():
            self._is_silent = not receipt.acquire(timeout=self._patience_s)
        asked_at = self._asked_at
        if self._is_silent and asked_at is not None:
            silent_s = self._clock.monotonic() - asked_at
            if silent_s > self._limits.silence_told_s:
                with self._lock:
                    self._tell_silence(silent_s)

    def wake(self) -> None:
        """Let the thread look after its stream."""
        self._wake.set()

    def close(self, *, patience_s: float) -> bool:
        """Let the thread finish, and wait for that; tell whether it did within the patience."""
        self._is_closing = True
        self._wake.set()
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        if not self._open_first():
            return
        while not self._is_closing:
            self._wake.wait(self._pause_s())
            self._wake.clear()
            if self._stream.is_handed_over and not self._is_closing:
                self._attempt(self._work)
        self._attempt(self._duties.finish)

    def _open_first(self) -> bool:
        """Begin the first log; tell whether there is one, or will be."""
        self._asked_at = self._clock.monotonic()
        failure: Exception | None = None
        try:
            self._duties.prepare()
            self._stream.open()
        except Exception as error:  # noqa: BLE001 - the constructor raises it, if it still waits.
            failure = error
        self._asked_at = None
        with self._lock:
            is_refused = failure is not None and self._is_opening_awaited
            if is_refused:
                self._open_failure = failure
            elif failure is not None:
                self._stream.postpone(failure)
            self._duties.settle()
            self._opened.set()
        return not is_refused

    def _work(self) -> None:
        with self._lock:
            receipts, self._receipts = self._receipts, []
        self._asked_at = self._clock.monotonic()
        try:
            is_begun = self._stream.try_reopen()
            self._stream.write_waiting()
            self._duties.wrote(is_begun)
        finally:
            self._asked_at = None
            self._answer(receipts)

    def _answer(self, receipts: list[Receipt]) -> None:
        with self._lock:
            self._is_silent = False
            if self._is_silence_told and self._stream.log is not None:
                self._is_silence_told = False
                self._stream.troubles.end_silence()
            if not self._receipts:
                self._duties.settle()
            for receipt in receipts:
                receipt.release()

    def _pause_s(self) -> float | None:
        if not self._stream.is_handed_over or self._stream.log is not None:
            return None
        return self._stream.reopen_in_s

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do it; where memory lacks, or a mistake of ours comes up, go on with the next."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - without this thread nothing would be written.
            if not self._is_failure_told:
                self._is_failure_told = True
                self._on_problem(
                    f"{self._stream!r} stumbled ({type(error).__name__}: {error}); it goes on"
                )

    def _tell_silence(self, silent_s: float) -> None:
        if not self._is_silence_told:
            self._is_silence_told = True
            self._stream.troubles.begin_silence(silent_s)
