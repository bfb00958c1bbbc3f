"""Where the log of a running daemon goes, as it says itself when it is asked."""

import os
from collections.abc import Mapping
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.syncd.logging_setup import is_journal

CGROUP = "/proc/self/cgroup"
STDERR = 2


def log_place(log_file: str | None, environ: Mapping[str, str], disk: Disk) -> dict[str, Any]:
    """Return a document: `to` is "file", "journal" or "stderr", the other members say which."""
    if log_file is not None:
        return {"to": "file", "path": os.path.abspath(log_file)}
    if is_journal(STDERR, environ, disk):
        unit, is_user = unit_in(_read(CGROUP, disk))
        return {"to": "journal", "unit": unit, "is_user": is_user}
    return {"to": "stderr", "path": disk.real_path(f"/dev/fd/{STDERR}")}


def unit_in(cgroup: str) -> tuple[str | None, bool]:
    """Return the service that a text of /proc/PID/cgroup names, and whether a user's manager runs it."""
    for line in cgroup.splitlines():
        parts = line.rpartition(":")[2].split("/")
        services = [part for part in parts if part.endswith(".service")]
        if services:
            return services[-1], any(part.startswith("user@") for part in services[:-1])
    return None, False


def _read(path: str, disk: Disk) -> str:
    try:
        return disk.read(path).decode(errors="replace")
    except OSError:
        return ""
