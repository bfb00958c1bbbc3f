"""What happens in one seed: training, and a few kinds of trouble that the seed picked, then peace.

Few kinds at a time find more than all at once: what hides behind one fault shows where it is absent
(Groce et al., "Swarm Testing", ISSTA 2012).
"""

import asyncio
from collections.abc import Callable

from simulation.daemon import SimulatedState
from simulation.oracle import check_peace, check_power_cut
from simulation.world import Place, World

TROUBLES = (
    "lose", "break", "garble", "memory", "repeat", "slow", "cut", "portal", "gateway",
    "hub-kill", "hub-power", "hub-eio", "hub-full", "hub-short", "hub-restore", "key",
    "daemon-kill", "daemon-old", "daemon-lost", "daemon-second", "state-full", "read-eio", "clock",
    "trainer-kill", "trainer-power", "trainer-eio", "trainer-full",
    "flip", "cut-log", "replace-log", "change-file", "remove", "garbage", "clone", "fork", "threads",
    "pause", "mirror-kill", "mirror-trouble",
)  # fmt: skip
TROUBLES_MAX = 6
LASTING = {"flip", "cut-log", "replace-log", "change-file", "remove", "garbage", "clone"}
WHILES_S = (1.0, 8.0, 25.0)
NAMES = ("a.bin", "b.txt", "c/d.txt")
PROJECTS = ("p", "q ä")
QUIET_TICK_S = 5.0
QUIET_MAX_S = 3600.0


class NotQuietError(AssertionError):
    """All is well, and something still waits."""


