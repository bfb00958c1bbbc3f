"""How much the runs of an account take, and whether they may take more.

Nothing of it is kept: an account with a quota is counted on the disk when it first writes, then what
comes is added. That is never too little, but too much where something came twice or was deleted; so
it is counted anew before anyone is refused.
"""

import math
import os
import threading
from collections.abc import Callable

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.errors import QUOTA_EXCEEDED, ProblemError
from tidelog.syncd.hub.receive.owners import Owners
from tidelog.syncd.hub.web.address import RunAddress
from tidelog.syncd.protocol import RETRY_AFTER
from tidelog.syncd.quantities import shown_amount

RECOUNT_S = 60.0
"""How long a count holds at least: a look at each file of an account costs about 20 microseconds."""

QuotaOf = Callable[[str], int | None]


class Quotas:
    """Charges each run's owner for what comes; `quota_of` returns an account's quota in bytes."""

    def __init__(self, data: StrPath, *, disk: Disk, clock: Clock, quota_of: QuotaOf) -> None:
        self._data = os.path.abspath(data)
        self._disk = disk
        self._clock = clock
        self._quota_of = quota_of
        self._owners = Owners(data, disk=disk)
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._counted_at: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<Quotas of {len(self._used)} accounts>"

    def charge(self, run: RunAddress, size: int, *, by: str) -> None:
        """Add `size` bytes to what the run's owner has; raise 507 where that is over the quota.

        The owner of a run of which nothing is stored yet is the one who writes.
        """
        owner = self._owners.of(run) or by
        quota = self._quota_of(owner)
        if quota is None:
            self._used.pop(owner, None)
            return
        with self._lock:
            if owner not in self._used or self._is_worth_a_count(owner, quota - size):
                self._used[owner] = self.count(owner)
                self._counted_at[owner] = self._clock.monotonic()
            used = self._used[owner]
            if used + size > quota:
                raise ProblemError(
                    QUOTA_EXCEEDED,
                    f"the runs of account {owner!r} take {shown_amount(used)} of its "
                    f"{shown_amount(quota)}, and {shown_amount(size)} more were sent",
                    headers={RETRY_AFTER: f"{RECOUNT_S:.0f}"},
                )
            self._used[owner] = used + size

    def stored(self, run: RunAddress, size: int, *, by: str) -> None:
        """Note whose a run is once something of it is stored: what is refused must leave nothing."""
        if size:
            self._owners.note(run, by)

    def count(self, account: str) -> int:
        """Return how many bytes the runs of an account take on the disk now."""
        return sum(map(self._size, self._owners.runs_of(account)))

    def _is_worth_a_count(self, owner: str, used_max: int) -> bool:
        counted_at = self._counted_at.get(owner, -math.inf)
        return self._used[owner] > used_max and self._clock.monotonic() - counted_at >= RECOUNT_S

    def _size(self, run: RunAddress) -> int:
        size = 0
        try:
            for path, entry in self._disk.walk(os.path.join(self._data, *run)):
                if entry.is_file:
                    size += self._disk.stat(path).st_size
        except FileNotFoundError:
            # Deleted, as a whole or while it was looked at: the next count will say it exactly.
            pass
        return size
