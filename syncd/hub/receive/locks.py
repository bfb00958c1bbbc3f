"""A lock for each name: who holds one keeps others away from that log or file, and from no other."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Locks:
    """Locks that exist while somebody holds one or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, asyncio.Lock] = {}
        self._users: dict[Hashable, int] = {}

    def __repr__(self) -> str:
        return f"<Locks, {len(self._locks)} in use>"

    @asynccontextmanager
    async def hold(self, *name: Hashable) -> AsyncIterator[None]:
        """Keep everybody else out of what `name` stands for while the block runs."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._users[name] = self._users.get(name, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._locks[name]
