"""One greedy account beside another: real connections, a real hub."""

import asyncio
import hashlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp
from log_spec import LogSpec
from run_spec import RunSpec
from syncd_process import HubProcess
from waiting import until

from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.protocol import digest_header, log_path

GREEDY, APPENDS = 100, 30
LOG = LogSpec()
for _step in range(400):
    LOG.row({"i": _step, "text": "x" * 2000}, step=_step)


async def append(session: aiohttp.ClientSession, url: str, run: str, number: int) -> float:
    """Append a chunk and return how long it took."""
    start, end = (LOG.ends[number - 1] if number else 0), LOG.ends[number]
    body = LOG.data[start:end]
    headers = {
        "Upload-Offset": str(start),
        "Tidelog-Log-Id": bytes(range(16)).hex(),
        "Content-Digest": digest_header(body),
    }
    begun = time.perf_counter()
    async with session.patch(
        url + log_path("p", run, "main.0001.tlog"), data=body, headers=headers
    ) as got:
        await got.read()
        assert 200 == got.status
    return time.perf_counter() - begun


async def delays(url: str, greedy_key: str, ada_key: str) -> tuple[list[float], list[float]]:
    """Return how long the appends of both took, while a hundred connections of one never rest."""
    greedy_s: list[float] = []
    is_over = asyncio.Event()

    async def never_rest(number: int) -> None:
        headers = {"Authorization": f"Bearer {greedy_key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            for at in range(len(LOG.ends)):
                if is_over.is_set():
                    return
                greedy_s.append(await append(session, url, f"greedy-{number}", at))

    async with asyncio.TaskGroup() as tasks:
        for number in range(GREEDY):
            tasks.create_task(never_rest(number))
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {ada_key}"}) as session:
            while len(greedy_s) < GREEDY:  # noqa: ASYNC110 - until all are at work
                await asyncio.sleep(0.01)
            ada_s = [await append(session, url, "ada", at) for at in range(APPENDS)]
        is_over.set()
    return greedy_s, ada_s


def test_a_greedy_account_waits_for_itself(tmp_path: Path) -> None:
    """Its hundred connections wait in its own line; the other's append is next but a few."""
    keys = KeyFile(tmp_path / "data")
    greedy_key, ada_key = keys.create("greedy"), keys.create("ada")
    with HubProcess(tmp_path / "data") as hub:
        greedy_s, ada_s = asyncio.run(delays(hub.url, greedy_key, ada_key))
    greedy_p50, ada_p50 = quantiles(greedy_s)[1], quantiles(ada_s)[1]
    print(f"greedy {greedy_p50 * 1e3:.0f} ms, ada {ada_p50 * 1e3:.0f} ms")
    assert ada_p50 < greedy_p50 * 0.7


class SlowDisk(Disk):
    """Whoever opens a file in a folder named `media` of `slow` waits until it is `free`."""

    def __init__(self, slow: str) -> None:
        self._slow = slow
        self.free = threading.Event()
        self.waiting = 0

    def open(self, path: StrPath) -> int:
        if f"/{self._slow}/" in str(path) and "/media/" in str(path):
            self.waiting += 1
            self.free.wait()
        return super().open(path)


def test_who_has_gigabytes_proven_keeps_nobody_else_waiting(start_hub: Any, tmp_path: Path) -> None:
    """While an account's runs are read again, byte by byte, another one verifies and downloads."""
    data = b"x" * 1000
    for project in ("greedy", "ada"):
        RunSpec(tmp_path / "hub", project).rows(1).media("a.png", data=data)
    disk = SlowDisk("greedy")
    hub = start_hub(disk=disk)
    greedy, ada = (hub.server.keys.create(name, project=name) for name in ("greedy", "ada"))
    sha256 = hashlib.sha256(data).hexdigest()
    wanted = {"files": [{"path": "media/images/a.png", "size": len(data), "sha256": sha256}]}

    def calls(project: str, key: str) -> list[int]:
        run = f"/v1/projects/{project}/runs/r1"
        file = f"{run}/files/media/images/a.png"
        return [
            hub.call("GET", run, key=key).status,
            hub.call("POST", f"{run}/files:missing", json.dumps(wanted).encode(), key=key).status,
            hub.call("HEAD", f"{file}?sha256={sha256}", key=key).status,
            hub.call("GET", file, key=key).status,
        ]

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(calls, "greedy", greedy) for _ in range(8)]
        try:
            until(lambda: disk.waiting >= 2)
            assert [200] * 4 == calls("ada", ada)
        finally:
            disk.free.set()
        assert [[200] * 4] * 8 == [each.result() for each in asked]
