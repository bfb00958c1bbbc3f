"""NVIDIA's GPUs. A stand-in takes the place of the driver: the machine that tests has no GPU.

That each of its functions is one of the real library is tested as well.
"""

import sys
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from tidelog.sdk.monitor.moment import Moment
from tidelog.sdk.monitor.nvidia import NvidiaSource
from tidelog.sdk.monitor.process_tree import ProcessUse

GIB = 1024**3
USE = ProcessUse(1, 1.0, 0.0, 1, 0)


class Driver:
    """Two GPUs; what the second one does not have is raised as by the real library."""

    NVMLError = pynvml.NVMLError
    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU
    NVML_CLOCK_SM = pynvml.NVML_CLOCK_SM
    NVML_CLOCK_MEM = pynvml.NVML_CLOCK_MEM

    def __init__(self, users: list[Any]) -> None:
        self.users = users

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetMemoryInfo(self, gpu: int) -> Any:
        return SimpleNamespace(total=80 * GIB, used=20 * GIB, free=60 * GIB)

    def nvmlDeviceGetUtilizationRates(self, gpu: int) -> Any:
        self._require(gpu)
        return SimpleNamespace(gpu=93, memory=41)

    def nvmlDeviceGetPowerUsage(self, gpu: int) -> int:
        self._require(gpu)
        return 412_500

    def nvmlDeviceGetTemperature(self, gpu: int, sensor: int) -> int:
        assert pynvml.NVML_TEMPERATURE_GPU == sensor
        return 61

    def nvmlDeviceGetClockInfo(self, gpu: int, clock: int) -> int:
        self._require(gpu)
        return {pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 2619}[clock]

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: int) -> list[Any]:
        return self.users if gpu == 0 else []

    def _require(self, gpu: int) -> None:
        if gpu == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def user(pid: int, held: int | None) -> Any:
    return SimpleNamespace(pid=pid, usedGpuMemory=held)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> NvidiaSource:
    users = [user(7, 3 * GIB), user(8, 1 * GIB), user(9, None), user(99, 16 * GIB)]
    monkeypatch.setitem(sys.modules, "pynvml", Driver(users))  # type: ignore[arg-type]
    return NvidiaSource()


def test_each_gpu_is_sampled(source: NvidiaSource) -> None:
    """What one does not have is left out; of the memory, the trainers' own part is told."""
    expected = {
        "system/gpu/0/utilization_percent": 93,
        "system/gpu/0/memory_utilization_percent": 41,
        "system/gpu/0/memory_used_bytes": 20 * GIB,
        "system/gpu/0/memory_percent": 25.0,
        "system/gpu/0/power_watts": 412.5,
        "system/gpu/0/temperature_celsius": 61,
        "system/gpu/0/sm_clock_mhz": 1980,
        "system/gpu/0/memory_clock_mhz": 2619,
        "system/gpu/0/process_memory_bytes": 4 * GIB,
        "system/gpu/1/memory_used_bytes": 20 * GIB,
        "system/gpu/1/memory_percent": 25.0,
        "system/gpu/1/temperature_celsius": 61,
    }
    assert expected == source.sample(Moment(0.0, {7: USE, 8: USE, 9: USE}))


def test_processes_of_others_are_not_ours(source: NvidiaSource) -> None:
    """In a container the driver names the machine's pids, among which none of ours is."""
    assert "system/gpu/0/process_memory_bytes" not in source.sample(Moment(0.0, {5: USE}))


def test_the_stand_in_has_only_what_the_real_library_has() -> None:
    """Else the test would be of a library that there is not."""
    names = [name for name in vars(Driver) if name.startswith(("nvml", "NVML"))]
    assert [] == [name for name in names if not hasattr(pynvml, name)]


def test_without_a_driver_the_real_library_says_so() -> None:
    """The source is not made, and so left out."""
    with pytest.raises(pynvml.NVMLError):
        NvidiaSource()
