"""Threads for calls that may never return."""

import asyncio
import subprocess
import sys
import threading

import pytest

from tidelog.syncd.agent.disk_threads import DiskThreads

ENDS = """
import threading
from tidelog.syncd.agent.disk_threads import DiskThreads

DiskThreads(2).submit(threading.Event().wait)
"""


def test_a_process_ends_though_a_call_never_returns() -> None:
    """That is what these threads are for."""
    done = subprocess.run([sys.executable, "-c", ENDS], timeout=30, check=False)
    assert 0 == done.returncode


def test_a_call_that_hangs_keeps_no_other_until_the_bound_is_reached() -> None:
    """Then the others wait until one of them returns."""
    threads, returning, is_there = DiskThreads(2), threading.Event(), threading.Event()

    def hang() -> str:
        is_there.set()
        returning.wait()
        return "back"

    first = threads.submit(hang)
    assert is_there.wait(30)
    assert ["next", "and next"] == [
        threads.submit(str, text).result(30) for text in ("next", "and next")
    ]
    is_there.clear()
    second = threads.submit(hang)
    assert is_there.wait(30)
    third = threads.submit(int)
    assert not third.done()
    returning.set()
    assert (0, "back", "back") == (third.result(30), first.result(30), second.result(30))


def test_calls_one_after_the_other_take_one_thread() -> None:
    """Others are begun only where all of them are at work."""

    async def work() -> set[int]:
        threads, loop = DiskThreads(8), asyncio.get_running_loop()
        idents = set()
        for _ in range(50):
            idents.add(await loop.run_in_executor(threads, threading.get_ident))
        return idents

    assert 1 == len(asyncio.run(work()))


def test_what_a_call_raises_is_raised_where_it_is_awaited() -> None:
    """And its thread goes on with the next call."""
    threads = DiskThreads(1)
    with pytest.raises(ValueError, match="no number"):
        threads.submit(int, "no number").result(30)
    assert 3 == threads.submit(int, "3").result(30)


def test_a_call_that_nobody_wants_any_more_is_not_made() -> None:
    """It was cancelled before its turn came."""
    threads, returning, made = DiskThreads(1), threading.Event(), list[int]()
    first, second = threads.submit(returning.wait), threads.submit(made.append, 2)
    assert second.cancel()
    returning.set()
    first.result(30)
    threads.submit(made.append, 3).result(30)
    assert [3] == made
