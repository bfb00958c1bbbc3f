"""What a run directory says of its monitor: its samples, its process, and the deaths that it saw."""

import contextlib
from pathlib import Path
from typing import Any

import psutil

from tidelog.datastore import Reader
from tidelog.datastore.errors import DatastoreError

FIRST = "monitor.0001.tlog"


def samples_of(run: Path) -> int:
    """Return how many samples were taken so far; 0 where there is no run yet."""
    with contextlib.suppress(DatastoreError), Reader(run) as reader:
        return len(reader.system())
    return 0


def deaths_of(run: Path) -> list[dict[str, Any]]:
    """Return what monitors recorded of processes that ended without a word."""
    with Reader(run) as reader:
        exits = [record.data for record in reader.records() if record.kind == "exit"]
    return [dict(each) for each in exits if "log" in each]


def is_closed(run: Path, log: str = FIRST) -> bool:
    """Tell whether the monitor has written its final chunk."""
    with contextlib.suppress(DatastoreError, OSError), Reader(run / log) as reader:
        return reader.state in ("finished", "crashed") and not is_running(monitor_pid(run, log))
    return False


def monitor_pid(run: Path, log: str = FIRST) -> int:
    """Return the monitor's process, as its log names it."""
    with Reader(run / log) as reader:
        return int(reader.metadata["pid"])


def is_running(pid: int) -> bool:
    """Tell whether a process runs, zombies excepted."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
