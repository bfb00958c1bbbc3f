"""Reads of what lies at home, beside the loop: whoever waits long for his own disk lends his place.

A read that takes long may be of a large file, or of a disk that does not answer for hours: both send
nothing meanwhile. It is never given up, since what it has read is wanted.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from tidelog.syncd.agent.task import Task

Answer = TypeVar("Answer")


class Home:
    """Makes calls on disks at home. Without `threads` those of the loop make them."""

    def __init__(
        self,
        lend: Callable[[Task], None],
        take_back: Callable[[Task], None],
        *,
        patience_s: float,
        threads: Executor | None = None,
    ) -> None:
        self._lend = lend
        self._take_back = take_back
        self._patience_s = patience_s
        self._threads = threads

    async def ask(self, task: Task, call: Callable[..., Answer], *arguments: Any) -> Answer:
        """Return what a call on the disk returns, which is made for a task under way."""
        answer = asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
        try:
            done, _ = await asyncio.wait([answer], timeout=self._patience_s)
            if not done:
                await self._wait_out(task, answer)
            return answer.result()
        finally:
            answer.cancel()  # Whoever asked may be gone.

    async def _wait_out(self, task: Task, answer: "asyncio.Future[Answer]") -> None:
        self._lend(task)
        try:
            await asyncio.wait([answer])
        finally:
            self._take_back(task)
