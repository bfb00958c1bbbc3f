"""Kills by the OOM killer around an end: counted from a minute before, in the process's own cgroup."""

from text_disk import CGROUP_V2_MOUNT, TextDisk, with_cgroups

from tidelog.sdk.monitor.death import Oom
from tidelog.sdk.monitor.oom import WINDOW_S, OomWatches

EVENTS, LIMIT = "/sys/fs/cgroup/job/memory.events", "/sys/fs/cgroup/job/memory.max"


def job(kills: int) -> TextDisk:
    """A machine whose process 7 is in a cgroup in which so many processes were killed."""
    files = {EVENTS: f"oom_kill {kills}\n", LIMIT: "4096\n"}
    return with_cgroups("0::/job\n", CGROUP_V2_MOUNT, **files)


def test_a_kill_since_the_last_look_is_counted() -> None:
    """With the limit that was reached."""
    disk = job(5)
    watch = OomWatches(disk).of(7)
    watch.look(100.0)
    assert Oom(0, 4096) == watch.judge(101.0)
    disk.files[EVENTS] = "oom_kill 6\n"
    assert Oom(1, 4096) == watch.judge(102.0)


def test_a_kill_of_long_ago_is_not_this_ends() -> None:
    """A worker that was killed an hour ago did not kill the trainer."""
    disk = job(0)
    watches = OomWatches(disk)
    watch = watches.of(7)
    watches.look(0.0)
    disk.files[EVENTS] = "oom_kill 1\n"
    watches.look(1.0)
    assert 1 == watch.judge(WINDOW_S).kills
    watches.look(WINDOW_S + 1)
    assert 0 == watch.judge(WINDOW_S + 2).kills


def test_without_a_counter_of_the_cgroup_the_machines_counts() -> None:
    """As outside of containers; what it says is less certain."""
    disk = with_cgroups("0::/\n", CGROUP_V2_MOUNT, **{"/proc/vmstat": "nr_free 7\noom_kill 3\n"})
    watch = OomWatches(disk).of(7)
    watch.look(0.0)
    disk.files["/proc/vmstat"] = "nr_free 7\noom_kill 4\n"
    assert Oom(1, None, is_of_machine=True) == watch.judge(1.0)


def test_without_any_counter_nothing_is_known() -> None:
    """Such as on macOS."""
    assert 0 == OomWatches(TextDisk({})).of(7).judge(0.0).kills


def test_a_counter_that_goes_with_its_cgroup_says_what_it_last_said() -> None:
    """The folder may be removed with the last process in it."""
    disk = job(0)
    watch = OomWatches(disk).of(7)
    watch.look(0.0)
    disk.files[EVENTS] = "oom_kill 1\n"
    watch.look(1.0)
    disk.files.clear()
    assert Oom(1, None) == watch.judge(2.0)


def test_processes_of_one_cgroup_share_a_watch() -> None:
    """256 ranks of a job are one file to read."""
    disk = job(0)
    disk.files["/proc/8/cgroup"] = disk.files["/proc/7/cgroup"]
    watches = OomWatches(disk)
    assert watches.of(7) is watches.of(8)
