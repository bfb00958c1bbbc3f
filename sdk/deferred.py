"""Calls of a signal handler that interrupted one of ours: a thread makes them, as soon as that is over.

To wait for the interrupted call in its own thread would be for ever.
"""

import threading
from collections import deque
from collections.abc import Callable


class Deferred:
    """Calls in the order in which they were put off. The interpreter waits for them at its end."""

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()

    def put_off(self, call: Callable[[], None]) -> None:
        """Make `call`, which must not raise, in another thread. Raises RuntimeError without one."""
        self._calls.append(call)
        threading.Thread(target=self._make_calls, name="tidelog-deferred").start()

    def _make_calls(self) -> None:
        with self._lock:
            while self._calls:
                self._calls.popleft()()
