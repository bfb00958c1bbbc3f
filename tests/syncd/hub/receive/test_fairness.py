"""One greedy account beside another: real connections, a real hub."""

import asyncio
import time
from pathlib import Path
from statistics import quantiles

import aiohttp
from log_spec import LogSpec
from syncd_process import HubProcess

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
