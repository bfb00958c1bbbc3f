"""NVIDIA's GPUs, by nvidia-ml-py (the module `pynvml`), which is loaded only where there is a driver."""

from collections.abc import Callable
from typing import Any

from tidelog.sdk.monitor.moment import Moment, Row


class NvidiaSource:
    """Samples every GPU that NVML shows, whichever of them the trainer uses.

    A value that a GPU does not have, such as the power of a MIG slice, is left out.
    """

    def __init__(self) -> None:
        """Open NVML. Raises ImportError without the library, NVMLError without a driver."""
        import pynvml

        self._nvml: Any = pynvml
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        self._gpus = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]

    def sample(self, moment: Moment) -> Row:
        """Return each GPU's load, memory, power, temperature and clocks, and the trainers' memory."""
        row: Row = {}
        for index, gpu in enumerate(self._gpus):
            told = {**self._sample_gpu(gpu), "process_memory_bytes": self._memory_of(moment, gpu)}
            row |= {f"system/gpu/{index}/{n}": v for n, v in told.items() if v is not None}
        return row

    def _sample_gpu(self, gpu: Any) -> dict[str, int | float | None]:
        nvml, ask = self._nvml, self._ask
        busy = ask(nvml.nvmlDeviceGetUtilizationRates, gpu)
        memory = ask(nvml.nvmlDeviceGetMemoryInfo, gpu)
        power_mw = ask(nvml.nvmlDeviceGetPowerUsage, gpu)
        return {
            "utilization_percent": _part(busy, "gpu"),
            "memory_utilization_percent": _part(busy, "memory"),
            "memory_used_bytes": _part(memory, "used"),
            "memory_percent": 100 * memory.used / memory.total if memory and memory.total else None,
            "power_watts": None if power_mw is None else power_mw / 1000,
            "temperature_celsius": ask(nvml.nvmlDeviceGetTemperature, gpu, nvml.NVML_TEMPERATURE_GPU),
            "sm_clock_mhz": ask(nvml.nvmlDeviceGetClockInfo, gpu, nvml.NVML_CLOCK_SM),
            "memory_clock_mhz": ask(nvml.nvmlDeviceGetClockInfo, gpu, nvml.NVML_CLOCK_MEM),
        }

    def _memory_of(self, moment: Moment, gpu: Any) -> int | None:
        """Return what the trainers' processes hold; None where none of them is named.

        A container is told the pids of the machine, among which none of its own is found.
        """
        users = self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses, gpu) or []
        held = [user.usedGpuMemory for user in users if user.pid in moment.tree]
        known = [bytes_held for bytes_held in held if bytes_held is not None]
        return sum(known) if known else None

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return question(*arguments)
        except self._nvml.NVMLError:
            return None  # This GPU does not have it.


def _part(told: Any, name: str) -> Any:
    return None if told is None else getattr(told, name)
