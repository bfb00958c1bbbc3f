"""An event loop without a selector and without time: it jumps to whatever is due next.

What real code hands to threads runs here as one step after a delay that the seed chose, so that the
order of such steps is explored, and is the same for the same seed.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from tidelog.datastore.clock import Clock

EPOCH_S = 1_795_000_000.0
# Time must always move: a float of some months in seconds knows no nanoseconds.
RESOLUTION_S = 1e-6
STILL_STEPS_MAX = 5_000


class StuckError(Exception):
    """Everybody waits and nothing is due: the program would wait for ever."""


class BusyError(Exception):
    """Something goes on and on, and no time passes."""


class Killed(BaseException):
    """The process that was at work here has died; what it was doing goes no further."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in order and advances its own clock instead of waiting.

    `thread_delay_s` is the longest that a step for a thread may take to come; a scenario may change it.
    """

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.thread_delay_s = 0.0
        self._still = 0
        self.unhandled: list[str] = []
        self._random = random
        self._virtual_s = 0.0
        self._clock_resolution = RESOLUTION_S
        self._selector = self
        self.set_exception_handler(self._note_unhandled)

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._virtual_s

    def select(self, timeout: float | None) -> list[Any]:
        """Stand in for the selector: nothing ever comes from outside, so jump to what is due."""
        if timeout is None:
            raise StuckError("everybody waits, and nothing is due")
        if timeout:
            self._virtual_s += timeout
            self._still = 0
        else:
            self._still += 1
            if self._still > STILL_STEPS_MAX:
                raise BusyError(f"{STILL_STEPS_MAX} steps, and no time has passed")
        return []

    def run_in_executor(  # type: ignore[override]
        self,
        executor: Any,
        function: Callable[..., Any],
        *args: Any,
    ) -> "asyncio.Future[Any]":
        """Run a function as one step, a little later."""
        future = self.create_future()
        delay_s = self._random.random() * self.thread_delay_s if self.thread_delay_s else 0.0
        if delay_s:
            self.call_later(delay_s, _work, future, function, args)
        else:
            self.call_soon(_work, future, function, args)
        return future

    def close(self) -> None:
        """Close; there is no selector to close."""
        self._ready.clear()  # type: ignore[attr-defined]
        self._scheduled.clear()  # type: ignore[attr-defined]
        super().close()

    def _process_events(self, events: Any) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _note_unhandled(self, _loop: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, Killed | asyncio.CancelledError):
            self.unhandled.append(f"{context.get('message')}: {error!r}")


def _work(future: "asyncio.Future[Any]", function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    # As with a thread: who waited may have gone, the work is done all the same.
    try:
        result = function(*args)
    except BaseException as error:
        if not future.done():
            future.set_exception(error)
            if isinstance(error, Killed):
                future.exception()
    else:
        if not future.done():
            future.set_result(result)


class VirtualClock(Clock):
    """The loop's clock. `jump_s` is how far the wall clock of this machine is off; it may change."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.jump_s = 0.0
        self._loop = loop

    def now(self) -> float:
        """Return seconds since the epoch."""
        return EPOCH_S + self._loop.time() + self.jump_s

    def monotonic(self) -> float:
        """Return virtual seconds."""
        return self._loop.time()
