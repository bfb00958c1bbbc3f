"""A daemon of which one root does not answer: the others, its answers and its end are as ever."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hanging_disk import HangingDisk
from run_spec import RunSpec, tree
from running_service import SERVICE_SETTINGS, running

from tidelog.syncd.agent.plan.file_filter import EVERY_FILE

THREADS_MAX = 20
"""What hangs of one root, and what works at the same time; however much there is to do and to answer."""
SETTINGS = replace(SERVICE_SETTINGS, answer_s=0.1, lend_s=0.05)
PROMPT_S = 5.0
"""Prompt, on a machine that is busy with other tests: who waits for the root waits for ever."""


@pytest.fixture
def away(tmp_path: Path) -> Iterator[HangingDisk]:
    disk = HangingDisk(tmp_path / "away")
    yield disk
    disk.answer()


def disk_threads() -> int:
    return sum(thread.name == "tidelog-disk" for thread in threading.enumerate())


def test_rows_of_other_roots_travel_and_the_daemon_answers_and_ends(
    tmp_path: Path, away: HangingDisk
) -> None:
    """All its places were taken by the root that hangs, and each question was one about it."""
    lost, usb = tmp_path / "away", tmp_path / "usb"
    here = RunSpec(tmp_path / "here").rows(3)
    runs = [RunSpec(lost, "cifar", f"r{number}", seed=number) for number in range(30)]
    threads_before = disk_threads()

    async def work() -> float:
        roots = (lost, tmp_path / "here")
        async with running(
            tmp_path / "state", [f"file://{usb}"], *roots, disk=away, settings=SETTINGS
        ) as daemon:
            await daemon.until(lambda: tree(usb) == {**tree(lost), **tree(tmp_path / "here")})
            for run in runs:
                run.rows(3)
            away.hang()
            problem = await daemon.status_with(lambda s: str(lost) in s["problems"])
            assert "has not answered since" in problem["problems"][str(lost)]
            for _ in range(3):
                here.rows(3)
                await daemon.until(lambda: tree(tmp_path / "here").items() <= tree(usb).items())
                await daemon.service.status()
            assert {"type": "watch", "is_new": True}.items() <= (
                await daemon.ask("watch", root=str(tmp_path / "new"))
            ).items()
            daemon.reload(files=EVERY_FILE)
            RunSpec(tmp_path / "new", "new").rows(3)
            await daemon.until(lambda: tree(tmp_path / "new").items() <= tree(usb).items())
            assert THREADS_MAX >= disk_threads() - threads_before
            began = time.monotonic()
        return time.monotonic() - began

    assert PROMPT_S > asyncio.run(work())


def test_it_is_told_once_and_once_that_it_is_over(tmp_path: Path, away: HangingDisk) -> None:
    """And what came meanwhile is uploaded."""
    lost, usb = tmp_path / "away", tmp_path / "usb"
    run = RunSpec(lost).rows(3)

    async def work() -> list[str]:
        async with running(
            tmp_path / "state", [f"file://{usb}"], lost, disk=away, settings=SETTINGS
        ) as daemon:
            await daemon.until(lambda: tree(usb) == tree(lost))
            away.hang()
            await daemon.until(lambda: daemon.told)
            run.rows(3)
            daemon.reload(files=EVERY_FILE)
            away.answer()
            await daemon.until(lambda: tree(usb) == tree(lost))
            await daemon.status_with(lambda status: not status["problems"])
            return [line for line in daemon.told if "answer" in line]

    first, last = asyncio.run(work())
    assert first.startswith(f"{lost} has not answered for")
    assert last.startswith(f"{lost} answers again after")


def test_a_daemon_starts_while_a_root_does_not_answer(tmp_path: Path, away: HangingDisk) -> None:
    """Roots that the configuration names are made absolute without it."""
    lost, usb = tmp_path / "away", tmp_path / "usb"
    RunSpec(lost).rows(3)
    RunSpec(tmp_path / "here", "cifar").rows(3)
    away.hang()

    async def work() -> None:
        roots = (lost, tmp_path / "here")
        async with running(
            tmp_path / "state", [f"file://{usb}"], *roots, disk=away, settings=SETTINGS
        ) as daemon:
            await daemon.until(lambda: tree(usb) == tree(tmp_path / "here"))
            away.answer()
            await daemon.until(lambda: tree(usb) == {**tree(lost), **tree(tmp_path / "here")})

    asyncio.run(work())
