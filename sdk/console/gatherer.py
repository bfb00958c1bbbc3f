"""Gathers what is printed and hands it to the runs that record it, at next to no cost to who prints.

Up to so many lines a second are recorded before `print` returns. What comes faster is only kept, and
recorded by a thread in batches: a `write(2)` for each of a million lines would make printing several
times as dear (docs/decisions.md).
"""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby

from tidelog.datastore.clock import Clock
from tidelog.sdk.console.allowance import Allowance
from tidelog.sdk.console.bell import Bell
from tidelog.sdk.console.recorder import Recorder
from tidelog.sdk.console.tee import Keep
from tidelog.sdk.console.transcript import UNFINISHED_INTERVAL_S

LINES_PER_S_MAX = 100
"""How many lines are recorded before their print returns: 0.1 % of a core."""

BATCH_INTERVAL_S = 0.05
"""What a SIGKILL can take of what is printed faster than that."""

PIECES_MAX = 1_000_000
"""What is held while the disk of the run does not answer; each `write` to a stream is a piece."""

STOP_PATIENCE_S = 2.0
DISK_PATIENCE_S = 10.0

Keeper = Callable[[str], Keep]
"""Makes the `keep` of a stream, by its name."""

Piece = str | tuple[str, str]
"""What was written to stdout, or `(stream, text)`: a tuple less for most of what is printed."""


