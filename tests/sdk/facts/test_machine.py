import os

import psutil
import pytest
from text_disk import CGROUP_V2_MOUNT, TextDisk, with_cgroups

from tidelog.datastore.disk import Disk
from tidelog.sdk.facts.machine import machine_facts, memory_limit, parse_cpu, parse_release


def test_this_machine_is_described() -> None:
    """As psutil sees it, which the SDK does not load for it."""
    facts = machine_facts(disk=Disk())
    assert psutil.virtual_memory().total == facts["memory_bytes"]
    assert len(os.sched_getaffinity(0)) == facts["cpus_usable"]
    assert os.uname().machine == facts["architecture"]
    assert facts["cpu"]
    assert facts["system"]


@pytest.mark.parametrize(
    ("expected", "cpuinfo"),
    [
        ("AMD EPYC 7763", "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC 7763\n"),
        ("Raspberry Pi 5", "processor\t: 0\nCPU part\t: 0xd0b\n\nModel\t\t: Raspberry Pi 5\n"),
        ("POWER9, altivec supported", "processor\t: 0\ncpu\t\t: POWER9, altivec supported\n"),
        (None, ""),
    ],
)
def test_processors_of_every_make_have_a_name(expected: str | None, cpuinfo: str) -> None:
    """x86, ARM and POWER write it under different words."""
    assert expected == parse_cpu(cpuinfo)


def test_the_memory_limit_of_a_cgroup_counts_only_where_it_is_one() -> None:
    """Of a job's own cgroup as well, as under Slurm; a number beyond the machine's memory means none."""
    limit = {"/sys/fs/cgroup/job/memory.max": "512000\n"}
    disk = with_cgroups("0::/job/step\n", CGROUP_V2_MOUNT, **limit)
    assert (512000, 512000) == (memory_limit(1024000, disk), memory_limit(None, disk))
    assert memory_limit(512000, disk) is None
    assert memory_limit(1024000, TextDisk({})) is None


def test_the_system_has_a_name() -> None:
    """With and without quotes."""
    assert "Debian 12" == parse_release('ID=debian\nPRETTY_NAME="Debian 12"\n')
    assert "Alpine" == parse_release("PRETTY_NAME=Alpine\n")
    assert parse_release("") is None
