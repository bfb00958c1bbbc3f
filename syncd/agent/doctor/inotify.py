"""Does the kernel tell of changes: the limits of inotify(7), and what this account has taken of them."""

from collections.abc import Iterator
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.doctor.finding import Finding, ok, warning

NAME = "inotify"
LIMITS = "/proc/sys/fs/inotify"
PROCESSES_MAX = 2000
FILES_MAX = 1000


class Inotify(NamedTuple):
    """Instances and watches of one account, or how many it may have."""

    instances: int
    watches: int


def judge_inotify(
    limits: Inotify, used: Inotify, *, queued: int, needed_watches: int
) -> Iterator[Finding]:
    """Say whether one more instance with so many watches can be had."""
    slower = "until then new runs are found by looking, every 10 s"
    if used.instances >= limits.instances:
        text = f"all {limits.instances} instances of this account are taken"
        more = max(2 * limits.instances, 512)
        yield warning(NAME, text, f"`sysctl fs.inotify.max_user_instances={more}`; {slower}")
    if used.watches + needed_watches > limits.watches:
        text = f"{used.watches:,} of {limits.watches:,} watches are taken, {needed_watches:,} are needed"
        more = 2 * (used.watches + needed_watches)
        yield warning(NAME, text, f"`sysctl fs.inotify.max_user_watches={more}`; {slower}")
    yield ok(
        NAME,
        f"{used.instances} of {limits.instances} instances and {used.watches:,} of {limits.watches:,} "
        f"watches taken, {queued:,} events may queue",
    )


def look_at_inotify(needed_watches: int, disk: Disk) -> Iterator[Finding]:
    """Look at the limits and at the processes of this account; nothing where the kernel is another."""
    try:
        watches, instances, queued = (
            int(disk.read(f"{LIMITS}/max_{name}"))
            for name in ("user_watches", "user_instances", "queued_events")
        )
    except OSError:
        return
    limits = Inotify(instances, watches)
    yield from judge_inotify(limits, taken(disk), queued=queued, needed_watches=needed_watches)


def taken(disk: Disk) -> Inotify:
    """Count what the processes have that this account may look into."""
    instances = watches = 0
    pids = [entry.name for entry in disk.list("/proc") if entry.name.isdecimal()]
    for pid in pids[:PROCESSES_MAX]:
        try:
            descriptors = disk.list(f"/proc/{pid}/fd")[:FILES_MAX]
        except OSError:
            continue  # Somebody else's, or gone.
        for descriptor in descriptors:
            count = _watches_of(pid, descriptor.name, disk)
            if count is not None:
                instances, watches = instances + 1, watches + count
    return Inotify(instances, watches)


def _watches_of(pid: str, descriptor: str, disk: Disk) -> int | None:
    """Return how many watches a descriptor holds, None where it is no instance of inotify."""
    try:
        if disk.link_target(f"/proc/{pid}/fd/{descriptor}") != "anon_inode:inotify":
            return None
        return disk.read(f"/proc/{pid}/fdinfo/{descriptor}").count(b"inotify wd:")
    except OSError:
        return None
