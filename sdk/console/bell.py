"""Wakes a thread; may be rung by a signal handler in the middle of ringing.

`threading.Event` may not: its `set` holds a lock, which a handler in the same thread waits for in vain.
"""

import contextlib
import threading


class Bell:
    """Rings once for whoever waits, or waits next, however often it was rung before."""

    def __init__(self) -> None:
        self._silence = threading.Lock()
        self._silence.acquire()

    def ring(self) -> None:
        """Wake the one who waits."""
        with contextlib.suppress(RuntimeError):  # It was rung already, and nobody has heard it yet.
            self._silence.release()

    def wait(self, timeout_s: float) -> None:
        """Return when it rings, or after a while."""
        self._silence.acquire(timeout=timeout_s)
