"""System metrics as `datastore show` tells them: what was used on average and at most."""

import math
from typing import Any, NamedTuple

from tidelog.datastore.columns import STEP, TIME, Columns
from tidelog.datastore.reader import Reader
from tidelog.datastore.text import size_text

SHOWN = {
    "CPU": "system/cpu_percent",
    "processes' CPU": "system/process/cpu_percent",
    "memory": "system/memory_percent",
    "processes' memory": "system/process/memory_bytes",
    "cgroup's memory": "system/cgroup/memory_percent",
    "disk": "system/disk_percent",
}
SHOWN_PER_GPU = {
    "utilization": "utilization_percent",
    "memory": "memory_percent",
    "power": "power_watts",
    "temperature": "temperature_celsius",
}
UNITS = {"percent": " %", "watts": " W", "celsius": " °C"}
GPUS_SHOWN_MAX = 16
METRICS_MAX = 500
"""A machine of 32 GPUs has 300; a log made to harm may have thousands."""


class Use(NamedTuple):
    """Of one metric: the mean of its samples, and the largest."""

    mean: float
    max: float


def describe_system(run: Reader) -> dict[str, Any]:
    """Return host -> number of samples and the use of each metric, for each machine of a run."""
    return {host: _describe(run.system(host=host)) for host in run.system_hosts}


def _describe(samples: Columns) -> dict[str, Any]:
    names = [name for name in samples if name not in (STEP, TIME)][:METRICS_MAX]
    uses = {name: use for name in names if (use := _use(samples[name])) is not None}
    return {"samples": len(samples), "metrics": {name: use._asdict() for name, use in uses.items()}}


def _use(values: Any) -> Use | None:
    numbers = [float(value) for value in values if _is_number(value) and math.isfinite(value)]
    return Use(sum(numbers) / len(numbers), max(numbers)) if numbers else None


def _is_number(value: Any) -> bool:
    """Tell a number from what else a log may hold: of Python or of NumPy, which need not be there."""
    return isinstance(value, (int, float)) or hasattr(value, "dtype")


def system_lines(described: dict[str, Any]) -> list[str]:
    """Return what a person wants to know of one machine, a line per metric."""
    metrics = described["metrics"]
    shown = dict(SHOWN)
    for index in range(GPUS_SHOWN_MAX):
        shown |= {f"GPU {index} {k}": f"system/gpu/{index}/{v}" for k, v in SHOWN_PER_GPU.items()}
    present = {label: name for label, name in shown.items() if name in metrics}
    width = max(map(len, present), default=0)
    return [f"{label:<{width}}  {_line(name, metrics[name])}" for label, name in present.items()]


def _line(name: str, use: dict[str, float]) -> str:
    return f"mean {_text(name, use['mean'])}  max {_text(name, use['max'])}"


def _text(name: str, value: float) -> str:
    unit = name.rpartition("_")[2]
    return size_text(round(value)) if unit == "bytes" else f"{value:.0f}{UNITS.get(unit, '')}"
