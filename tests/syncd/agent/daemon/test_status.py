"""What a daemon tells of itself, of real work: rows, queues, rates, errors, and what it costs to ask."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from run_spec import RunSpec, tree
from running_service import SERVICE_SETTINGS, running

from tidelog.syncd.agent.plan.file_filter import FileFilter

AWAY = "http://127.0.0.1:9"


def of_target(status: dict[str, Any], address: str) -> dict[str, Any]:
    [target] = [target for target in status["targets"] if target["target"] == address]
    return target


def test_the_lag_of_a_live_run_is_in_rows_and_seconds_for_each_target(tmp_path: Path) -> None:
    """Where the target is away, every row counts; where it holds them, none; finished runs are apart."""
    root, usb = tmp_path / "root", f"file://{tmp_path}/usb"
    live = RunSpec(root, run="live")
    live.log.row({"loss": 0.5}, step=0, time=time.time() - 7200)
    live.rows(29)
    RunSpec(root, run="done", seed=2).rows(9).finish()

    async def work() -> None:
        async with running(tmp_path / "state", [AWAY, usb], root, key="k") as daemon:
            await daemon.until(lambda: tree(tmp_path / "usb") == tree(root))
            status = await daemon.status_with(
                lambda s: (
                    s["live_runs"] == 1
                    and of_target(s, AWAY)["outage"]
                    and not of_target(s, usb)["wanted"]
                )
            )
            [run] = of_target(status, AWAY)["live"]
            assert ("live", 30, True) == (run["run"], run["rows"], run["are_rows_exact"])
            assert run["bytes"] == (root / "mnist/live/main.0001.tlog").stat().st_size
            assert 7200 <= run["lag_s"] < 7300
            assert 2 == of_target(status, AWAY)["queue"]["logs"]["count"]
            [run] = of_target(status, usb)["live"]
            assert (0, 0, 0.0) == (run["rows"], run["bytes"], run["lag_s"])
            assert 0 == of_target(status, usb)["queue"]["logs"]["count"]

    asyncio.run(work())


def test_the_queue_counts_files_and_those_that_the_filter_holds_back(tmp_path: Path) -> None:
    """Counts and bytes, by kind; the filter in force is named."""
    root, usb = tmp_path / "root", tmp_path / "usb"
    RunSpec(root).media("a.png", 700).media("b.png", 800).saved("model.npz", 9000).finish()
    files = FileFilter(has_media=False)

    async def work() -> None:
        async with running(tmp_path / "state", [f"file://{usb}"], root, files=files) as daemon:
            await daemon.until(lambda: "mnist/r1/files/model.npz" in tree(usb))
            status = await daemon.status_with(lambda s: not s["targets"][0]["wanted"])
            queue = status["targets"][0]["queue"]
            assert {"count": 2, "bytes": 1500} == queue["held_back"]
            assert {"count": 0, "bytes": 0} == queue["small_files"] == queue["large_files"]
            assert ({"only": [], "media": False}, True) == (status["filter"], queue["are_files_exact"])
            await daemon.ask("pause")
            daemon.reload(files=FileFilter())
            status = await daemon.status_with(lambda s: s["filter"] is None)
            assert {"count": 2, "bytes": 1500} == status["targets"][0]["queue"]["small_files"]

    asyncio.run(work())


def test_errors_twins_damage_and_what_was_sent_are_told(tmp_path: Path) -> None:
    """The last error with its time and item; damage and twins by their logs; a rate."""
    root, usb = tmp_path / "root", f"file://{tmp_path}/usb"
    RunSpec(tmp_path / "usb", seed=9).rows(3)
    RunSpec(root).rows(20).damage(9).media("gone.png").finish()
    (root / "mnist/r1/media/images/gone.png").unlink()

    async def work() -> None:
        began = time.time()
        async with running(tmp_path / "state", [usb], root) as daemon:
            status = await daemon.status_with(lambda s: s["targets"] and s["targets"][0]["parked"])
            target = status["targets"][0]
            assert began <= target["last_error"]["at"] <= time.time()
            assert "media/images/gone.png" in target["last_error"]["item"]
            assert (1, 1) == (target["parked_count"], target["damaged_count"])
            assert {"count": 0, "bytes": 0} == target["queue"]["small_files"]
            [(log, twin)] = target["twins"].items()
            assert "mnist/r1/main.0001.tlog" == log
            assert (tmp_path / "usb/mnist/r1" / twin).is_file()
            assert target["rate_bytes_s"] > 0
            assert target["sent"]["bytes"] == (root / "mnist/r1/main.0001.tlog").stat().st_size
            assert sum(target["rate_history"]) <= target["sent"]["bytes"]

    asyncio.run(work())


def test_damage_is_told_once_however_many_targets_and_reloads(tmp_path: Path) -> None:
    """It is the log's, not the target's; the status shows it at each."""
    root = tmp_path / "root"
    RunSpec(root).rows(40).damage(20).finish()
    targets = [f"file://{tmp_path}/{name}" for name in ("a", "b")]

    async def work() -> list[str]:
        async with running(tmp_path / "state", targets, root) as daemon:
            await daemon.status_with(lambda s: all(t["damaged"] for t in s["targets"]) and s["targets"])
            daemon.reload(targets=(*daemon.config.targets, f"file://{tmp_path}/c"))
            await daemon.until(lambda: tree(tmp_path / "c") == tree(root))
            events = (await daemon.service.status())["events"]
            assert daemon.told == [event["text"] for event in events]
            return daemon.told

    assert 1 == sum("is damaged from byte" in line for line in asyncio.run(work()))


def test_an_outage_tells_how_long_it_lasts_and_when_the_next_try_is(tmp_path: Path) -> None:
    """And the error stays in view once it is over."""
    root = tmp_path / "root"
    RunSpec(root).rows(3)
    missing = tmp_path / "not/mounted"

    async def work() -> None:
        async with running(tmp_path / "state", [f"file://{missing}"], root) as daemon:
            status = await daemon.status_with(lambda s: s["targets"] and s["targets"][0]["outage"])
            [target] = status["targets"]
            assert "is not there" in target["outage"]["reason"]
            assert 0 <= target["next_try_in_s"] <= SERVICE_SETTINGS.backoff_max_s
            missing.parent.mkdir()
            status = await daemon.status_with(lambda s: not s["targets"][0]["outage"])
            assert "is not there" in status["targets"][0]["last_error"]["reason"]

    asyncio.run(work())


RUNS, LIVE = 10_000, 100


def make_many(root: Path) -> None:
    for number in range(RUNS):
        (root / f"p{number % 20}" / f"r{number:05}").mkdir(parents=True)
    for number in range(LIVE):
        RunSpec(root, f"live{number % 5}", f"r{number}", seed=number).rows(20)


def test_a_status_of_ten_thousand_runs_costs_the_loop_next_to_nothing(tmp_path: Path) -> None:
    """Uploads go on while it is written. In CPU time: what else this machine does is not counted."""
    root = tmp_path / "root"
    make_many(root)

    async def work() -> tuple[float, float]:
        async with running(tmp_path / "state", [AWAY], root, key="k") as daemon:
            await daemon.status_with(
                lambda s: s["runs"] == RUNS + LIVE and s["targets"][0]["lag"]["rows"] == 20 * LIVE
            )
            turns = []

            async def beat() -> None:
                while True:
                    before = time.thread_time()
                    await asyncio.sleep(0)
                    turns.append(time.thread_time() - before)

            beating = asyncio.ensure_future(beat())
            before = time.process_time()
            for _ in range(5):
                await daemon.service.status()
            cost_s = (time.process_time() - before - sum(turns)) / 5
            beating.cancel()
            return max(turns), cost_s

    turn_s, cost_s = asyncio.run(work())
    figures = f"{turn_s * 1000:.1f} ms at most, a status {cost_s * 1000:.0f} ms"
    print(f"a turn of the loop took {figures}")
    assert turn_s < 0.05
    assert cost_s < 0.25


@pytest.mark.parametrize("files_max", [50, 1000])
def test_more_files_than_may_be_looked_at_are_estimated(tmp_path: Path, files_max: int) -> None:
    """The estimate says that it is one, and is near."""
    from dataclasses import replace

    root = tmp_path / "root"
    for number in range(20):
        run = RunSpec(root, run=f"r{number}", seed=number)
        for image in range(10):
            run.media(f"{image}.png", 100)
    settings = replace(SERVICE_SETTINGS, status_files_max=files_max)
    files = FileFilter(has_media=False)
    usb = tmp_path / "usb"

    async def work() -> dict[str, Any]:
        async with running(
            tmp_path / "state", [f"file://{usb}"], root, files=files, settings=settings
        ) as daemon:
            await daemon.until(lambda: len(tree(usb)) == 20)
            status = await daemon.status_with(lambda s: not s["targets"][0]["wanted"])
            return dict(status["targets"][0]["queue"])

    queue = asyncio.run(work())
    assert files_max == 1000 if queue["are_files_exact"] else files_max == 50
    assert {"count": 200, "bytes": 20_000} == queue["held_back"]
