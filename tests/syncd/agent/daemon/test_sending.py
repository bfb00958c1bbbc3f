"""How fast a daemon sends and which files: the limit of the rate and the filter, over a real hub."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from run_spec import RunSpec, tree
from running_service import SERVICE_SETTINGS, running

from tidelog.syncd.agent.plan.file_filter import FileFilter
from tidelog.syncd.hub.server import HubServer, Listen

RATE = 400_000
SECONDS = 1.5
ROW_BYTES = 50
ATTEMPTS = 5
"""What is slow each time is our doing, and not that of whatever else the machine does."""
PIECES = replace(
    SERVICE_SETTINGS, append_bytes=40_000, piece_bytes=40_000, batch_bytes=40_000, tasks_max=1
)


@pytest.mark.parametrize("targets", [1, 2])
def test_a_limit_of_the_rate_bounds_what_leaves(tmp_path: Path, targets: int) -> None:
    """All targets together, files and records: measured at the far end, within a piece of the limit."""
    assert any(seconds_to_send(tmp_path / str(n), targets) <= 5 * SECONDS for n in range(ATTEMPTS))


def seconds_to_send(folder: Path, targets: int) -> float:
    """Send what takes so many seconds at the limit; return how long it took, which is no less."""
    root = folder / "root"
    size = int(RATE * SECONDS / targets / 2)
    RunSpec(root).saved("model.npz", size).rows(size // ROW_BYTES).finish()

    async def work() -> float:
        async with HubServer(folder / "data", listen=Listen("127.0.0.1", 0)) as hub:
            key = hub.keys.create("test")
            addresses = [hub.url, f"file://{folder}/usb"][:targets]
            began = time.monotonic()
            async with running(
                folder / "state", addresses, root, key=key, limit_rate_bytes=RATE, settings=PIECES
            ) as daemon:
                for data in (folder / "data", folder / "usb")[:targets]:
                    await daemon.until(lambda data=data: tree(root) == tree(data))
                return time.monotonic() - began

    took_s = asyncio.run(work())
    sent = targets * sum(len(data) for data in tree(root).values())
    print(f"{sent / took_s / RATE:.2f} of the limit")
    # The last piece for each target has left already, and is paid for by whoever comes next.
    assert (sent - targets * PIECES.piece_bytes) / took_s <= RATE
    return took_s


def test_what_a_filter_holds_back_is_sent_once_it_is_wanted(tmp_path: Path) -> None:
    """Records travel at once; after SIGHUP the files follow, without a row being sent again."""
    root, data = tmp_path / "root", tmp_path / "data"
    RunSpec(root).rows(10).media("a.png").saved("model.npz", 9000).saved("log.txt", 30).finish()

    async def work() -> None:
        async with HubServer(data, listen=Listen("127.0.0.1", 0)) as hub:
            key = hub.keys.create("test")
            files = FileFilter(only=("*.txt",))
            async with running(tmp_path / "state", [hub.url], root, key=key, files=files) as daemon:
                await daemon.until(lambda: "mnist/r1/files/log.txt" in tree(data))
                status = await daemon.status_with(lambda s: not s["targets"][0]["wanted"])
                assert {"mnist/r1/main.0001.tlog", "mnist/r1/files/log.txt"} == set(tree(data))
                chunks = status["targets"][0]["sent"]["chunks"]
                daemon.reload(files=FileFilter(has_media=False))
                await daemon.until(lambda: "mnist/r1/files/model.npz" in tree(data))
                await daemon.status_with(lambda s: not s["targets"][0]["wanted"])
                assert "mnist/r1/media/images/a.png" not in tree(data)
                daemon.reload(files=FileFilter())
                await daemon.until(lambda: tree(root) == tree(data))
                assert chunks == (await daemon.service.status())["targets"][0]["sent"]["chunks"]

    asyncio.run(work())
