"""Who goes next: places that accounts share, one of each account after the other.

A place is a thread or a byte of memory. Who waits, waits in the line of his account; a line has an end,
and who comes behind it is told to come again (429): many requests become many waits, never much memory.
"""

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tidelog.syncd.errors import TOO_MANY_REQUESTS, UNAVAILABLE, ProblemError
from tidelog.syncd.hub.limits import HubLimits

_Waiting = tuple[int, "asyncio.Future[None]"]


class Turns:
    """`places` that are taken and given back; one account has at most `share` of them at one time."""

    def __init__(self, places: int, limits: HubLimits, *, of: str, share: int | None = None) -> None:
        """`of` says in a refusal what is taken, such as "bytes for bodies"."""
        self._places = places
        self._free = places
        self._share = min(places, share or places)
        self._of = of
        self._limits = limits
        self._taken: dict[str, int] = {}
        self._lines: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._waiting = 0

    def __repr__(self) -> str:
        return f"<Turns, {self._free} {self._of} free, {self._waiting} waiting>"

    @asynccontextmanager
    async def take(self, account: str, size: int = 1) -> AsyncIterator[None]:
        """Hold `size` places while the block runs, or all of a share where that is less.

        Raises ProblemError: 429 where too many wait already, 503 where the turn does not come.
        """
        # Who takes none is in the book as well: an empty body is a body.
        size = max(1, min(size, self._share))
        await self._wait_for(account, size)
        try:
            yield
        finally:
            self._give_back(account, size)

    async def _wait_for(self, account: str, size: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stand_in_line(account, (size, turn))
        self._serve()
        if turn.done():
            return
        try:
            async with asyncio.timeout(self._limits.body_wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The turn came in the same moment; it goes to the next in line.
                self._give_back(account, size)
            else:
                self._leave(account, (size, turn))
            if not isinstance(error, TimeoutError):
                raise
            raise ProblemError(
                UNAVAILABLE,
                f"others hold the {self._places} {self._of} that this hub has, for "
                f"{self._limits.body_wait_s:g} s now: try again",
            ) from error

    def _stand_in_line(self, account: str, waiting: _Waiting) -> None:
        line = self._lines.get(account)
        limit, all_max = self._limits.waiting_per_account_max, self._limits.waiting_max
        if limit <= (0 if line is None else len(line)):
            raise ProblemError(
                TOO_MANY_REQUESTS,
                f"{limit} requests of this account wait for {self._of} already, which is the limit: "
                "try again",
            )
        if self._waiting >= all_max:
            raise ProblemError(
                TOO_MANY_REQUESTS,
                f"{all_max} requests wait for {self._of} already, which is the limit: try again",
            )
        if line is None:
            line = self._lines[account] = deque()
        line.append(waiting)
        self._waiting += 1

    def _leave(self, account: str, waiting: _Waiting) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._lines[account].remove(waiting)
            self._left(account)
        self._serve()

    def _left(self, account: str) -> None:
        self._waiting -= 1
        if not self._lines[account]:
            del self._lines[account]

    def _give_back(self, account: str, size: int) -> None:
        self._free += size
        self._taken[account] -= size
        if not self._taken[account]:
            del self._taken[account]
        self._serve()

    def _serve(self) -> None:
        while (account := self._next()) is not None:
            size, turn = self._lines[account].popleft()
            # Behind all others: each account has one turn before any has its second.
            self._lines.move_to_end(account)
            self._left(account)
            if not turn.done():
                self._free -= size
                self._taken[account] = self._taken.get(account, 0) + size
                turn.set_result(None)

    def _next(self) -> str | None:
        """Return whose turn it is. Nobody is passed by, but for an account that has its share."""
        for account, line in self._lines.items():
            size = line[0][0]
            if self._taken.get(account, 0) + size <= self._share:
                return account if size <= self._free else None
        return None
