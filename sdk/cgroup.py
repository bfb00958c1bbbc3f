"""The cgroup of a process, version 1 and 2: its limits, what it uses, kills by the OOM killer.

In a container the folders are those that the container sees. Whatever is not there is None.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

from tidelog.datastore.disk import Disk

NO_LIMIT_BYTES = 1 << 60
"""Version 1 has no word for "no limit": it says the largest number of pages."""


class Mount(NamedTuple):
    """A mounted hierarchy: `controllers` are empty for version 2, `root` is what is mounted of it."""

    controllers: frozenset[str]
    root: str
    point: str


class Folders(NamedTuple):
    """A process's folders for a controller, its own first, then those above it; and their version."""

    paths: tuple[str, ...]
    version: int


def find_folders(controller: str, pid: int | str, disk: Disk) -> Folders | None:
    """Return where a controller keeps its files for a process, or None where it has none.

    The controller is asked for in version 1 first: where both are mounted it lies there.
    """
    try:
        memberships = parse_memberships(disk.read(f"/proc/{pid}/cgroup").decode())
        mounts = parse_mounts(disk.read("/proc/self/mountinfo").decode())
    except (OSError, ValueError):
        return None
    for mount in sorted(mounts, key=lambda mount: not mount.controllers):
        name = controller if mount.controllers else ""
        if name in mount.controllers or not name:
            path = memberships.get(name)
            if path is not None:
                version = 1 if name else 2
                return Folders(tuple(_folders(mount, path)), version)
    return None


def parse_memberships(text: str) -> dict[str, str]:
    """Return controller -> path from `/proc/<pid>/cgroup` (cgroups(7)); version 2's has no name."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        found.update(dict.fromkeys(controllers.split(","), path))
    return found


def parse_mounts(text: str) -> list[Mount]:
    """Return the cgroup hierarchies of `/proc/self/mountinfo` (proc(5))."""
    mounts = []
    for line in text.splitlines():
        fields, _, more = line.partition(" - ")
        kind, _, options = more.partition(" ")
        if kind in ("cgroup", "cgroup2"):
            _, _, _, root, point, *_ = fields.split(" ")
            controllers = options.rpartition(" ")[2].split(",") if kind == "cgroup" else []
            mounts.append(Mount(frozenset(controllers), _plain(root), _plain(point)))
    return mounts


def _folders(mount: Mount, path: str) -> Iterator[str]:
    """Yield the folder of a path in a mount and those above it, up to where it is mounted."""
    below = os.path.relpath(path, mount.root)
    if ".." in (*path.split("/"), *below.split("/")):
        below = "."  # It lies outside of what the container sees: its own root stands for it.
    while below not in ("", "."):
        yield f"{mount.point}/{below}"
        below = os.path.dirname(below)
    yield mount.point


def _plain(escaped: str) -> str:
    return escaped.replace("\\040", " ")


class MemoryCgroup:
    """The memory cgroup of a process."""

    def __init__(self, folders: Folders, disk: Disk) -> None:
        self._folders = folders
        self._disk = disk
        is_v1 = folders.version == 1
        self._limit = "memory.limit_in_bytes" if is_v1 else "memory.max"
        self._usage = "memory.usage_in_bytes" if is_v1 else "memory.current"
        self._events = "memory.oom_control" if is_v1 else "memory.events"

    def usage(self) -> tuple[int | None, int | None]:
        """Return bytes used and the limit, of that folder upwards which has the tightest limit.

        Without a limit the bytes are those of the process's own cgroup. The page cache counts.
        """
        limits = [
            (limit, path)
            for path in self._folders.paths
            if (limit := parse_limit(_read(f"{path}/{self._limit}", self._disk))) is not None
        ]
        limit, path = min(limits) if limits else (None, self._folders.paths[0])
        return parse_limit(_read(f"{path}/{self._usage}", self._disk)), limit

    @property
    def limit_bytes(self) -> int | None:
        """The tightest limit, of its own cgroup or of one above it."""
        return self.usage()[1]

    def oom_kills(self) -> int | None:
        """Return how many of its processes any OOM killer has killed so far."""
        return parse_count("oom_kill", _read(f"{self._folders.paths[0]}/{self._events}", self._disk))


class CpuCgroup:
    """The CPU cgroup of a process."""

    def __init__(self, folders: Folders, disk: Disk) -> None:
        self._folders = folders
        self._disk = disk

    def limit_cores(self) -> float | None:
        """Return how many cores its processes may use, of all folders upwards the tightest limit."""
        limits = []
        for path in self._folders.paths:
            if self._folders.version == 1:
                quota, period = (
                    _read(f"{path}/cpu.cfs_{which}_us", self._disk) for which in ("quota", "period")
                )
                text = f"{quota.strip()} {period.strip()}"
            else:
                text = _read(f"{path}/cpu.max", self._disk)
            limits.append(parse_cores(text))
        return min((limit for limit in limits if limit is not None), default=None)

    def throttled_s(self) -> float | None:
        """Return for how long its processes were held back at the limit so far, in seconds."""
        text = _read(f"{self._folders.paths[0]}/cpu.stat", self._disk)
        if self._folders.version == 1:
            time_ns = parse_count("throttled_time", text)
            return None if time_ns is None else time_ns / 1e9
        time_us = parse_count("throttled_usec", text)
        return None if time_us is None else time_us / 1e6


def parse_limit(text: str) -> int | None:
    """Return a number of bytes, None for "max", for version 1's "no limit" and for no number."""
    number = int(text) if text.strip().isdecimal() else NO_LIMIT_BYTES
    return number if number < NO_LIMIT_BYTES else None


def parse_count(name: str, text: str) -> int | None:
    """Return the number of a line "name number", or None where there is no such line."""
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return None


def parse_cores(text: str) -> float | None:
    """Return cores from "quota period" in µs; None for a quota of "max" or -1."""
    quota, _, period = text.partition(" ")
    if not (quota.isdecimal() and period.strip().isdecimal()) or not int(period):
        return None
    return int(quota) / int(period)


def _read(path: str, disk: Disk) -> str:
    try:
        return disk.read(path).decode("ascii", "replace")
    except OSError:
        return ""
