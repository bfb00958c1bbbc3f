"""AMD's GPUs, by amdsmi, which comes with ROCm; loaded only where there is a driver.

Written after the library's interface of version 7, and never seen with a GPU of theirs.
"""

from collections.abc import Callable
from typing import Any

from tidelog.sdk.monitor.moment import Moment, Row

MIB = 1024 * 1024


class AmdSource:
    """Samples every GPU that amdsmi shows. A value that a GPU does not have is left out."""

    def __init__(self) -> None:
        """Open amdsmi. Raises ImportError or OSError without the library, its own without a driver."""
        import amdsmi

        self._smi: Any = amdsmi
        amdsmi.amdsmi_init()
        self._gpus = list(amdsmi.amdsmi_get_processor_handles())

    def facts(self) -> list[dict[str, Any]]:
        """Return name and memory in bytes of each GPU."""
        smi, ask = self._smi, self._ask
        told = [
            {
                "index": index,
                "name": ask(smi.amdsmi_get_gpu_asic_info, gpu).get("market_name"),
                "memory_bytes": _bytes(ask(smi.amdsmi_get_gpu_vram_usage, gpu).get("vram_total")),
            }
            for index, gpu in enumerate(self._gpus)
        ]
        return [{name: fact for name, fact in gpu.items() if fact is not None} for gpu in told]

    def sample(self, _moment: Moment) -> Row:
        """Return each GPU's load, memory, power, temperature and clocks."""
        row: Row = {}
        for index, gpu in enumerate(self._gpus):
            told = {**self._sample_gpu(gpu), **self._sample_sensors(gpu)}
            # What there is not, amdsmi calls "N/A".
            row |= {f"system/gpu/{index}/{n}": v for n, v in told.items() if isinstance(v, (int, float))}
        return row

    def _sample_gpu(self, gpu: Any) -> dict[str, Any]:
        busy = self._ask(self._smi.amdsmi_get_gpu_activity, gpu)
        memory = self._ask(self._smi.amdsmi_get_gpu_vram_usage, gpu)
        used, total = memory.get("vram_used"), memory.get("vram_total")
        return {
            "utilization_percent": busy.get("gfx_activity"),
            "memory_utilization_percent": busy.get("umc_activity"),
            "memory_used_bytes": _bytes(used),
            "memory_percent": 100 * used / total if used is not None and total else None,
        }

    def _sample_sensors(self, gpu: Any) -> dict[str, Any]:
        smi, ask = self._smi, self._ask
        power = ask(smi.amdsmi_get_power_info, gpu)
        watts = [power.get("current_socket_power"), power.get("average_socket_power")]
        hotspot, current = smi.AmdSmiTemperatureType.HOTSPOT, smi.AmdSmiTemperatureMetric.CURRENT
        return {
            "power_watts": next((each for each in watts if isinstance(each, int)), None),
            "temperature_celsius": ask(smi.amdsmi_get_temp_metric, gpu, hotspot, current),
            "sm_clock_mhz": ask(smi.amdsmi_get_clock_info, gpu, smi.AmdSmiClkType.GFX).get("clk"),
            "memory_clock_mhz": ask(smi.amdsmi_get_clock_info, gpu, smi.AmdSmiClkType.MEM).get("clk"),
        }

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return question(*arguments)
        except self._smi.AmdSmiException:
            return {}  # This GPU does not have it.


def _bytes(mib: Any) -> int | None:
    return mib * MIB if isinstance(mib, int) else None
