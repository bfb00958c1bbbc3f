"""Waits in tests for what other processes do: asked again and again, until a deadline."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 120.0
"""No bound on anything: a machine may be that busy. What must be fast is tested as such."""

Answer = TypeVar("Answer")


def until(question: Callable[[], Answer], *, patience_s: float = PATIENCE_S) -> Answer:
    """Return the first answer that is true. Raises AssertionError with the last one after a while."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"still {answer!r} after {patience_s} s"
        time.sleep(0.005)


async def until_async(question: Callable[[], Answer], *, patience_s: float = PATIENCE_S) -> Answer:
    """Do the same, and let the event loop go on meanwhile."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"still {answer!r} after {patience_s} s"
        await asyncio.sleep(0.005)
