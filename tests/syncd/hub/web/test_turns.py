"""Accounts take turns: however many wait of one, another is next but one."""

import asyncio

import pytest

from tidelog.syncd.errors import ProblemError
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.web.turns import Turns


async def queue_up(turns: Turns, waiting: list[str], done: list[str], *, held_by: str) -> None:
    """Hold the only place until all the others wait for it, then let them go."""

    async def take(account: str) -> None:
        async with turns.take(account):
            done.append(account)

    async with asyncio.TaskGroup() as tasks, turns.take(held_by):
        for account in waiting:
            tasks.create_task(take(account))
        while f"{len(waiting)} waiting" not in repr(turns):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0)


def test_each_account_has_a_turn_before_any_has_its_second() -> None:
    """Also one that comes when a hundred of another wait already."""
    done: list[str] = []
    turns = Turns(1, HubLimits(), of="places")
    waiting = [*["greedy"] * 100, "ada", "bob", "ada"]
    asyncio.run(queue_up(turns, waiting, done, held_by="greedy"))
    assert ["greedy", "ada", "bob", "greedy", "ada", "greedy"] == done[:6]
    assert sorted(waiting) == sorted(done)
    assert "1 places free, 0 waiting" in repr(turns)


def test_an_account_that_has_its_share_is_passed_by() -> None:
    """The rest is for others, at once."""

    async def scenario() -> None:
        turns = Turns(24, HubLimits(body_wait_s=0.01), of="bytes", share=16)
        async with turns.take("greedy", 16):
            with pytest.raises(ProblemError, match="others hold the 24 bytes"):
                async with turns.take("greedy", 1):
                    raise AssertionError
            async with turns.take("ada", 8):
                assert "0 bytes free" in repr(turns)
        assert "24 bytes free, 0 waiting" in repr(turns)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (HubLimits(waiting_per_account_max=2), "2 requests of this account wait"),
        (HubLimits(waiting_max=2), "2 requests wait"),
    ],
)
def test_who_comes_behind_a_full_line_is_told_to_come_again(limits: HubLimits, said: str) -> None:
    """429; nobody in the line is hurt."""
    done: list[str] = []

    async def scenario() -> None:
        turns = Turns(1, limits, of="places")

        async def take() -> None:
            async with turns.take("ada"):
                done.append("ada")

        async with asyncio.TaskGroup() as tasks, turns.take("ada"):
            for _ in range(2):
                tasks.create_task(take())
            await asyncio.sleep(0)
            with pytest.raises(ProblemError, match=said) as e:
                async with turns.take("ada"):
                    raise AssertionError
            assert 429 == e.value.problem.status

    asyncio.run(scenario())
    assert ["ada", "ada"] == done


def test_an_empty_body_is_one_as_well() -> None:
    """Who takes nothing beside another of his account gives back nothing that is the other's."""

    async def scenario() -> None:
        turns = Turns(24, HubLimits(), of="bytes")
        async with turns.take("ada", 0):
            async with turns.take("ada", 5):
                assert "18 bytes free" in repr(turns)
            assert "23 bytes free" in repr(turns)
        assert "24 bytes free, 0 waiting" in repr(turns)

    asyncio.run(scenario())
