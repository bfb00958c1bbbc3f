"""Where the numbers come from: processor, memory, kernel, file system, Python, load."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def facts(folder: Path) -> dict[str, str]:
    """Return name -> fact; `folder` is where the peers write."""
    return {
        "processor": f"{os.cpu_count()} x {_after_colon('/proc/cpuinfo', 'model name')}",
        "memory": _after_colon("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "file system": _file_system(folder),
        "Python": platform.python_version(),
        "tidelog": _commit(),
        "load before": ", ".join(f"{load:.1f}" for load in os.getloadavg()),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _after_colon(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return "unknown"
    for line in lines:
        if line.startswith(name):
            return " ".join(line.partition(":")[2].split())
    return "unknown"


def _file_system(folder: Path) -> str:
    """Return the type of the file system that holds `folder`: the longest mount point above it."""
    path, found, kind = str(folder.resolve()), "", "unknown"
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return kind
    for mount in mounts:
        _device, point, mount_kind, *_ = mount.split()
        if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(found):
            found, kind = point, mount_kind
    return kind


def _commit() -> str:
    asked = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not a checkout"
