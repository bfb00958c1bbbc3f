"""Limits, use and kills of cgroups, version 1 and 2, from trees of files as kernels have them.

The trees are made of text: a test cannot mount cgroups of both versions.
"""

import pytest
from text_disk import CGROUP_V2_MOUNT, TextDisk, with_cgroups

from tidelog.sdk.cgroup import (
    CpuCgroup,
    Folders,
    MemoryCgroup,
    find_folders,
    parse_cores,
    parse_limit,
    parse_memberships,
    parse_mounts,
)
from tidelog.sdk.monitor.cgroup_source import CgroupSource
from tidelog.sdk.monitor.moment import Moment

V1_MOUNTS = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 /docker/c0 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)
V1 = "9:cpu,cpuacct:/slurm/job_7\n4:memory:/docker/c0/step\n0::/\n"
ROOT = "/sys/fs/cgroup"


def test_version_2_has_one_folder_for_all() -> None:
    """The process's own first, then those above it."""
    disk = with_cgroups("0::/user.slice/job\n", CGROUP_V2_MOUNT)
    expected = Folders((f"{ROOT}/user.slice/job", f"{ROOT}/user.slice", ROOT), 2)
    assert expected == find_folders("memory", 7, disk) == find_folders("cpu", 7, disk)


def test_version_1_has_a_folder_for_each_controller() -> None:
    """Below what is mounted of the hierarchy, as in a container; version 2 beside it is not asked."""
    disk = with_cgroups(V1, V1_MOUNTS)
    memory = Folders((f"{ROOT}/memory/step", f"{ROOT}/memory"), 1)
    assert memory == find_folders("memory", 7, disk)
    cpu = f"{ROOT}/cpu,cpuacct"
    assert Folders((f"{cpu}/slurm/job_7", f"{cpu}/slurm", cpu), 1) == find_folders("cpu", 7, disk)


def test_a_path_from_outside_of_the_container_means_its_root() -> None:
    """Where the container's own folder is mounted, and the host's path is told."""
    disk = with_cgroups("0::/../../kubepods/pod1\n", CGROUP_V2_MOUNT)
    assert Folders((ROOT,), 2) == find_folders("memory", 7, disk)


@pytest.mark.parametrize(
    ("memberships", "mounts"),
    [("0::/\n", ""), ("", CGROUP_V2_MOUNT), ("no cgroups", CGROUP_V2_MOUNT), ("0::/\n", "odd")],
)
def test_a_machine_without_cgroups_has_no_folders(memberships: str, mounts: str) -> None:
    """Nor has one that tells something else."""
    assert find_folders("memory", 7, with_cgroups(memberships, mounts)) is None


def test_a_system_without_proc_has_no_folders() -> None:
    """Such as macOS."""
    assert find_folders("memory", 7, TextDisk({})) is None


def test_the_tightest_limit_on_the_way_up_counts() -> None:
    """What is used is that of the folder that has it."""
    disk = TextDisk(
        {
            "/c/a/memory.max": "max\n",
            "/c/a/memory.current": "100\n",
            "/c/memory.max": "4000\n",
            "/c/memory.current": "300\n",
        }
    )
    assert (300, 4000) == MemoryCgroup(Folders(("/c/a", "/c"), 2), disk).usage()
    assert (100, None) == MemoryCgroup(Folders(("/c/a",), 2), disk).usage()
    assert (None, None) == MemoryCgroup(Folders(("/nowhere",), 2), disk).usage()


def test_kills_by_the_oom_killer_are_counted_in_the_processs_own_folder() -> None:
    """In a file of another name for each version; an older kernel has no count."""
    disk = TextDisk(
        {
            "/2/memory.events": "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 1\n",
            "/1/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n",
            "/old/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n",
        }
    )
    assert 2 == MemoryCgroup(Folders(("/2",), 2), disk).oom_kills()
    assert 5 == MemoryCgroup(Folders(("/1",), 1), disk).oom_kills()
    assert MemoryCgroup(Folders(("/old",), 1), disk).oom_kills() is None


def test_cores_and_time_held_back() -> None:
    """Quota over period of the tightest folder; version 1 counts nanoseconds, version 2 microseconds."""
    disk = TextDisk(
        {
            "/2/a/cpu.max": "max 100000\n",
            "/2/a/cpu.stat": "usage_usec 9\nnr_throttled 4\nthrottled_usec 2500000\n",
            "/2/cpu.max": "250000 100000\n",
            "/1/cpu.cfs_quota_us": "50000\n",
            "/1/cpu.cfs_period_us": "100000\n",
            "/1/cpu.stat": "nr_periods 7\nnr_throttled 4\nthrottled_time 1500000000\n",
        }
    )
    two, one = CpuCgroup(Folders(("/2/a", "/2"), 2), disk), CpuCgroup(Folders(("/1",), 1), disk)
    assert (2.5, 2.5) == (two.limit_cores(), two.throttled_s())
    assert (0.5, 1.5) == (one.limit_cores(), one.throttled_s())
    none = CpuCgroup(Folders(("/0",), 1), disk)
    assert (None, None) == (none.limit_cores(), none.throttled_s())


@pytest.mark.parametrize(
    ("expected", "text"),
    [(4096, "4096\n"), (None, "max\n"), (None, "9223372036854771712\n"), (None, "")],
)
def test_no_limit_has_two_words(expected: int | None, text: str) -> None:
    """Version 2 says max, version 1 a number beyond all memory."""
    assert expected == parse_limit(text)


@pytest.mark.parametrize(
    ("expected", "text"),
    [(1.5, "150000 100000\n"), (None, "max 100000"), (None, "-1 100000"), (None, "1 0")],
)
def test_cores_are_quota_over_period(expected: float | None, text: str) -> None:
    """Without a quota there is no limit."""
    assert expected == parse_cores(text)


def test_what_the_kernel_tells_of_membership_and_mounts() -> None:
    """Controllers that share a hierarchy share a path; a space in a path is escaped."""
    assert {"cpu": "/a:b", "cpuacct": "/a:b", "": "/"} == parse_memberships("2:cpu,cpuacct:/a:b\n0::/\n")
    (mount,) = parse_mounts("1 2 0:3 / /a\\040b rw - cgroup2 none rw\n")
    assert ("/a b", frozenset()) == (mount.point, mount.controllers)


def test_a_containers_limits_are_sampled() -> None:
    """Used, limit and percent; the share of time held back from the second sample on."""
    files = {
        f"{ROOT}/memory.max": "1000\n",
        f"{ROOT}/memory.current": "250\n",
        f"{ROOT}/cpu.max": "200000 100000\n",
        f"{ROOT}/cpu.stat": "throttled_usec 1000000\n",
    }
    disk = with_cgroups("0::/\n", CGROUP_V2_MOUNT, **files)
    source = CgroupSource(disk)
    first = {
        "system/cgroup/memory_used_bytes": 250,
        "system/cgroup/memory_limit_bytes": 1000,
        "system/cgroup/memory_percent": 25.0,
        "system/cgroup/cpu_limit_cores": 2.0,
    }
    assert first == source.sample(Moment(10.0, {}))
    disk.files[f"{ROOT}/cpu.stat"] = "throttled_usec 3000000\n"
    second = {**first, "system/cgroup/cpu_throttled_percent": 20.0}
    assert second == source.sample(Moment(20.0, {}))


def test_a_machine_without_cgroups_is_no_trouble() -> None:
    """There is nothing to say then."""
    assert {} == CgroupSource(TextDisk({})).sample(Moment(0.0, {}))
