"""That a run ends once: by the thread that comes first, while all others wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock, current_thread

from tidelog.sdk.console.bell import Bell

LOOK_S = 0.1
"""How often one who waits looks whether the thread that ends the run is still there."""


class OneEnd:
    """The end of one run; signal handlers may come in the middle of any of it."""

    def __init__(self) -> None:
        self.is_begun = False
        self._is_over = False
        self._thread = current_thread()
        self._lock = RLock()
        self._bell = Bell()

    def __repr__(self) -> str:
        return f"<OneEnd, {'over' if self._is_over else 'begun' if self.is_begun else 'to come'}>"

    def begin(self) -> bool:
        """Tell whether the end is for this thread to make: it is the first to come."""
        with self._lock:
            is_first, self.is_begun = not self.is_begun, True
            if is_first:
                self._thread = current_thread()
        return is_first

    @contextmanager
    def made_here(self) -> Iterator[None]:
        """Let whoever waits go on when this block is left; it may be in another thread than began it."""
        self._thread = current_thread()
        try:
            yield
        finally:
            self._is_over = True
            self._bell.ring()

    def wait(self) -> None:
        """Return once the run has ended, or the thread that ends it is gone; at once in that thread."""
        thread = self._thread
        if thread is current_thread():
            return
        while thread.is_alive() and not self._is_over:
            self._bell.wait(LOOK_S)

    def renew_lock(self) -> None:
        """Give a forked child a lock that no thread of the parent holds."""
        self._lock = RLock()
