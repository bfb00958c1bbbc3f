"""What changed lately, and who wants to hear of it: a bounded ring, and a bounded queue for each.

Lives in the event loop alone. Who is too slow is let go: coming back with the id of the last event
heard, one gets what changed since, or is told that this hub does not remember.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tidelog.syncd.errors import TOO_MANY_REQUESTS, ProblemError
from tidelog.syncd.hub.limits import HubLimits

ID_BYTES = 8


class Change(NamedTuple):
    """An event: its id, of which project, its kind, and the entry of the run as JSON."""

    id: str
    project: str
    kind: str
    data: bytes


class Listener:
    """One who listens. `next` gives changes until the listener is let go."""

    def __init__(self, queue_max: int, let_go: Callable[[], None]) -> None:
        self.is_reset = False
        """Whether more was missed than is remembered."""
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue(queue_max + 1)
        self._queue_max = queue_max
        self._let_go = let_go
        self._is_over = False

    def put(self, change: Change) -> None:
        """Add a change, or let go of one who has not taken the others."""
        if self._is_over:
            return
        if self._queue.qsize() >= self._queue_max:
            self._is_over = True
            self._let_go()
        else:
            self._queue.put_nowait(change)

    def end(self) -> None:
        """Let `next` return None once all that came is taken."""
        if not self._is_over:
            self._is_over = True
            self._queue.put_nowait(None)

    async def next(self, timeout_s: float) -> Change | None:
        """Return the next change, None at the end. Raises TimeoutError where none came for so long."""
        async with asyncio.timeout(timeout_s):
            return await self._queue.get()


class Changes:
    """The changes of one hub since it started."""

    def __init__(self, limits: HubLimits) -> None:
        self._limits = limits
        # First what was before all changes: the oldest of them, too, came behind something.
        self._ring = deque([Change(_new_id(), "", "", b"")], maxlen=limits.changes_kept_max + 1)
        self._listeners: dict[Listener, str] = {}
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Changes, {len(self._ring) - 1} kept, {len(self._listeners)} listen>"

    def __len__(self) -> int:
        """Return how many listen."""
        return len(self._listeners)

    @property
    def last_id(self) -> str:
        """The id of the last change."""
        return self._ring[-1].id

    def publish(self, project: str, kind: str, data: bytes) -> None:
        """Tell everybody."""
        change = Change(_new_id(), project, kind, data)
        self._ring.append(change)
        for listener in list(self._listeners):
            listener.put(change)

    @contextmanager
    def listen(self, who: str, *, last_id: str | None, let_go: Callable[[], None]) -> Iterator[Listener]:
        """Listen while the block runs, from behind `last_id` on. Raises 429 where too many do."""
        of_one = sum(other == who for other in self._listeners.values())
        if self._is_closed or len(self._listeners) >= self._limits.listeners_max:
            raise ProblemError(
                TOO_MANY_REQUESTS, f"{len(self._listeners)} listen to this hub already; try again later"
            )
        if of_one >= self._limits.listeners_per_account_max:
            raise ProblemError(
                TOO_MANY_REQUESTS, f"{of_one} of the account {who!r} listen already: close some of them"
            )
        # What it missed must fit beside what comes.
        queue_max = self._limits.changes_waiting_max + self._limits.changes_kept_max
        listener = Listener(queue_max, let_go)
        missed = self._since(last_id)
        listener.is_reset = missed is None
        for change in missed or ():
            listener.put(change)
        self._listeners[listener] = who
        try:
            yield listener
        finally:
            del self._listeners[listener]

    def close(self) -> None:
        """Let all who listen go, in peace."""
        self._is_closed = True
        for listener in self._listeners:
            listener.end()

    def _since(self, last_id: str | None) -> list[Change] | None:
        """Return what came behind a change; None where that is not remembered."""
        if last_id is None:
            return []
        ids = [change.id for change in self._ring]
        return list(self._ring)[ids.index(last_id) + 1 :] if last_id in ids else None


def _new_id() -> str:
    """Return an id that tells nothing: by a number one team would see how much others do."""
    return os.urandom(ID_BYTES).hex()
