"""Outages of any length on the virtual clock: probed now and then, told once, and over at once."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace

import pytest
from simulation.daemon import SETTINGS
from simulation.loop import VirtualLoop
from simulation.oracle import check_peace
from simulation.world import World

from tidelog.syncd.agent.settings import AgentSettings

HOURS, PROOF_DAYS = 5, 90
SEED = 90
QUIET_S = 1200.0
REAL = AgentSettings()

# How often a target is tried is the real setting; how often the disk is looked at costs the test's time.
SLOW_LOOKS = replace(
    SETTINGS,
    tail_interval_s=600.0,
    runs_interval_s=600.0,
    sweep_interval_s=600.0,
    live_s=3600.0,
    old_s=7200.0,
    backoff_first_s=REAL.backoff_first_s,
    backoff_max_s=REAL.backoff_max_s,
    answer_timeout_s=REAL.answer_timeout_s,
)
PROBES_PER_HOUR_MAX = 1.25 * 3600.0 / (REAL.backoff_max_s / 2)
"""Waits are anything up to the longest, so half of it on average; asking takes two requests at most."""


def unplug(world: World) -> None:
    world.weather.is_cut = True


def move_to_a_hotel(world: World) -> None:
    world.weather.is_portal = True


def fill_the_disk(world: World) -> None:
    world.hub.faults.is_full = True


def stop(world: World) -> None:
    world.hub.kill()


def revoke_the_key(world: World) -> None:
    world.hub.keys.revoke("agent")


def end(world: World) -> None:
    world.weather.clear()
    # What three months left to be sent takes its time to travel.
    world.weather.delay_s = 0.001
    world.hub.faults.heal()
    if not world.hub.is_up:
        world.hub.start()
    world.renew_key()


async def live_through(world: World, begin: Callable[[World], None], hours: int) -> None:
    """Train on, a little every hour, while the hub is away; then let it come back."""
    [place] = world.places
    machine = place.machine
    for number in range(3):
        machine.start_writer(f"p/r{number}", "main")
    world.start_daemon(place)
    await asyncio.sleep(QUIET_S)
    before = world.network.requests
    begin(world)
    for _ in range(hours):
        await asyncio.sleep(3600.0)
        for writer in machine.alive:
            writer.log_rows(1)
        machine.alive[0].log_media(50)
    requests = world.network.requests - before
    assert requests < 2 * PROBES_PER_HOUR_MAX * hours, "the target is stormed"
    assert len(world.told) == 1, world.told
    # At most three logs and the files of one run: what waits does not grow with the time.
    [agent] = place.daemons[0].agents
    assert agent.planner.wanted <= 4
    end(world)
    await asyncio.sleep(QUIET_S)
    for writer in machine.alive:
        writer.finish()
    await asyncio.sleep(QUIET_S)
    assert len(world.told) == 2, world.told
    assert "works again after" in world.told[1]
    assert place.daemons[0].is_quiet
    check_peace(world)


@pytest.mark.parametrize("begin", [unplug, move_to_a_hotel, fill_the_disk, stop, revoke_the_key])
def test_an_outage_is_told_once_and_probed_seldom(begin: Callable[[World], None]) -> None:
    """Whatever keeps the target away: few requests, one line when it begins, one when it is over."""
    world = World(SEED, settings=SLOW_LOOKS)
    run(world.loop, live_through(world, begin, HOURS))


@pytest.mark.proof
def test_proof_of_ninety_days(capsys: pytest.CaptureFixture[str]) -> None:
    """A quarter of a year without a network costs nothing but the wait."""
    world = World(SEED, settings=SLOW_LOOKS)
    run(world.loop, live_through(world, unplug, 24 * PROOF_DAYS))
    with capsys.disabled():
        print(
            f"\n{PROOF_DAYS} days: {world.network.requests} requests, {world.ledger.rows} rows, 2 lines"
        )


def run(loop: VirtualLoop, work: Coroutine[None, None, None]) -> None:
    try:
        loop.run_until_complete(work)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left))
        loop.close()
