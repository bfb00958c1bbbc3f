"""Which GPUs there are. Looks for a driver before a library is loaded for it."""

from collections.abc import Callable
from importlib import util
from typing import Any, NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.sdk.monitor.amd import AmdSource
from tidelog.sdk.monitor.nvidia import NvidiaSource


class Vendor(NamedTuple):
    """A make of GPUs: what its driver puts there, the module that asks it, and where that comes from."""

    name: str
    driver_path: str
    module: str
    remedy: str
    source: Callable[[], NvidiaSource | AmdSource]


NVIDIA = Vendor("NVIDIA", "/proc/driver/nvidia", "pynvml", "pip install 'tidelog[gpu]'", NvidiaSource)
AMD = Vendor("AMD", "/dev/kfd", "amdsmi", "pip install amdsmi, of the version of your ROCm", AmdSource)
VENDORS = (NVIDIA, AMD)


def vendors_here(disk: Disk) -> list[Vendor]:
    """Return the makes whose driver is loaded; on WSL, NVIDIA's is another file."""
    found = [vendor for vendor in VENDORS if disk.is_there(vendor.driver_path)]
    if NVIDIA not in found and disk.is_there("/dev/dxg"):
        found.append(NVIDIA)
    return found


def missing_library(disk: Disk) -> str | None:
    """Return a sentence where there is a GPU and nothing that asks it, for the user to read."""
    for vendor in vendors_here(disk):
        if util.find_spec(vendor.module) is None:
            return (
                f"there is a driver for GPUs of {vendor.name}, and {vendor.module} is not installed: "
                f"their load and memory are not recorded; {vendor.remedy}"
            )
    return None


def amd_facts(disk: Disk) -> list[dict[str, Any]]:
    """Return index, name and memory of each GPU of AMD; an empty list where none can be asked.

    Those of NVIDIA are facts of the run's own process (`sdk/facts/gpus.py`), with or without a monitor.
    """
    if AMD not in vendors_here(disk):
        return []
    try:
        return AmdSource().facts()
    except Exception:  # noqa: BLE001 - no library, no driver, no permission: no facts.
        return []
