"""Live through seeds: one is one run, and the same one every time."""

import asyncio
import contextlib
import hashlib
import traceback
from dataclasses import dataclass, field

from simulation.loop import BusyError, StuckError
from simulation.scenario import Scenario
from simulation.world import World


@dataclass(slots=True)
class Outcome:
    """What one seed gave: why it failed, if it did, and what happened."""

    seed: int
    failure: str = ""
    trace: list[str] = field(default_factory=list)
    virtual_s: float = 0.0
    requests: int = 0
    rows: int = 0

    @property
    def digest(self) -> str:
        """What is the same where the same happened."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def live(seed: int, *, is_traced: bool = False) -> Outcome:
    """Live through one seed."""
    outcome = Outcome(seed)
    world = World(seed, note=outcome.trace.append)
    world.network.is_traced = is_traced
    try:
        world.loop.run_until_complete(Scenario(world).run())
    except Exception as error:
        outcome.failure = f"{type(error).__name__}: {error}"
        outcome.trace.append("".join(traceback.format_exception(error)))
    outcome.virtual_s = world.loop.time()
    outcome.requests = world.network.requests
    outcome.rows = world.ledger.rows
    _end(world)
    return outcome


def _end(world: World) -> None:
    """End whatever still runs, so that nothing of this seed reaches into the next."""
    for _, daemon in world.daemons_up():
        daemon.kill()
    world.hub.kill()
    left = asyncio.all_tasks(world.loop)
    for task in left:
        task.cancel()
    with contextlib.suppress(BusyError, StuckError):
        world.loop.run_until_complete(_all_ended(left))
    world.loop.close()


async def _all_ended(tasks: "set[asyncio.Task[object]]") -> None:
    if tasks:
        await asyncio.wait(tasks)
