"""The desk where questions are answered: accounts take turns."""

import asyncio

from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.read.desk import Desk


def test_who_asks_much_waits_for_himself() -> None:
    """The question of another is next but one, however many of one wait already."""
    answered: list[str] = []

    async def scenario() -> None:
        desk = Desk(HubLimits(askers_max=1))
        async with asyncio.TaskGroup() as tasks:
            for who in ["greedy"] * 5 + ["ada"]:
                tasks.create_task(desk.do(who, lambda who=who: answered.append(who)))
        desk.close()

    asyncio.run(scenario())
    assert ["greedy", "greedy", "ada", *["greedy"] * 3] == answered
