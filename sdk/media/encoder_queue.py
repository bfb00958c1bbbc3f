"""What is encoded beside training: calls in their order, made by one thread, bounded in count and bytes.

Nothing is ever dropped from a queue that is full: whoever finds it so makes the call itself.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple


class EncoderLimits(NamedTuple):
    """What may wait, and how long the end of a run waits for it."""

    calls_max: int = 256
    bytes_max: int = 256 * 1024 * 1024
    stop_patience_s: float = 60.0


class _Call(NamedTuple):
    make: Callable[[], None]
    key: str | None
    size_bytes: int


class EncoderQueue:
    """Calls for a thread of its own, which begins with the first of them.

    A forked child begins anew: what waits is its parent's to do.
    """

    def __init__(self, limits: EncoderLimits) -> None:
        self._limits = limits
        self._begin_life()

    def _begin_life(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._keys: Counter[str | None] = Counter()
        self._bytes = 0
        self._is_stopped = False

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of a call here: a signal handler interrupted it."""
        return self._lock._is_owned()  # type: ignore[attr-defined, no-any-return]

    @property
    def waiting(self) -> int:
        """How many calls are not done."""
        return self._keys.total()

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody waits any more for what is still to be done."""
        return self._is_stopped and self._thread is None

    def has(self, key: str) -> bool:
        """Tell whether a call of this key waits or is being made."""
        return self._keys[key] > 0

    def put(self, make: Callable[[], None], *, key: str | None = None, size_bytes: int = 0) -> bool:
        """Let the thread make a call, which must not raise; tell whether it will.

        `key` is the value that it is about, None for a call about none.
        """
        if os.getpid() != self._pid:
            self._begin_life()
        with self._lock:
            is_full = (
                self.waiting >= self._limits.calls_max
                or self._bytes + size_bytes > self._limits.bytes_max
            )
            if self._is_stopped or is_full or not self._has_thread():
                return False
            self._keys[key] += 1
            self._bytes += size_bytes
            self._calls.put(_Call(make, key, size_bytes))
            return True

    def stop(self) -> int:
        """Wait until all is done, with some patience; return how many values are left undone."""
        if os.getpid() != self._pid:
            self._begin_life()
        with self._lock:
            self._is_stopped = True
            thread = self._thread
        if thread is None:
            return 0
        self._calls.put(None)
        thread.join(self._limits.stop_patience_s)
        with self._lock:
            self._thread = None  # A thread that is still at it makes no further call.
            return self.waiting - self._keys[None]

    def _has_thread(self) -> bool:
        if self._thread is not None:
            return True
        thread = threading.Thread(target=self._make_calls, name="tidelog-media", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # The interpreter is at its end, or there are too many threads.
            return False
        self._thread = thread
        return True

    def _make_calls(self) -> None:
        calls = self._calls
        while (call := calls.get()) is not None:
            if self.is_abandoned:
                return
            call.make()
            with self._lock:
                self._keys[call.key] -= 1
                if not self._keys[call.key]:
                    del self._keys[call.key]
                self._bytes -= call.size_bytes
