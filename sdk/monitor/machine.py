"""The machine as a whole, by psutil: CPU, memory, the run's file system, disks and network."""

import os

from tidelog.sdk.monitor.moment import Moment, Row
from tidelog.sdk.monitor.rates import Rates

VIRTUAL_INTERFACES = ("lo", "veth", "docker", "br-", "virbr", "cni", "flannel", "cali")
"""What passes through these passes through a real one as well, or never leaves the machine."""


class CpuSource:
    """CPU of all cores together, and the load."""

    def __init__(self) -> None:
        import psutil

        psutil.cpu_percent()  # The first answer counts from here.

    def sample(self, _moment: Moment) -> Row:
        """Return percent of all cores since the last sample, and the load average of a minute."""
        import psutil

        return {"system/cpu_percent": psutil.cpu_percent(), "system/load_1min": os.getloadavg()[0]}


class MemorySource:
    """Memory and swap."""

    def sample(self, _moment: Moment) -> Row:
        """Return what is in use; what the kernel can take back at once is not."""
        import psutil

        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return {
            "system/memory_used_bytes": memory.total - memory.available,
            "system/memory_percent": memory.percent,
            "system/swap_used_bytes": swap.used,
        }


class SpaceSource:
    """The run's file system."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def sample(self, _moment: Moment) -> Row:
        """Return how full it is."""
        import psutil

        usage = psutil.disk_usage(self._directory)
        return {"system/disk_percent": usage.percent, "system/disk_free_bytes": usage.free}


class DiskSource:
    """What all disks of the machine move; some containers do not tell."""

    def __init__(self) -> None:
        self._rates = Rates()

    def sample(self, moment: Moment) -> Row:
        """Return bytes per second since the last sample."""
        import psutil

        moved = psutil.disk_io_counters()
        if moved is None:
            return {}
        _, _, read_bytes, written_bytes, *_ = moved
        counters = {
            "system/disk_read_bytes_per_s": read_bytes,
            "system/disk_written_bytes_per_s": written_bytes,
        }
        return self._rates.per_s(counters, moment.now)


class NetworkSource:
    """All interfaces that lead out of the machine."""

    def __init__(self) -> None:
        self._rates = Rates()

    def sample(self, moment: Moment) -> Row:
        """Return bytes per second since the last sample."""
        import psutil

        counted = [
            counters
            for name, counters in psutil.net_io_counters(pernic=True).items()
            if not name.startswith(VIRTUAL_INTERFACES)
        ]
        counters = {
            "system/network_sent_bytes_per_s": sum(each.bytes_sent for each in counted),
            "system/network_received_bytes_per_s": sum(each.bytes_recv for each in counted),
        }
        return self._rates.per_s(counters, moment.now)
