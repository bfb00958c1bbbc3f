"""A gate for each run: many may use it at one time, or one has it alone to take it away."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class RunGate:
    """Knows who uses which run. Who wants one alone goes before those who come later."""

    def __init__(self) -> None:
        self._users: dict[Hashable, int] = {}
        self._alone: dict[Hashable, asyncio.Lock] = {}
        self._left = asyncio.Condition()

    def __repr__(self) -> str:
        return f"<RunGate, {len(self._users)} runs in use>"

    @asynccontextmanager
    async def use(self, run: Hashable) -> AsyncIterator[None]:
        """Keep a run in its place while the block runs; waits for who has it alone."""
        while (lock := self._alone.get(run)) is not None:
            async with lock:
                pass
        self._users[run] = self._users.get(run, 0) + 1
        try:
            yield
        finally:
            self._users[run] -= 1
            if not self._users[run]:
                del self._users[run]
                if run in self._alone:
                    async with self._left:
                        self._left.notify_all()

    @asynccontextmanager
    async def alone(self, run: Hashable) -> AsyncIterator[None]:
        """Keep everybody else from a run while the block runs; waits until nobody uses it."""
        while (other := self._alone.get(run)) is not None:
            async with other:
                pass
        lock = self._alone[run] = asyncio.Lock()
        async with lock:
            try:
                async with self._left:
                    await self._left.wait_for(lambda: run not in self._users)
                yield
            finally:
                del self._alone[run]
