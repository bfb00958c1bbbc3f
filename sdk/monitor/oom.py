"""Kills by the OOM killer: counters that are read again and again, and when a process has ended."""

from collections import deque

from tidelog.datastore.disk import Disk
from tidelog.sdk.cgroup import MemoryCgroup, find_folders, parse_count
from tidelog.sdk.monitor.death import Oom

WINDOW_S = 60.0
"""A large process may take so long from its kill to its end: its memory is given back before."""


class OomWatch:
    """Counts the kills of the last `WINDOW_S` in a cgroup; without one, those of the machine."""

    def __init__(self, cgroup: MemoryCgroup | None, disk: Disk) -> None:
        self._cgroup = cgroup if cgroup is not None and cgroup.oom_kills() is not None else None
        self._disk = disk
        self._seen: deque[tuple[float, int]] = deque()

    def look(self, now: float) -> None:
        """Remember how many kills there were at `now`, in seconds of a monotonic clock."""
        count = self._count()
        if count is not None:
            self._seen.append((now, count))
        while len(self._seen) > 1 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()

    def judge(self, now: float) -> Oom:
        """Return what happened up to `now`."""
        self.look(now)
        kills = self._seen[-1][1] - self._seen[0][1] if self._seen else 0
        limit = None if self._cgroup is None else self._cgroup.limit_bytes
        return Oom(kills, limit, is_of_machine=self._cgroup is None)

    def _count(self) -> int | None:
        if self._cgroup is not None:
            return self._cgroup.oom_kills()
        try:
            return parse_count("oom_kill", self._disk.read("/proc/vmstat").decode())
        except OSError:
            return None


class OomWatches:
    """One watch for each cgroup, however many processes are in it."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._watches: dict[str, OomWatch] = {}

    def of(self, pid: int) -> OomWatch:
        """Return the watch of a process's cgroup; ask while it lives, its cgroup may go with it."""
        folders = find_folders("memory", pid, self._disk)
        key = "" if folders is None else folders.paths[0]
        if key not in self._watches:
            cgroup = None if folders is None else MemoryCgroup(folders, self._disk)
            self._watches[key] = OomWatch(cgroup, self._disk)
        return self._watches[key]

    def look(self, now: float) -> None:
        """Let all of them remember how many kills there were at `now`."""
        for watch in self._watches.values():
            watch.look(now)
