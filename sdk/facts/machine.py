"""The machine: processor, memory, operating system. Reads small files; starts nothing."""

import os
import re
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.sdk.cgroup import MemoryCgroup, find_folders
from tidelog.sdk.facts.small_file import read_small_file

CPU = "proc/cpuinfo"
MEMORY = "proc/meminfo"
RELEASE = "usr/lib/os-release"
KIBIBYTE = 1024


def machine_facts(*, disk: Disk, system_root: str = "/") -> dict[str, Any]:
    """Return what the machine is; what cannot be known is left out."""

    def read(path: str) -> str:
        return read_small_file(os.path.join(system_root, path), disk=disk)

    system = os.uname()
    memory_bytes = parse_memory(read(MEMORY))
    facts = {
        "architecture": system.machine,
        "kernel": f"{system.sysname} {system.release}",
        "system": parse_release(read(RELEASE)),
        "cpu": parse_cpu(read(CPU)),
        "cpus_usable": _usable_cpus(),
        "memory_bytes": memory_bytes,
        "memory_limit_bytes": memory_limit(memory_bytes, disk),
    }
    return {name: value for name, value in facts.items() if value is not None}


def parse_cpu(cpuinfo: str) -> str | None:
    """Return the processor's name; ARM has it, if at all, under other words."""
    match = re.search(r"^(?:model name|Model|cpu model|cpu)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return None if match is None else match[1].strip()


def parse_memory(meminfo: str) -> int | None:
    """Return the size of the machine's memory in bytes."""
    match = re.search(r"^MemTotal:\s*([0-9]{1,15}) kB$", meminfo, re.MULTILINE)
    return None if match is None else int(match[1]) * KIBIBYTE


def memory_limit(memory_bytes: int | None, disk: Disk) -> int | None:
    """Return the limit of this process's cgroup in bytes, None where the machine's memory is less."""
    folders = find_folders("memory", "self", disk)
    limit = None if folders is None else MemoryCgroup(folders, disk).limit_bytes
    return None if limit is None or (memory_bytes is not None and limit >= memory_bytes) else limit


def parse_release(os_release: str) -> str | None:
    """Return the name and version of the operating system from `os-release`."""
    match = re.search(r"^PRETTY_NAME=[\"']?([^\"'\n]+)", os_release, re.MULTILINE)
    return None if match is None else match[1]


def _usable_cpus() -> int | None:
    """Return how many processors this process may use, which Slurm and taskset make fewer."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
