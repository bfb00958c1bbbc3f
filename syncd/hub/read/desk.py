"""A few threads that answer questions, and a short line before them: fair by key, never long."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tidelog.syncd.errors import TOO_MANY_REQUESTS, ProblemError

T = TypeVar("T")


class Desk:
    """Does blocking work for those who ask, so many at a time; who finds the line full gets 429."""

    def __init__(self, threads: int, *, waiting_max: int, per_key_max: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="hub-answer")
        self._asking: Counter[str] = Counter()
        self._waiting_max = waiting_max
        self._per_key_max = per_key_max

    def __repr__(self) -> str:
        return f"<Desk, {self._asking.total()} ask>"

    async def do(self, who: str, work: Callable[[], T]) -> T:
        """Return what `work` returns, done in a thread."""
        if self._asking.total() >= self._waiting_max:
            raise ProblemError(TOO_MANY_REQUESTS, "too many questions wait already: try again")
        if self._asking[who] >= self._per_key_max:
            raise ProblemError(
                TOO_MANY_REQUESTS,
                f"{self._asking[who]} questions of the key {who!r} wait already: ask fewer at once",
            )
        self._asking[who] += 1
        future = self._threads.submit(work)
        # The place in the line is free when the thread is, whether or not somebody still waits.
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _call(loop, lambda: self._leave(who)))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let what is under way end; what waits is not begun."""
        self._threads.shutdown(cancel_futures=True)

    def _leave(self, who: str) -> None:
        self._asking[who] -= 1
        if self._asking[who] <= 0:
            del self._asking[who]


def _call(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(work)