class Scenario:
    """One world and its fate."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.random
        count = self.random.choice((0, 1, 1, 2, 2, 3, 3, 4, TROUBLES_MAX))
        self.troubles = self.random.sample(TROUBLES, count)
        self.actions = self.random.choice((4, 8, 12, 25))
        self.pace_s = self.random.choice((0.3, 2.0, 6.0))

    async def run(self) -> None:
        """Live through it; raises AssertionError where a promise was broken."""
        world, random = self.world, self.random
        world.note(f"troubles: {', '.join(self.troubles) or 'none'}; {self.actions} actions")
        self._new_run(world.places[0])
        world.start_daemon(world.places[0])
        for _ in range(self.actions):
            await asyncio.sleep(random.expovariate(1.0 / self.pace_s))
            place = random.choice(world.places)
            if self.troubles and random.random() < 0.3:
                trouble = random.choice(self.troubles)
                world.note(f"trouble: {trouble}")
                self._befall(trouble, place)
            else:
                self._train(place)
        await self._make_peace()
        check_peace(world)

    # -- training --------------------------------------------------------------------------------

    def _train(self, place: Place) -> None:
        random, machine = self.random, place.machine
        alive = machine.alive
        if not alive or random.random() < 0.06:
            if machine.runs and random.random() < 0.6:
                self._go_on(place)
            else:
                self._new_run(place)
            return
        writer = random.choice(alive)
        luck = random.random()
        if luck < 0.45:
            writer.log_rows(random.choice((1, 2, 5, 9)))
        elif luck < 0.62:
            writer.log_media(random.choice((0, 30, 100, 119, 121, 400)))
        elif luck < 0.8:
            writer.save_file(random.choice(NAMES), random.choice((0, 50, 120, 121, 149, 150, 151, 500)))
        elif luck < 0.94:
            writer.sync()
        else:
            self.world.note(f"{writer.run} {writer.name} finishes")
            writer.finish()

    def _new_run(self, place: Place) -> None:
        run = f"{self.random.choice(PROJECTS)}/r{len(place.machine.writers)}"
        self.world.note(f"new run {run}")
        place.machine.start_writer(run, "main")
        place.machine.writers[-1].log_rows(self.random.choice((0, 1, 4)))

    def _go_on(self, place: Place) -> None:
        run = self.random.choice(place.machine.runs)
        busy = {writer.name for writer in place.machine.alive if writer.run == run}
        name = self.random.choice(("main", "rank1"))
        if name not in busy:
            self.world.note(f"{run} goes on as {name}")
            place.machine.start_writer(run, name)

    # -- trouble ---------------------------------------------------------------------------------

    def _befall(self, trouble: str, place: Place) -> None:
        method = getattr(self, "_" + trouble.replace("-", "_"))
        method(place)

    def _for_a_while(self, end: Callable[[], None]) -> None:
        self.world.loop.call_later(self.random.choice(WHILES_S), end)

    def _turn(self, thing: object, value: float | bool, *names: str) -> None:
        for name in names:
            setattr(thing, name, value)
        self._for_a_while(lambda: [setattr(thing, name, type(value)()) for name in names] and None)

    def _rate(self) -> float:
        return self.random.choice((0.1, 0.3, 0.8))

    def _lose(self, _: Place) -> None:
        names = self.random.choice(
            (("lose_answer",), ("lose_request",), ("lose_answer", "lose_request"))
        )
        self._turn(self.world.weather, self._rate(), *names)

    def _break(self, _: Place) -> None:
        self._turn(self.world.weather, self._rate(), "break_body", "cut_answer")

    def _garble(self, _: Place) -> None:
        self._turn(self.world.weather, self._rate(), "garble")

    def _memory(self, _: Place) -> None:
        self._turn(self.world.weather, self._rate(), "bad_memory")

    def _repeat(self, _: Place) -> None:
        self.world.weather.slow_s = self.random.choice((0.5, 3.0))
        self._turn(self.world.weather, self._rate(), "repeat")

    def _slow(self, _: Place) -> None:
        self.world.weather.delay_s = self.random.choice((0.0, 0.5))
        self.world.weather.slow_s = self.random.choice((2.0, 30.0))
        self._turn(self.world.weather, self._rate(), "slow")

    def _cut(self, _: Place) -> None:
        self._turn(self.world.weather, True, "is_cut")

    def _portal(self, _: Place) -> None:
        self._turn(self.world.weather, True, "is_portal")

    def _gateway(self, _: Place) -> None:
        self._turn(self.world.weather, self._rate(), "gateway")

    def _hub_kill(self, _: Place) -> None:
        hub = self.world.hub
        if not hub.is_up:
            return
        if self.random.random() < 0.6:
            hub.disk.die_in = self.random.randrange(1, 40)
        else:
            hub.kill()
        self._restart_hub()

    def _hub_power(self, place: Place) -> None:
        # A disk that is about to go often fails before.
        (self._hub_kill if self.random.random() < 0.5 else self._hub_eio)(place)
        self.world.loop.call_later(self.random.random() * 8.0, self._cut_hub_power)

    def _cut_hub_power(self) -> None:
        hub = self.world.hub
        hub.kill()
        hub.medium.cut_power()
        check_power_cut(self.world)
        self._restart_hub()

    def _restart_hub(self) -> None:
        hub = self.world.hub

        def restart() -> None:
            if not hub.is_up:
                self.world.note("the hub starts again")
                hub.start()
            elif hub.disk.die_in:
                self._for_a_while(restart)

        self._for_a_while(restart)

    def _hub_eio(self, _: Place) -> None:
        names = self.random.choice((("eio_sync",), ("eio_sync", "eio_write"), ("eio_read",)))
        self._turn(self.world.hub.faults, self._rate(), *names)

    def _hub_full(self, _: Place) -> None:
        self._turn(self.world.hub.faults, True, "is_full")

    def _hub_short(self, _: Place) -> None:
        self._turn(self.world.hub.faults, self._rate(), "short_write")

    def _hub_restore(self, _: Place) -> None:
        if self.random.random() < 0.5:
            self.world.back_up_hub()
        else:
            self.world.restore_hub()
            self._restart_hub()

    def _key(self, _: Place) -> None:
        self.world.secret = "tide_nonsense"
        self._for_a_while(self.world.renew_key)

    def _daemon_kill(self, place: Place, state: SimulatedState | None = None) -> None:
        daemon = place.daemons[-1]
        if daemon.is_up and state is None and self.random.random() < 0.5:
            daemon.disk.die_in = self.random.randrange(1, 30)
        else:
            daemon.kill()
        heir = state or daemon.state

        def restart() -> None:
            if daemon.is_up:
                self._for_a_while(restart)
            elif not any(other.is_up for other in place.daemons if other.state is heir):
                self.world.start_daemon(place, heir)

        self._for_a_while(restart)

    def _daemon_old(self, place: Place) -> None:
        for daemon in place.daemons[-1:]:
            daemon.kill()
            old = self.random.choice(daemon.state.backups)
            self._daemon_kill(place, daemon.state.restored(old))

    def _daemon_lost(self, place: Place) -> None:
        self._daemon_kill(place, SimulatedState())

    def _daemon_second(self, place: Place) -> None:
        if sum(daemon.is_up for daemon in place.daemons) == 1:
            self.world.start_daemon(place)

    def _state_full(self, place: Place) -> None:
        for daemon in place.daemons:
            self._turn(daemon.state, True, "is_failing")

    def _read_eio(self, place: Place) -> None:
        self._turn(place.machine.faults, self._rate(), "eio_read")

    def _clock(self, place: Place) -> None:
        place.machine.clock.jump_s += self.random.choice((-4000.0, -30.0, 30.0, 4000.0))

    def _trainer_kill(self, place: Place) -> None:
        for writer in place.machine.alive[:1]:
            (writer.tear if self.random.random() < 0.5 else writer.die)()

    def _trainer_power(self, place: Place) -> None:
        heirs = [daemon.state for daemon in place.daemons if daemon.is_up]
        for daemon in place.daemons:
            daemon.kill()
        place.machine.cut_power()
        for heir in heirs:
            self._for_a_while(lambda heir=heir: self.world.start_daemon(place, heir))  # type: ignore[misc]

    def _trainer_eio(self, place: Place) -> None:
        name = self.random.choice(("eio_sync", "eio_write", "short_write"))
        self._turn(place.machine.faults, self._rate(), name)

    def _trainer_full(self, place: Place) -> None:
        self._turn(place.machine.faults, True, "is_full")

    def _flip(self, place: Place) -> None:
        place.machine.flip()

    def _cut_log(self, place: Place) -> None:
        place.machine.cut_log()

    def _replace_log(self, place: Place) -> None:
        place.machine.replace_log()

    def _change_file(self, place: Place) -> None:
        place.machine.change_file()

    def _remove(self, place: Place) -> None:
        place.machine.remove_run()

    def _garbage(self, place: Place) -> None:
        place.machine.put_garbage()

    def _clone(self, place: Place) -> None:
        if len(self.world.places) < 2:
            other = Place(place.machine.clone())
            self.world.places.append(other)
            states = [daemon.state for daemon in place.daemons[-1:] if self.random.random() < 0.5]
            self.world.start_daemon(other, states[0].restored(states[0].copy()) if states else None)

    def _fork(self, place: Place) -> None:
        for writer in place.machine.alive[:1]:
            log = writer.stream.log
            if log is not None:
                place.machine.start_writer(writer.run, "rank2", forked_from=log.log_id.hex())

    def _threads(self, _: Place) -> None:
        self._turn(self.world.loop, self.random.choice((0.05, 2.0)), "thread_delay_s")

    def _pause(self, place: Place) -> None:
        for daemon in place.daemons:
            daemon.gate.paused_until = place.machine.clock.now() + self.random.choice((5.0, 60.0))
            for agent in daemon.agents:
                agent.wake()

    def _mirror_kill(self, place: Place) -> None:
        for daemon in place.daemons[-1:]:
            if daemon.is_up and daemon.mirror_disk is not None:
                daemon.mirror_disk.die_in = self.random.randrange(1, 40)
                self._daemon_kill(place)

    def _mirror_trouble(self, place: Place) -> None:
        name = self.random.choice(("eio_sync", "eio_write", "eio_read", "short_write"))
        for daemon in place.daemons[-1:]:
            if self.random.random() < 0.4:
                self._turn(daemon.mirror_faults, True, "is_full")
            else:
                self._turn(daemon.mirror_faults, self._rate(), name)

    # -- peace -----------------------------------------------------------------------------------

    async def _make_peace(self) -> None:
        """Let all faults end, and everything run until it is quiet, within a bound."""
        world = self.world
        world.note("peace")
        # What was turned on for a while ends by itself, and everything that died comes back.
        await asyncio.sleep(max(WHILES_S) + 1.0)
        world.weather.clear()
        world.loop.thread_delay_s = 0.0
        world.hub.faults.heal()
        world.hub.disk.die_in = 0
        if world.secret == "tide_nonsense":
            world.renew_key()
        if not world.hub.is_up:
            world.hub.start()
        for place in world.places:
            place.machine.faults.heal()
            for daemon in place.daemons:
                daemon.heal()
            if not any(daemon.is_up for daemon in place.daemons):
                world.start_daemon(place, place.daemons[-1].state)
        await asyncio.sleep(5.0)
        for place in world.places:
            for writer in place.machine.alive:
                (writer.finish if self.random.random() < 0.3 else writer.sync)()
        await self._be_quiet()
        if {"read-eio", "memory"} & set(self.troubles):
            # What a bad disk or bad memory spoiled is parked, and told: the person says `syncd retry`.
            for _, daemon in world.daemons_up():
                for agent in daemon.agents:
                    agent.retry(parked=True)
            await self._be_quiet()
        if world.was_restored:
            # A hub that lost what it had acknowledged: the daemons find that out by themselves.
            await self._be_quiet(recounts=2)

    async def _be_quiet(self, *, recounts: int = 0) -> None:
        daemons = self.world.daemons_up()
        sweeps = {id(daemon): daemon.sweeps + 2 for _, daemon in daemons}
        asked = {id(daemon): daemon.recounts + recounts for _, daemon in daemons}
        deadline = self.world.loop.time() + QUIET_MAX_S
        while True:
            await asyncio.sleep(QUIET_TICK_S)
            for _, daemon in daemons:
                for failure in daemon.failures():
                    raise AssertionError(f"a daemon has ended: {failure!r}") from failure
            if all(
                d.is_quiet and d.sweeps >= sweeps[id(d)] and d.recounts >= asked[id(d)]
                for _, d in daemons
            ):
                return
            if self.world.loop.time() > deadline:
                waiting = [f"{a.planner!r} {a.planner.waiting}" for _, d in daemons for a in d.agents]
                raise NotQuietError(f"not quiet after {QUIET_MAX_S:.0f} s: {waiting}")
