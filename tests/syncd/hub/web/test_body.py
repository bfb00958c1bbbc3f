"""The memory of bodies and the locks of logs: who waits for what, and for how long."""

import asyncio

import pytest

from tidelog.syncd.errors import ProblemError
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.receive.locks import Locks
from tidelog.syncd.hub.web.body import BodyMemory


def memory_of(bytes_max: int, wait_s: float = 10.0) -> BodyMemory:
    return BodyMemory(HubLimits(bodies_bytes_max=bytes_max, body_wait_s=wait_s))


async def until_waiting(memory: BodyMemory, count: int) -> None:
    while f"{count} waiting" not in repr(memory):  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(0)


def test_bodies_share_the_memory_and_wait_in_line() -> None:
    """Who came first is served first, also where a smaller one would fit."""

    async def scenario() -> list[str]:
        memory, order = memory_of(100), []

        async def take(name: str, size: int) -> None:
            async with memory.take("ada", size):
                order.append(name)

        async with asyncio.TaskGroup() as tasks, memory.take("ada", 60):
            tasks.create_task(take("large", 90))
            await until_waiting(memory, 1)
            tasks.create_task(take("small", 10))
            await until_waiting(memory, 2)
            order.append("first")
        assert "100 bytes for bodies free, 0 waiting" in repr(memory)
        return order

    assert ["first", "large", "small"] == asyncio.run(scenario())


def test_a_body_larger_than_the_memory_is_taken_alone() -> None:
    """It waits until all of it is free."""

    async def scenario() -> None:
        memory = memory_of(100)
        async with memory.take("ada", 1000):
            assert "0 bytes for bodies free" in repr(memory)
        assert "100 bytes for bodies free" in repr(memory)

    asyncio.run(scenario())


def test_who_waits_too_long_is_sent_away_with_503() -> None:
    """And takes nothing with him."""

    async def scenario() -> None:
        memory = memory_of(100, wait_s=0.01)
        async with memory.take("ada", 100):
            with pytest.raises(ProblemError, match="try again") as e:
                async with memory.take("ada", 1):
                    raise AssertionError
            assert 503 == e.value.problem.status
        assert "100 bytes for bodies free, 0 waiting" in repr(memory)

    asyncio.run(scenario())


def test_who_goes_away_while_waiting_leaves_the_line() -> None:
    """The next one is served."""

    async def scenario() -> None:
        memory = memory_of(100)

        async def take() -> None:
            async with memory.take("ada", 100):
                pass

        async with memory.take("ada", 100):
            leaving, staying = asyncio.create_task(take()), asyncio.create_task(take())
            await until_waiting(memory, 2)
            leaving.cancel()
            await asyncio.wait([leaving])
        await staying
        assert "100 bytes for bodies free, 0 waiting" in repr(memory)

    asyncio.run(scenario())


def test_who_goes_away_as_the_turn_comes_gives_it_back() -> None:
    """Memory is not lost in that moment."""

    async def scenario() -> None:
        memory = memory_of(100)

        async def take() -> None:
            async with memory.take("ada", 100):
                pass

        async with memory.take("ada", 100):
            leaving = asyncio.create_task(take())
            await until_waiting(memory, 1)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert "100 bytes for bodies free, 0 waiting" in repr(memory)

    asyncio.run(scenario())


def test_a_lock_keeps_others_from_one_name_only() -> None:
    """And is gone when nobody holds it."""

    async def scenario() -> list[str]:
        locks, order = Locks(), []

        async def take(name: str) -> None:
            async with locks.hold(name):
                order.append(name)

        async with asyncio.TaskGroup() as tasks, locks.hold("a"):
            same = tasks.create_task(take("a"))
            await tasks.create_task(take("b"))
            assert not same.done()
            order.append("held")
        assert "0 in use" in repr(locks)
        return order

    assert ["b", "held", "a"] == asyncio.run(scenario())
