"""The processes below the trainers, DataLoader workers and the like, and what they used. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Table = Mapping[int, "ProcessUse"]


class ProcessUse(NamedTuple):
    """What one process uses; `cpu_s` since its start, `started` in a unit of the system's own."""

    parent: int
    started: float
    cpu_s: float
    threads: int
    rss_bytes: int


def parse_stat(stat: bytes, *, ticks_per_s: int, page_bytes: int) -> ProcessUse:
    """Return what `/proc/<pid>/stat` (proc(5)) tells. Raises ValueError, IndexError for other bytes."""
    fields = stat[stat.rindex(b")") + 2 :].split(None, 22)
    return ProcessUse(
        parent=int(fields[1]),
        started=int(fields[19]),
        cpu_s=(int(fields[11]) + int(fields[12])) / ticks_per_s,
        threads=int(fields[17]),
        rss_bytes=int(fields[21]) * page_bytes,
    )


def tree_below(roots: Iterable[int], table: Table) -> dict[int, ProcessUse]:
    """Return the processes of a table that are among `roots` or descend from them."""
    children: dict[int, list[int]] = {}
    for pid, use in table.items():
        children.setdefault(use.parent, []).append(pid)
    tree: dict[int, ProcessUse] = {}
    waiting = [pid for pid in roots if pid in table]
    while waiting:
        pid = waiting.pop()
        if pid not in tree:
            tree[pid] = table[pid]
            waiting += children.get(pid, [])
    return tree


def cpu_used_s(before: Table, now: Table) -> float:
    """Return the processor seconds between two looks at a tree; who is new had used none before."""
    used = 0.0
    for pid, use in now.items():
        known = before.get(pid)
        is_same = known is not None and known.started == use.started
        used += max(0.0, use.cpu_s - (known.cpu_s if known is not None and is_same else 0.0))
    return used
