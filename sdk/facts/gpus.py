"""The GPUs: names, memory, driver, CUDA. Asks `nvidia-smi` where there is a driver, else nobody.

NVML would answer faster, but from within the process that trains; its first call wakes every GPU.
"""

import os
import re
import sys
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.sdk.facts.ask import ask
from tidelog.sdk.facts.small_file import read_small_file

DRIVER = "proc/driver/nvidia"
MEBIBYTE = 1024 * 1024
GPUS_MAX = 64

_QUERY = "--query-gpu=name,uuid,memory.total,driver_version"
_COMMAND = ("nvidia-smi", _QUERY, "--format=csv,noheader,nounits")


def gpu_facts(
    *, disk: Disk, system_root: str = "/", clock: Clock | None = None
) -> dict[str, Any] | None:
    """Return `gpus`, `driver` and `cuda`, or None on a machine without an NVIDIA driver."""
    folder = os.path.join(system_root, DRIVER)
    if not disk.is_directory(folder):
        return None
    gpus, driver = parse_query(ask(_COMMAND, clock=clock).text)
    facts = {
        "gpus": gpus or _listed_gpus(os.path.join(folder, "gpus"), disk),
        "driver": driver or parse_driver(read_small_file(os.path.join(folder, "version"), disk=disk)),
        "cuda": _framework_cuda(),
    }
    return {name: value for name, value in facts.items() if value is not None}


def parse_query(table: str) -> tuple[list[dict[str, Any]], str | None]:
    """Return the GPUs, memory in bytes, and the driver's version from what `nvidia-smi` prints."""
    gpus: list[dict[str, Any]] = []
    driver = None
    for line in table.splitlines()[:GPUS_MAX]:
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != 4:  # "No devices were found", "Failed to initialize NVML: ...".
            continue
        name, uuid, memory_mb, driver = cells
        gpu: dict[str, Any] = {"name": name, "uuid": uuid}
        if memory_mb.isdecimal():  # "[N/A]" where a GPU has no memory of its own.
            gpu["memory_bytes"] = int(memory_mb) * MEBIBYTE
        gpus.append(gpu)
    return gpus, driver


def parse_information(information: str) -> dict[str, Any]:
    """Return name and UUID from `/proc/driver/nvidia/gpus/*/information`."""
    fields = dict(re.findall(r"^(Model|GPU UUID):\s*(\S.*?)\s*$", information, re.MULTILINE))
    named = {"name": fields.get("Model"), "uuid": fields.get("GPU UUID")}
    return {name: value for name, value in named.items() if value is not None}


def parse_driver(version: str) -> str | None:
    """Return the driver's version from `/proc/driver/nvidia/version`."""
    match = re.search(r"^NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s", version, re.MULTILINE)
    return None if match is None else match[1]


def _listed_gpus(folder: str, disk: Disk) -> list[dict[str, Any]]:
    try:
        entries = disk.list(folder)[:GPUS_MAX]
    except OSError:
        return []
    paths = [os.path.join(folder, entry.name, "information") for entry in entries]
    return [gpu for path in paths if (gpu := parse_information(read_small_file(path, disk=disk)))]


def _framework_cuda() -> str | None:
    """Return the CUDA that PyTorch was built with, where the script has loaded it."""
    version = getattr(sys.modules.get("torch"), "version", None)
    cuda = getattr(version, "cuda", None)
    return cuda if isinstance(cuda, str) else None