class Gatherer:
    """Text on its way from the streams to the recorders. What `keeper` makes is called by any thread."""

    def __init__(
        self, *, clock: Clock | None = None, on_keeper: Callable[[Keeper], None] = lambda _keeper: None
    ) -> None:
        """`on_keeper` is given what makes the `keep` of streams, whenever another one is to be used."""
        self._now = (clock or Clock()).monotonic
        self._on_keeper = on_keeper
        self._begin()
        _gatherers.add(self)

    def _begin(self) -> None:
        """Set up all that belongs to one process."""
        self._pending: list[Piece] = []
        self._left_out = 0
        self._recorders: list[Recorder] = []
        self._lock = threading.RLock()  # Around the recorders, and around taking what is pending.
        self._bell = Bell()
        self._is_stopped = False
        self._allowance = Allowance(self._now(), at_once=LINES_PER_S_MAX, per_s=LINES_PER_S_MAX)
        self._thread: threading.Thread | None = None

    # -- those who print -------------------------------------------------------------------------

    def keeper(self, stream: str) -> Keep:
        """Return what keeps the text of a stream, and records its lines where that is cheap enough."""
        keep_bounded = self._bounded_keeper(stream)

        def keep(text: str) -> None:
            keep_bounded(text)
            if "\n" in text:
                is_cheap = self._thread is None or self._allowance.grant(1, self._now())
                # Never waits: another thread records, or this one does and a signal came in between.
                if not (is_cheap and self._try_record()):
                    self._bell.ring()

        return keep

    def _bounded_keeper(self, stream: str) -> Keep:
        pending, append = self._pending, self._fast_keeper(stream)

        def keep(text: str) -> None:
            if len(pending) < PIECES_MAX:
                append(text)
            else:
                self._left_out += 1

        return keep

    def _fast_keeper(self, stream: str) -> Keep:
        append = self._pending.append
        return append if stream == "stdout" else lambda text: append((stream, text))

    # -- those who record ------------------------------------------------------------------------

    @property
    def is_heard(self) -> bool:
        """Whether there are recorders."""
        return bool(self._recorders)

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of recording: a signal handler interrupted it."""
        return self._lock._is_owned()  # type: ignore[attr-defined, no-any-return] # As Condition asks.

    def add(self, recorder: Recorder) -> None:
        """Let a recorder hear what is printed from now on."""
        with self._patiently() as is_free:
            if is_free:
                self._hand_over()
            self._recorders.append(recorder)
        if self._thread is None:
            self._start_thread()

    def remove(self, recorder: Recorder) -> bool:
        """Record what a recorder heard so far, to the end, and let it hear no more.

        Tell whether that could be done: another thread may wait for a disk that does not answer.
        """
        with self._patiently() as is_free:
            if is_free:
                self._hand_over()
                recorder.write(self._now(), is_last=True)
            with suppress(ValueError):
                self._recorders.remove(recorder)
        return is_free

    def stop(self) -> None:
        """End the thread; again is without effect."""
        self._is_stopped = True
        self._bell.ring()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(STOP_PATIENCE_S)

    @contextmanager
    def _patiently(self) -> Iterator[bool]:
        """Hold the lock, but do not wait for ever; yield whether it is held."""
        is_free = not self.is_busy and self._lock.acquire(timeout=DISK_PATIENCE_S)
        try:
            yield is_free
        finally:
            if is_free:
                self._lock.release()

    def _try_record(self) -> bool:
        """Record what is pending and due, where nobody else is at it; tell whether it is done."""
        if self.is_busy or not self._lock.acquire(blocking=False):
            return False
        try:
            self._hand_over()
            return self._write()
        finally:
            self._lock.release()

    def _hand_over(self) -> bool:
        """Give the recorders what is pending; tell whether there was something.

        A Ctrl-C in between gives it twice rather than never.
        """
        now = self._now()
        count = len(self._pending)
        for stream, text in _joined(self._pending[:count]):
            for recorder in self._recorders:
                recorder.feed(stream, text, now)
        del self._pending[:count]
        if self._left_out:
            left_out, self._left_out = self._left_out, 0
            for recorder in self._recorders:
                recorder.feed("stderr", f"tidelog: {left_out:,} pieces of text are left out here\n", now)
        return count > 0

    def _write(self) -> bool:
        """Let all recorders write what is due; tell whether they could."""
        now = self._now()
        waiting = [recorder for recorder in self._recorders if not recorder.write(now)]
        return not waiting

    # -- the thread ------------------------------------------------------------------------------

    def _start_thread(self) -> None:
        self._is_stopped = False
        thread = threading.Thread(target=self._run, name="tidelog-console", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return  # No thread is to be had: every line is recorded before its print returns.
        self._thread = thread

    def _run(self) -> None:
        while not self._is_stopped:
            self._bell.wait(UNFINISHED_INTERVAL_S)
            try:
                while not (self._is_stopped or self._record_batch()):
                    self._bell.wait(BATCH_INTERVAL_S)
            finally:
                self._on_keeper(self.keeper)
            if self._pending:  # Kept before there was time again for each line.
                self._bell.ring()

    def _record_batch(self) -> bool:
        """Record what is pending; tell whether that was nothing, so that there is time for each line."""
        with self._lock:
            is_quiet = not self._hand_over()
            # A disk that does not answer must not fill the memory.
            self._on_keeper(self._bounded_keeper)
            is_quiet &= self._write()
        if not is_quiet:
            self._on_keeper(self._fast_keeper)
        return is_quiet

    # -- fork ------------------------------------------------------------------------------------

    def _start_anew_in_child(self) -> None:
        """Forget what the parent is to record; without a thread every line is recorded at once."""
        recorders = self._recorders
        self._begin()
        self._recorders = recorders
        for recorder in recorders:
            recorder.start_anew(self._now())
        self._on_keeper(self.keeper)


def _joined(pieces: list[Piece]) -> Iterator[tuple[str, str]]:
    """Yield `(stream, text)` in the order of the pieces, as long texts."""
    try:
        yield "stdout", "".join(pieces)  # type: ignore[arg-type] # All of it, in the most common case.
    except TypeError:
        pass
    else:
        return
    # What is no text the stream's own `write` refused.
    named = [("stdout", piece) if isinstance(piece, str) else piece for piece in pieces]
    named = [piece for piece in named if isinstance(piece, tuple) and isinstance(piece[1], str)]
    for stream, group in groupby(named, key=lambda piece: piece[0]):
        yield stream, "".join(text for _stream, text in group)


_gatherers: "weakref.WeakSet[Gatherer]" = weakref.WeakSet()


def _start_anew_in_children() -> None:
    for gatherer in list(_gatherers):
        gatherer._start_anew_in_child()


os.register_at_fork(after_in_child=_start_anew_in_children)
