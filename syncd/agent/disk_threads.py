"""Threads for calls on disks that may never answer: a process ends without waiting for them.

Those of `concurrent.futures`, which asyncio takes by itself, are waited for: a file server that is away
would keep a daemon that was told to stop.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class DiskThreads(Executor):
    """Makes calls on at most `threads_max` threads; one is begun where no other is idle."""

    def __init__(self, threads_max: int) -> None:
        self._threads_max = threads_max
        self._begun = 0
        self._idle = threading.Semaphore(0)
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()

    def __repr__(self) -> str:
        return f"<DiskThreads, {self._begun} begun>"

    def submit(self, call: Callable[..., Answer], /, *args: Any, **kwargs: Any) -> "Future[Answer]":
        """Let a thread make a call. From one thread alone, as that of a loop is."""
        future: Future[Answer] = Future()
        self._calls.put((future, lambda: call(*args, **kwargs)))
        if not self._idle.acquire(blocking=False) and self._begun < self._threads_max:
            self._begun += 1
            threading.Thread(target=self._work, name="tidelog-disk", daemon=True).start()
        return future

    def close(self) -> None:
        """Let each thread end after its call; none is waited for, and no other call is made."""
        for _ in range(self._begun):
            self._calls.put(None)

    def _work(self) -> None:
        while (asked := self._calls.get()) is not None:
            future, call = asked
            if future.set_running_or_notify_cancel():
                made = _made(call)
                # Idle before anybody hears of it, so that the next call begins no other thread.
                self._idle.release()
                made(future)
                del made
            else:
                self._idle.release()
            del asked, future, call  # Else what was found would be kept until the next call.


def _made(call: Callable[[], Any]) -> "Callable[[Future[Any]], None]":
    """Make a call; return what tells a future how it ended."""
    try:
        answer = call()
    except BaseException as raised:  # noqa: BLE001 - it is raised where it is awaited.
        error = raised
        return lambda future: future.set_exception(error)
    return lambda future: future.set_result(answer)
