"""Deleting a run, taking that back, and what is done when its time in the trash is up.

The tombstone comes before the move and goes after the way back: a crash between the two leaves a run
that is deleted, which `tidy` finishes, never one that an agent half uploads again.
"""

from collections.abc import Callable
from functools import partial

from tidelog.datastore.clock import Clock
from tidelog.syncd.hub.guard.audit import HUB, RUN_DELETED, RUN_RESTORED, RUN_SWEPT, Actor, Audit
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.remove.tombstones import Tombstone
from tidelog.syncd.hub.web.address import RunAddress


class Deletion:
    """What may be done to runs as a whole, while nobody else uses them."""

    def __init__(
        self,
        store: Store,
        audit: Audit,
        *,
        clock: Clock,
        ended: Callable[[RunAddress, Actor], None] | None = None,
    ) -> None:
        """`ended` is told of each run that is deleted, before it is."""
        self._store = store
        self._audit = audit
        self._clock = clock
        self._ended = ended
        self._stones = store.tombstones
        self._trash = store.trash

    def __repr__(self) -> str:
        return f"<Deletion from {self._trash!r}>"

    async def delete(self, run: RunAddress, by: Actor) -> Tombstone | None:
        """Move a run to the trash and return its tombstone; None where there is no such run."""
        return await self._store.alone(run, lambda: self._delete(run, by))

    async def restore(self, run: RunAddress, by: Actor) -> bool | None:
        """Lift the tombstone; tell whether the run was still in the trash and is back in its place.

        None where the run was not deleted.
        """
        return await self._store.alone(run, lambda: self._restore(run, by))

    async def tidy(self, kept_s: float) -> None:
        """Finish deletions that a crash cut short, and delete for good what lay there long enough."""
        for run in await self._store.blocking(self._unfinished):
            await self._store.alone(run, partial(self._finish, run))
        await self._store.blocking(lambda: self._sweep(self._clock.now() - kept_s))

    def _delete(self, run: RunAddress, by: Actor) -> Tombstone | None:
        if not self._trash.has_run(run):
            return None
        now = self._clock.now()
        stone = Tombstone(now, self._trash.new_name(now))
        self._audit.record(RUN_DELETED, "/".join(run), by=by, trash=stone.trash)
        if self._ended is not None:
            self._ended(run, by)
        self._stones.put(run, stone)
        self._trash.take(run, stone.trash)
        return stone

    def _restore(self, run: RunAddress, by: Actor) -> bool | None:
        stone = self._stones.of(run)
        if stone is None:
            return None
        self._audit.record(RUN_RESTORED, "/".join(run), by=by, trash=stone.trash)
        is_back = self._trash.bring_back(run, stone.trash)
        self._stones.lift(run)
        return is_back

    def _unfinished(self) -> list[RunAddress]:
        return [run for run in self._stones.all() if self._trash.has_run(run)]

    def _finish(self, run: RunAddress) -> None:
        stone = self._stones.of(run)
        if stone is not None and self._trash.has_run(run):
            self._trash.take(run, stone.trash)

    def _sweep(self, time: float) -> None:
        for name in self._trash.older_than(time):
            for run in self._trash.runs_in(name):
                self._audit.record(RUN_SWEPT, "/".join(run), by=HUB, trash=name)
            self._trash.sweep(name)
