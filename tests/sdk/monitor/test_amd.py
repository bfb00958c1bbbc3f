"""AMD's GPUs. A stand-in takes the place of amdsmi and its driver, which come with ROCm alone.

It was written after the library's interface of version 7.
"""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tidelog.sdk.monitor.amd import MIB, AmdSource
from tidelog.sdk.monitor.moment import Moment


class AmdSmiException(Exception):  # noqa: N818 - the library's own name
    """As the library raises it."""


class Library:
    """One GPU that tells all, one that tells little."""

    AmdSmiException = AmdSmiException
    AmdSmiTemperatureType = SimpleNamespace(HOTSPOT="hotspot")
    AmdSmiTemperatureMetric = SimpleNamespace(CURRENT="current")
    AmdSmiClkType = SimpleNamespace(GFX="gfx", MEM="mem")

    def amdsmi_init(self) -> None:
        pass

    def amdsmi_get_processor_handles(self) -> list[int]:
        return [0, 1]

    def amdsmi_get_gpu_asic_info(self, gpu: int) -> dict[str, Any]:
        return {"market_name": f"AMD Instinct MI300X {gpu}"}

    def amdsmi_get_gpu_vram_usage(self, gpu: int) -> dict[str, int]:
        return {"vram_total": 1000, "vram_used": 250}

    def amdsmi_get_gpu_activity(self, gpu: int) -> dict[str, Any]:
        return {"gfx_activity": 88, "umc_activity": 12 if gpu == 0 else "N/A", "mm_activity": "N/A"}

    def amdsmi_get_power_info(self, gpu: int) -> dict[str, Any]:
        return {"current_socket_power": 500 if gpu == 0 else "N/A", "average_socket_power": 480}

    def amdsmi_get_temp_metric(self, gpu: int, sensor: str, metric: str) -> int:
        assert ("hotspot", "current") == (sensor, metric)
        if gpu == 1:
            raise AmdSmiException
        return 64

    def amdsmi_get_clock_info(self, gpu: int, clock: str) -> dict[str, Any]:
        if gpu == 1:
            raise AmdSmiException
        return {"clk": {"gfx": 2100, "mem": 1300}[clock]}


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> AmdSource:
    monkeypatch.setitem(sys.modules, "amdsmi", Library())  # type: ignore[arg-type]
    return AmdSource()


def test_each_gpu_is_sampled(source: AmdSource) -> None:
    """Under the names of NVIDIA's; what one does not have is left out."""
    expected = {
        "system/gpu/0/utilization_percent": 88,
        "system/gpu/0/memory_utilization_percent": 12,
        "system/gpu/0/memory_used_bytes": 250 * MIB,
        "system/gpu/0/memory_percent": 25.0,
        "system/gpu/0/power_watts": 500,
        "system/gpu/0/temperature_celsius": 64,
        "system/gpu/0/sm_clock_mhz": 2100,
        "system/gpu/0/memory_clock_mhz": 1300,
        "system/gpu/1/utilization_percent": 88,
        "system/gpu/1/memory_used_bytes": 250 * MIB,
        "system/gpu/1/memory_percent": 25.0,
        "system/gpu/1/power_watts": 480,
    }
    assert expected == source.sample(Moment(0.0, {}))


def test_what_gpus_there_are_is_told(source: AmdSource) -> None:
    """Name and memory."""
    expected = [
        {"index": index, "name": f"AMD Instinct MI300X {index}", "memory_bytes": 1000 * MIB}
        for index in (0, 1)
    ]
    assert expected == source.facts()
