"""What an attack costs a hub process, read off the system, and a good client beside it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from hostile.raw_http import RawConnection, request

MIB = 1024 * 1024
PAUSE_S = 0.01


def memory_mib(pid: int) -> float:
    """Return what a process holds in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no memory")


def cpu_s(pid: int) -> float:
    """Return how much processor time a process has used."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@dataclass
class GoodClient:
    """What somebody with a key saw meanwhile: seconds of each request, and answers that were not 200."""

    took_s: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    @property
    def p99_s(self) -> float:
        return sorted(self.took_s)[len(self.took_s) * 99 // 100]


@contextmanager
def good_client(port: int, key: str) -> Iterator[GoodClient]:
    """Ask a hub again and again while the block runs, each time over a connection of its own."""
    seen, stop = GoodClient(), threading.Event()
    get = request("GET", b"/v1/keys/self", key=key, headers={"Connection": "close"})

    def ask() -> None:
        while True:
            began = time.monotonic()
            with RawConnection(port) as connection:
                answer = connection.exchange(get)
            seen.took_s.append(time.monotonic() - began)
            if answer.status != 200:
                seen.refused.append(answer.status)
            if stop.wait(PAUSE_S):
                return

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
