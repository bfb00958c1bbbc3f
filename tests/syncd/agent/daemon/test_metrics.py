"""Metrics for Prometheus: read by its own parser, from a daemon that works, and in nobody's way."""

import asyncio
import socket
import time
from pathlib import Path

import aiohttp
import pytest
from own_port import own_port
from prometheus_client.parser import text_string_to_metric_families
from run_spec import RunSpec, tree
from running_service import RunningService, running

from tidelog.syncd.agent.daemon.metrics_server import FRESH_S
from tidelog.syncd.listen import Listen

AWAY = "http://127.0.0.1:9"
ANYWHERE = Listen("127.0.0.1", 0)

Samples = dict[tuple[str, tuple[str, ...]], float]


def parse(text: str) -> Samples:
    """Return values by name and labels, the labels in the order of their names."""
    return {
        (sample.name, tuple(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def get(daemon: RunningService) -> Samples:
    url = (await daemon.service.status())["metrics"]
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert (200, "text/plain") == (response.status, response.content_type)
        return parse(await response.text())


def test_what_a_daemon_does_is_measured_by_target(tmp_path: Path) -> None:
    """One target holds everything, one is away, one file is parked."""
    root, usb = tmp_path / "root", f"file://{tmp_path}/usb"
    RunSpec(root).rows(30).media("gone.png")
    (root / "mnist/r1/media/images/gone.png").unlink()
    size = (root / "mnist/r1/main.0001.tlog").stat().st_size

    async def work() -> Samples:
        async with running(tmp_path / "state", [usb, AWAY], root, key="k", metrics=ANYWHERE) as daemon:
            await daemon.status_with(
                lambda s: s["targets"] and s["targets"][0]["parked"] and s["targets"][1]["outage"]
            )
            return await get(daemon)

    began = time.monotonic()
    found = asyncio.run(work())
    expected = {
        ("tidelog_runs", ()): 1,
        ("tidelog_live_runs", ()): 1,
        ("tidelog_held", ()): 0,
        ("tidelog_root_problems", ()): 0,
        ("tidelog_target_up", (usb,)): 1,
        ("tidelog_target_up", (AWAY,)): 0,
        ("tidelog_outage_seconds", (usb,)): 0,
        ("tidelog_lag_seconds", (usb,)): 0,
        ("tidelog_lag_rows", (AWAY,)): 31,
        ("tidelog_lag_bytes", (usb,)): 0,
        ("tidelog_lag_bytes", (AWAY,)): size,
        ("tidelog_parked_tasks", (usb,)): 1,
        ("tidelog_queue_tasks", (AWAY,)): 1,
        ("tidelog_queue_items", ("logs", AWAY)): 1,
        ("tidelog_queue_bytes", ("logs", AWAY)): size,
        ("tidelog_sent_bytes_total", (usb,)): size,
        ("tidelog_sent_bytes_total", (AWAY,)): 0,
        ("tidelog_sent_chunks_total", (usb,)): 32,
    }
    assert expected == {key: found.get(key) for key in expected}
    assert found["tidelog_outage_seconds", (AWAY,)] > 0
    assert found["tidelog_scan_seconds", ()] > 0
    assert 0 < found["tidelog_uptime_seconds", ()] <= time.monotonic() - began


def test_a_port_that_is_taken_is_told_and_the_uploads_go_on(tmp_path: Path) -> None:
    """SIGHUP tries again."""
    root, usb = tmp_path / "root", tmp_path / "usb"
    run = RunSpec(root).rows(5)

    async def work(port: int) -> list[str]:
        with socket.create_server(("127.0.0.1", port)):
            address = Listen("127.0.0.1", port)
            daemon_of = running(tmp_path / "state", [f"file://{usb}"], root, metrics=address)
            daemon = await daemon_of.__aenter__()
            await daemon.until(lambda: tree(root) == tree(usb))
            assert (await daemon.service.status())["metrics"] is None
        daemon.reload()
        await daemon.status_with(lambda s: s["metrics"])
        assert 1 == (await get(daemon))["tidelog_runs", ()]
        run.rows(5)
        await daemon.until(lambda: tree(root) == tree(usb))
        await daemon_of.__aexit__(None, None, None)
        return daemon.told

    with own_port() as port:
        [line, _] = asyncio.run(work(port))
    assert "no metrics at 127.0.0.1:" in line
    assert "--metrics" in line


def test_metrics_are_off_unless_asked_for_and_end_when_they_are_no_longer(tmp_path: Path) -> None:
    """With SIGHUP, like everything else."""

    async def work() -> None:
        async with running(tmp_path / "state", [f"file://{tmp_path}/usb"]) as daemon:
            assert (await daemon.status_with(lambda s: s["targets"]))["metrics"] is None
            daemon.reload(metrics=ANYWHERE)
            url = (await daemon.status_with(lambda s: s["metrics"]))["metrics"]
            daemon.reload(metrics=None)
            await daemon.status_with(lambda s: s["metrics"] is None)
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(url)

    asyncio.run(work())


def test_a_hundred_requests_at_once_write_one_status(tmp_path: Path) -> None:
    """However often it is asked, the uploads have the time."""

    async def work() -> tuple[int, float]:
        target = f"file://{tmp_path}/usb"
        async with running(tmp_path / "state", [target], metrics=ANYWHERE) as daemon:
            url = (await daemon.status_with(lambda s: s["metrics"]))["metrics"]
            texts = set()

            async def ask(session: aiohttp.ClientSession) -> None:
                async with session.get(url) as response:
                    texts.add(await response.text())

            began = time.monotonic()
            async with aiohttp.ClientSession() as session:
                await asyncio.gather(*(ask(session) for _ in range(100)))
            return len(texts), time.monotonic() - began

    texts, took_s = asyncio.run(work())
    assert texts <= 2 + took_s / FRESH_S
