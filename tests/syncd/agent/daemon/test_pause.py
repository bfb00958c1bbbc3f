"""Nothing new is sent while a person paused it or in quiet hours; nothing is lost over that."""

import asyncio
import time
from datetime import datetime, timedelta
from pathlib import Path

from run_spec import RunSpec, tree
from running_service import RunningService, running

from tidelog.syncd.agent.plan.quiet_hours import QuietHours, parse_quiet_hours
from tidelog.syncd.hub.server import HubServer, Listen


async def rows_are_seen(daemon: RunningService, rows: int) -> None:
    """Return once the daemon knows that so many rows are not at its one target."""
    await daemon.status_with(lambda s: s["targets"] and s["targets"][0]["lag"]["rows"] == rows)


def around_now() -> QuietHours:
    """Quiet hours that have begun an hour ago and last two."""
    begin, end = (datetime.now().astimezone() + timedelta(hours=h) for h in (-1, 1))
    return parse_quiet_hours(f"{begin:%H:%M}-{end:%H:%M}")


def test_paused_nothing_arrives_and_resumed_all_of_it(tmp_path: Path) -> None:
    """At a real hub, of a run that goes on meanwhile."""
    root, data = tmp_path / "root", tmp_path / "data"
    run = RunSpec(root).rows(5)

    async def work() -> None:
        async with HubServer(data, listen=Listen("127.0.0.1", 0)) as hub:
            key = hub.keys.create("test")
            async with running(tmp_path / "state", [hub.url], root, key=key) as daemon:
                await daemon.until(lambda: tree(root) == tree(data))
                paused = await daemon.ask("pause")
                assert (True, None) == (paused["held"]["is_pause"], paused["held"]["until"])
                before = tree(data)
                run.rows(7).media("a.png")
                await rows_are_seen(daemon, 8)
                assert before == tree(data)
                resumed = await daemon.ask("resume")
                assert (None, True) == (resumed["held"], resumed["was_paused"])
                await daemon.until(lambda: tree(root) == tree(data))
                assert not (await daemon.ask("resume"))["was_paused"]

    asyncio.run(work())


def test_a_pause_outlasts_a_restart(tmp_path: Path) -> None:
    """The state remembers it; `resume` ends it."""
    root, usb = tmp_path / "root", tmp_path / "usb"
    RunSpec(root).rows(5)

    async def work() -> None:
        async with running(tmp_path / "state", [f"file://{usb}"]) as daemon:
            await daemon.ask("pause")
        async with running(tmp_path / "state", [f"file://{usb}"], root) as daemon:
            await rows_are_seen(daemon, 5)
            assert not usb.exists()
            await daemon.ask("resume")
            await daemon.until(lambda: tree(root) == tree(usb))

    asyncio.run(work())


def test_a_pause_with_an_end_ends_by_itself(tmp_path: Path) -> None:
    """Not before its time, and without a word from anybody."""
    root, usb = tmp_path / "root", tmp_path / "usb"

    async def work() -> None:
        async with running(tmp_path / "state", [f"file://{usb}"], root) as daemon:
            paused = await daemon.ask("pause", for_s=0.5)
            until = paused["held"]["until"]
            RunSpec(root).rows(5)
            await daemon.until(lambda: tree(root) == tree(usb))
            assert time.time() >= until

    asyncio.run(work())


def test_a_span_that_is_none_is_refused(tmp_path: Path) -> None:
    """And pauses nothing."""

    async def work() -> None:
        async with running(tmp_path / "state", [f"file://{tmp_path}/usb"]) as daemon:
            for nonsense in (0, -5, float("nan"), "2h", None, 1e12, 10**400):
                assert "error" == (await daemon.ask("pause", for_s=nonsense))["type"]
            assert (await daemon.service.status())["held"] is None

    asyncio.run(work())


def test_quiet_hours_come_and_go_with_the_configuration(tmp_path: Path) -> None:
    """Until when is told; a pause on top of them is one of its own."""
    root, usb = tmp_path / "root", tmp_path / "usb"
    RunSpec(root).rows(5)

    async def work() -> None:
        quiet = (around_now(),)
        async with running(tmp_path / "state", [f"file://{usb}"], root, quiet_hours=quiet) as daemon:
            await rows_are_seen(daemon, 5)
            held = (await daemon.service.status())["held"]
            assert (False, True) == (held["is_pause"], "quiet hours until" in held["reason"])
            assert 0 < held["until"] - time.time() <= 3600
            assert not (await daemon.ask("resume"))["held"]["is_pause"]
            assert not usb.exists()
            daemon.reload(quiet_hours=())
            await daemon.until(lambda: tree(root) == tree(usb))

    asyncio.run(work())


def test_what_is_under_way_when_a_pause_comes_ends(tmp_path: Path) -> None:
    """The answer says how much that is, and it is acknowledged, not cut off."""
    root, usb = tmp_path / "root", tmp_path / "usb"
    RunSpec(root).rows(2000)

    async def work() -> None:
        async with running(tmp_path / "state", [f"file://{usb}"], root) as daemon:
            log = usb / "mnist/r1/main.0001.tlog"
            await daemon.until(lambda: log.exists() and log.stat().st_size)
            paused = await daemon.ask("pause")
            await daemon.status_with(lambda s: not s["targets"][0]["under_way"])
            status = await daemon.service.status()
            [behind] = status["targets"][0]["behind"]
            assert 1 == paused["wanted"]
            # What the daemon holds for acknowledged is what the target has, to the byte.
            whole = (root / "mnist/r1/main.0001.tlog").stat().st_size
            assert behind["bytes"] == whole - log.stat().st_size > 0

    asyncio.run(work())
