"""A gate for each run: many may use it at one time, or one has it alone to take it away."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class _Claim:
    """One who wants a run alone, once `all_left`; who comes later waits until that is `over`."""

    def __init__(self) -> None:
        self.all_left = asyncio.Event()
        self.over = asyncio.Event()


class RunGate:
    """Knows who uses which run. Who wants one alone goes before those who come later."""

    def __init__(self) -> None:
        self._users: dict[Hashable, int] = {}
        self._claims: dict[Hashable, _Claim] = {}

    def __repr__(self) -> str:
        return f"<RunGate, {len(self._users)} runs in use>"

    @asynccontextmanager
    async def use(self, run: Hashable) -> AsyncIterator[None]:
        """Keep a run in its place while the block runs; waits for who has it alone."""
        await self._unclaimed(run)
        self._users[run] = self._users.get(run, 0) + 1
        try:
            yield
        finally:
            # Nothing is awaited here: who is cancelled meanwhile would else let others wait for ever.
            self._users[run] -= 1
            if not self._users[run]:
                del self._users[run]
                if run in self._claims:
                    self._claims[run].all_left.set()

    @asynccontextmanager
    async def alone(self, run: Hashable) -> AsyncIterator[None]:
        """Keep everybody else from a run while the block runs; waits until nobody uses it."""
        await self._unclaimed(run)
        claim = self._claims[run] = _Claim()
        try:
            if run in self._users:
                await claim.all_left.wait()
            yield
        finally:
            del self._claims[run]
            claim.over.set()

    async def _unclaimed(self, run: Hashable) -> None:
        while (claim := self._claims.get(run)) is not None:
            await claim.over.wait()
