import os
from pathlib import Path

import psutil
import pytest

from tidelog.datastore.disk import Disk
from tidelog.sdk.facts.machine import machine_facts, parse_cpu, parse_limit, parse_release


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


def test_the_memory_limit_of_a_cgroup_counts_only_where_it_is_one(tmp_path: Path) -> None:
    """`max`, and a number beyond any memory, mean none."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal:       1000 kB\nMemFree: 1 kB\n")
    limit = tmp_path / "sys" / "fs" / "cgroup" / "memory.max"
    limit.parent.mkdir(parents=True)
    limit.write_text("512000\n")
    assert 512000 == machine_facts(disk=Disk(), system_root=str(tmp_path))["memory_limit_bytes"]
    limit.write_text("1024001\n")
    assert "memory_limit_bytes" not in machine_facts(disk=Disk(), system_root=str(tmp_path))
    assert (None, None, 1) == (
        parse_limit("max\n"),
        parse_limit("9223372036854771712"),
        parse_limit("1"),
    )


def test_the_system_has_a_name() -> None:
    """With and without quotes."""
    assert "Debian 12" == parse_release('ID=debian\nPRETTY_NAME="Debian 12"\n')
    assert "Alpine" == parse_release("PRETTY_NAME=Alpine\n")
    assert parse_release("") is None
