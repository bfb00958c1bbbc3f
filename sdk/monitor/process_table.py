"""All processes of the machine with what they use.

On Linux one pass over `/proc` tells all of it; psutil would read each process twice. Elsewhere psutil
does it.
"""

import os

from tidelog.datastore.disk import Disk
from tidelog.sdk.monitor.process_tree import ProcessUse, Table, parse_stat


def read_table(disk: Disk) -> Table:
    """Return all processes of the machine that this user may see, by pid."""
    if not disk.is_there("/proc/self/stat"):
        return read_table_by_psutil()
    ticks_per_s, page_bytes = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGESIZE")
    table = {}
    for entry in disk.list("/proc"):
        if entry.name.isdecimal():
            try:
                stat = disk.read(f"/proc/{entry.name}/stat")
                use = parse_stat(stat, ticks_per_s=ticks_per_s, page_bytes=page_bytes)
            except (OSError, ValueError, IndexError):
                continue  # It has ended meanwhile.
            table[int(entry.name)] = use
    return table


def read_table_by_psutil() -> Table:
    """Return the same of any system that psutil knows."""
    import psutil

    table = {}
    for process in psutil.process_iter(
        ["ppid", "create_time", "cpu_times", "num_threads", "memory_info"]
    ):
        told = process.info
        if told["cpu_times"] is not None and told["memory_info"] is not None:
            table[process.pid] = ProcessUse(
                parent=told["ppid"] or 0,
                started=told["create_time"] or 0.0,
                cpu_s=told["cpu_times"].user + told["cpu_times"].system,
                threads=told["num_threads"] or 0,
                rss_bytes=told["memory_info"].rss,
            )
    return table
