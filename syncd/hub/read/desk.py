"""A few threads that answer questions, and a short line before them: accounts take turns."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.web.turns import Turns

T = TypeVar("T")


class Desk:
    """Does blocking work for those who ask, `askers_max` at one time; a full line is 429."""

    def __init__(self, limits: HubLimits) -> None:
        self._threads = ThreadPoolExecutor(limits.askers_max, thread_name_prefix="hub-answer")
        line = replace(
            limits,
            waiting_max=limits.questions_waiting_max,
            waiting_per_account_max=limits.questions_per_account_max,
        )
        self._turns = Turns(limits.askers_max, line, of="turns to ask")

    def __repr__(self) -> str:
        return f"<Desk, {self._turns!r}>"

    async def do(self, who: str, work: Callable[[], T]) -> T:
        """Return what `work` returns, done in a thread."""
        async with self._turns.take(who):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Let what is under way end; what waits is not begun."""
        self._threads.shutdown(cancel_futures=True)
