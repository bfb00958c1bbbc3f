"""The limits of the trainer's cgroup, such as a container's or a Slurm job's, and what it uses."""

from tidelog.datastore.disk import Disk
from tidelog.sdk.cgroup import CpuCgroup, MemoryCgroup, find_folders
from tidelog.sdk.monitor.moment import Moment, Row
from tidelog.sdk.monitor.rates import Rates


class CgroupSource:
    """Samples the cgroup that this process is in, which is the trainer's that started it."""

    def __init__(self, disk: Disk) -> None:
        memory, cpu = (find_folders(controller, "self", disk) for controller in ("memory", "cpu"))
        self._memory = None if memory is None else MemoryCgroup(memory, disk)
        self._cpu = None if cpu is None else CpuCgroup(cpu, disk)
        self._rates = Rates()

    def sample(self, moment: Moment) -> Row:
        """Return limits where there are some, memory in use, and the share of time held back."""
        return {**self._sample_memory(), **self._sample_cpu(moment.now)}

    def _sample_memory(self) -> Row:
        used, limit = (None, None) if self._memory is None else self._memory.usage()
        row: Row = {}
        if used is not None:
            row["system/cgroup/memory_used_bytes"] = used
        if limit:
            row["system/cgroup/memory_limit_bytes"] = limit
        if used is not None and limit:
            row["system/cgroup/memory_percent"] = 100 * used / limit
        return row

    def _sample_cpu(self, now: float) -> Row:
        cores = None if self._cpu is None else self._cpu.limit_cores()
        if self._cpu is None or cores is None:
            return {}
        held_back = self._rates.per_s({"s": self._cpu.throttled_s()}, now)
        row: Row = {"system/cgroup/cpu_limit_cores": cores}
        if held_back:
            row["system/cgroup/cpu_throttled_percent"] = 100 * held_back["s"]
        return row
